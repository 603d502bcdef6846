//! `/api/v1/openapi.json`.

use std::sync::LazyLock;

use axum::response::Response;
use utoipa::OpenApi;

use super::shapes::Refused;
use crate::door::Entered;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "MxGateway",
        description = "What the dashboard shows, to read. Numbers of epochs are hexadecimal text.",
    ),
    paths(
        super::snapshot,
        super::sessions,
        super::session,
        super::workers,
        super::keys,
        super::audit,
        super::settings,
        description,
    )
)]
struct Api;

static DESCRIPTION: LazyLock<String> =
    LazyLock::new(|| Api::openapi().to_json().expect("a description has text keys only"));

/// What there is to read, as OpenAPI.
#[utoipa::path(get, path = "/api/v1/openapi.json", responses(
    (status = 200, description = "This description", content_type = "application/json"),
    (status = 401, description = "Sign in first", body = Refused),
))]
pub(crate) async fn description(_entered: Entered) -> Response {
    super::json_text(DESCRIPTION.as_str())
}
