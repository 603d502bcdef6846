//! The table of metrics as a document.

use std::fmt::Write;

use super::table::{Kind, METRICS, Metric};

const INTRODUCTION: &str = "\
<!-- Made from the table of metrics; `UPDATE_METRICS=1 cargo test -p mxgateway-server --lib metrics` makes it
again. Do not edit. -->
# Health and metrics

`http.listen` ([configuration](configuration.md)) says where the gateway answers over HTTP, and `http.tls`
whether with TLS. Without it an address that other machines reach belongs into a network where nobody listens in.
The [dashboard](dashboard.md) is there, too.

| Request | Answer | Needs |
|---|---|---|
| `GET /health/live` | 200 as long as the process serves | nothing |
| `GET /health/ready` | 200, or 503 when the gateway cannot do its work; the JSON object names each check | nothing |
| `GET /metrics` | the metrics below, for Prometheus | an API key with the scope `metadata:read`, unless `auth.mode` is `disabled` |

`HEAD` is answered like `GET`. A connection may stay open for further requests, up to a minute.

`grpc.health.v1.Health` says the same as `/health/ready`:

| Service | Serving |
|---|---|
| the empty name, `mxgateway.v1.MxGateway` | when `/health/ready` answers 200: `listener`, `worker_program` and `key_store` are not `failed` |
| `mxgateway.audit` | while `audit_trail` is not `failed`; that alone does not make the gateway not ready, because an audit trail that cannot be written stops nothing |

For Prometheus, with the key in a file:

```yaml
scrape_configs:
  - job_name: mxgateway
    authorization:
      credentials_file: /etc/prometheus/mxgateway.key
    static_configs:
      - targets: [\"127.0.0.1:5121\"]
```

## Metrics

Counters begin at 0 with the gateway, and every series is there from the start. No label has values that
clients choose.

";

/// `docs/metrics.md`.
pub fn markdown() -> String {
    let mut text = INTRODUCTION.to_owned();
    text.push_str("| Metric | Kind | Unit | Labels | Meaning |\n|---|---|---|---|---|\n");
    for metric in METRICS {
        let Metric { kind, unit, labels, help, .. } = metric;
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Info => "info",
        };
        let labels: Vec<String> = labels.iter().map(|label| format!("`{}`", label.name)).collect();
        let name = metric.full_name();
        let _ = writeln!(text, "| `{name}` | {kind} | {unit} | {} | {help}. |", labels.join(", "));
    }
    text.push_str("\n## Labels\n\n| Metric | Label | Values |\n|---|---|---|\n");
    for metric in METRICS {
        for label in metric.labels {
            let values: Vec<String> = label.values.iter().map(|value| format!("`{value}`")).collect();
            let values = if values.is_empty() { "one".to_owned() } else { values.join("; ") };
            let _ = writeln!(text, "| `{}` | `{}` | {values} |", metric.full_name(), label.name);
        }
    }
    text
}
