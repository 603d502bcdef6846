//! How the gateway is reached, and with what key.

use super::{Key, Preset, SECONDS, count, key};
use crate::config::kind::Kind;

pub(super) const KEYS: &[Key] = &[
    key(
        "server.listen",
        Kind::Address { empty: None },
        "127.0.0.1:5120",
        "Address and port of the gRPC service; port 0 takes a free one. One that other machines reach needs \
         `auth.mode = \"api_key\"`, and should have TLS.",
    ),
    key(
        "server.shutdown_timeout_seconds",
        SECONDS,
        "10",
        "How long sessions may take to close when the gateway stops; then their workers are killed.",
    ),
    Key {
        path: "server.data_directory",
        kind: Kind::Path { empty: None },
        preset: Preset::DataDirectory,
        meaning: "Folder of what the gateway keeps: key store, pepper, self-signed certificate. Made for this \
                  user only.",
    },
    key(
        "http.listen",
        Kind::Address { empty: Some("no HTTP service") },
        "127.0.0.1:5121",
        "Address and port of the dashboard, `/health/live`, `/health/ready` and `/metrics` over HTTP.",
    ),
    key(
        "http.tls",
        Kind::Flag,
        "false",
        "Whether HTTP speaks TLS, too, with the certificate of `tls.mode`. Browsers then keep their sign-in to \
         HTTPS.",
    ),
    key(
        "auth.mode",
        Kind::Choice(&["api_key", "disabled"]),
        "api_key",
        "Who may use the gateway: holders of an API key (`mxgateway apikey create`), or with `disabled` \
         everybody who reaches it, which is for development on one machine.",
    ),
    key("auth.database_url", Kind::DatabaseUrl, "", "Where API keys and the audit trail are kept."),
    key(
        "auth.pepper_path",
        Kind::Path { empty: Some("`pepper` in `server.data_directory`") },
        "",
        "File of the secret that the stored hashes of keys depend on; made at the first start. Gateways that \
         share a database need the same.",
    ),
    key(
        "auth.cache_seconds",
        SECONDS,
        "60",
        "How long keys that were in use stay good while the key store does not answer.",
    ),
    key(
        "audit.retention_days",
        Kind::Count { min: 1, max: 36_500, zero: Some("for ever") },
        "90",
        "How many days entries of the audit trail are kept.",
    ),
    key(
        "audit.record_writes",
        Kind::Choice(&["none", "secured", "all"]),
        "secured",
        "Which writes of values get an entry: none, those by WriteSecured, or all. Refused ones always do.",
    ),
    key(
        "tls.mode",
        Kind::Choice(&["off", "self_signed", "files"]),
        "off",
        "Whether the gRPC service speaks TLS (and HTTP, with `http.tls`), with a certificate of its own making that \
         is kept, or with one from files.",
    ),
    key(
        "tls.certificate_path",
        Kind::Path { empty: Some("none") },
        "",
        "PEM file of the certificate and those that vouch for it, for `tls.mode = \"files\"`.",
    ),
    key(
        "tls.private_key_path",
        Kind::Path { empty: Some("none") },
        "",
        "PEM file of the certificate's private key, for `tls.mode = \"files\"`.",
    ),
    key(
        "tls.client_ca_path",
        Kind::Path { empty: Some("no client certificates") },
        "",
        "PEM file of the authorities whose certificates clients have to show, besides their API key.",
    ),
    key(
        "tls.extra_names",
        Kind::HostNames,
        "",
        "Further names and addresses in the self-signed certificate, which has localhost and the name of the \
         machine anyway.",
    ),
    key(
        "tls.validity_days",
        count(1, 36_500),
        "3650",
        "How long a new self-signed certificate is good; an expired one is made anew at the next start.",
    ),
];
