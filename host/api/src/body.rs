//! The body of a request, and its query: JSON and parameters that say nothing that is not known.

use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use http::request::Parts;
use http::{StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use serde::de::DeserializeOwned;
use std::time::Duration;

use crate::problem::Problem;

/// What a body may hold, in bytes: a selection, tags and a config.
const MAX_BODY_BYTES: usize = 1 << 20;

/// How long a body may take to come.
const BODY_LIMIT: Duration = Duration::from_secs(30);

/// The code of a body that cannot be read.
const CODE: &str = "api.body";

/// A body of JSON; an empty one is `{}`.
pub(crate) struct Body<T> {
    pub(crate) value: T,
    /// The bytes as they came, by which a repeat is told from another request.
    pub(crate) bytes: Vec<u8>,
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let kind = request.headers().get(header::CONTENT_TYPE).cloned();
        let read = Limited::new(request.into_body(), MAX_BODY_BYTES).collect();
        let bytes = match tokio::time::timeout(BODY_LIMIT, read).await {
            Err(_) => {
                return Err(Problem::new(
                    StatusCode::REQUEST_TIMEOUT,
                    CODE,
                    "the body took too long to come",
                ));
            }
            Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
                let message = format!("the body has more than {MAX_BODY_BYTES} bytes");
                return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, CODE, message));
            }
            Ok(Err(_)) => {
                return Err(Problem::new(
                    StatusCode::BAD_REQUEST,
                    CODE,
                    "the body did not come whole",
                ));
            }
            Ok(Ok(collected)) => collected.to_bytes().to_vec(),
        };
        let text = if bytes.is_empty() {
            b"{}".as_slice()
        } else {
            &bytes
        };
        if !bytes.is_empty() && !kind.is_some_and(|kind| is_json(kind.as_bytes())) {
            let message = "the body is not said to be JSON";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, CODE, message)
                .hint("send `Content-Type: application/json`"));
        }
        match serde_json::from_slice(text) {
            Ok(value) => Ok(Self { value, bytes }),
            Err(error) => Err(Problem::new(
                StatusCode::BAD_REQUEST,
                CODE,
                format!("the body cannot be read: {error}"),
            )),
        }
    }
}

fn is_json(kind: &[u8]) -> bool {
    let essence = kind.split(|byte| *byte == b';').next().unwrap_or_default();
    essence.trim_ascii().eq_ignore_ascii_case(b"application/json")
}

/// The parameters behind `?`.
pub(crate) struct Asked<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::from_request_parts(parts, state).await {
            Ok(Query(value)) => Ok(Self(value)),
            Err(error) => Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "api.query",
                format!("the query cannot be read: {}", error.body_text()),
            )),
        }
    }
}
