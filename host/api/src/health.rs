//! Whether the process lives, and whether it can answer: for whoever restarts it, and for whoever sends it requests.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use http::StatusCode;
use tidegate_core::port::RunFilter;

use crate::problem::Problem;
use crate::router::App;

/// How long the state store may take to answer before the process counts as not ready.
const READY_LIMIT: Duration = Duration::from_secs(3);

/// `/healthz` and `/readyz`.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/healthz", get(async || "ok"))
        .route("/readyz", get(ready))
}

/// Ready, where the state store answers and the server is not about to stop.
async fn ready(State(app): State<App>) -> Result<&'static str, Problem> {
    let not = |why: &str| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "api.not_ready", why);
    if app.stopping.is_cancelled() {
        return Err(not("the server stops"));
    }
    let one = RunFilter {
        limit: 1,
        ..RunFilter::default()
    };
    match tokio::time::timeout(READY_LIMIT, app.orchestrator.state.runs(&one)).await {
        Ok(Ok(_)) => Ok("ok"),
        _ => Err(not("the state store does not answer")),
    }
}
