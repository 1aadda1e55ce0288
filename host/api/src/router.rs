//! Which request goes where, and what holds of every one.

use std::sync::Arc;

use axum::Router;
use axum::response::IntoResponse;
use http::{HeaderName, HeaderValue, StatusCode, header};
use tidegate_orchestrator::Orchestrator;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::access::Access;
use crate::problem::Problem;
use crate::{health, openapi};

/// What every request is answered from.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) orchestrator: Arc<Orchestrator>,
    pub(crate) access: Access,
    /// The server is to stop: what only waits ends.
    pub(crate) stopping: CancellationToken,
}

/// Everything that is answered. The health of the process and the document are told without a token: they hold nothing of
/// the project.
pub(crate) fn router(orchestrator: Arc<Orchestrator>, access: Access, stopping: CancellationToken) -> Router {
    let app = App {
        orchestrator,
        access,
        stopping,
    };
    let (api, document) = openapi::api().split_for_parts();
    let document = openapi::finished(document);
    Router::new()
        .nest("/api/v1", api)
        .route(
            "/api/v1/openapi.json",
            axum::routing::get(async move || axum::Json(document.clone())),
        )
        .merge(health::routes())
        .fallback(async || no_path())
        .method_not_allowed_fallback(async || {
            let message = "the path takes other methods, which `Allow` tells";
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "api.method", message)
        })
        .with_state(app)
        .layer(CatchPanicLayer::custom(|_| {
            let message = "the server could not answer; its log tells why";
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "api.panic", message).into_response()
        }))
        // An answer is for whoever asked, and is no page: it runs nothing, is shown in no frame, and is what it says it is.
        .layer(said(header::CACHE_CONTROL, "no-store"))
        .layer(said(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(said(
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ))
        .layer(said(header::REFERRER_POLICY, "no-referrer"))
}

fn said(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}

fn no_path() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "api.no_path",
        "there is nothing at this path",
    )
    .hint("/api/v1/openapi.json tells what there is")
}
