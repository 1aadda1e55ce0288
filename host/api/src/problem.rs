//! What is answered in place of a success: `application/problem+json`, after RFC 9457.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use tidegate_core::{Error, Errors, Kind, Retry};
use utoipa::ToSchema;

/// After so many seconds the same request may be met better.
const RETRY_AFTER_S: &str = "5";

/// Why a request was not met. `code` is one of `docs/error-codes.md`, and stable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// `urn:tidegate:error:` and the code.
    #[serde(rename = "type")]
    kind: String,
    /// The status in words.
    title: String,
    /// The HTTP status.
    status: u16,
    /// Dotted and stable.
    code: String,
    /// What is wrong, with the offending value.
    detail: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    /// Where: a file with line and column, or a JSON pointer.
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<String>,
    /// All that was found, where it is more than one thing; the first is told above.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<ProblemItem>,
}

/// One of several things that are wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct ProblemItem {
    /// Dotted and stable.
    pub(crate) code: String,
    /// What is wrong.
    pub(crate) detail: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<String>,
    /// Where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) place: Option<String>,
}

impl From<&Error> for ProblemItem {
    fn from(error: &Error) -> Self {
        Self {
            code: error.code.clone(),
            detail: error.message.clone(),
            hint: error.hint.clone(),
            place: error.place.as_ref().map(ToString::to_string),
        }
    }
}

impl Problem {
    /// A problem that is the API's own.
    pub(crate) fn new(status: StatusCode, code: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:tidegate:error:{code}"),
            title: status.canonical_reason().unwrap_or_default().to_owned(),
            status: status.as_u16(),
            code: code.to_owned(),
            detail: detail.into(),
            hint: None,
            place: None,
            errors: Vec::new(),
        }
    }

    /// The same, with the fix.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// The status that an error of the host is answered with. The last word of its code tells what is not there, and what cannot be
/// done as things stand.
fn status(error: &Error) -> StatusCode {
    let word = error.code.rsplit('.').next().unwrap_or_default();
    match (error.kind, error.retry) {
        (Kind::Usage, _) if word.starts_with("unknown") => StatusCode::NOT_FOUND,
        (Kind::Usage, _) if word.starts_with("not_") => StatusCode::CONFLICT,
        (Kind::Usage | Kind::Schema | Kind::Data | Kind::Plugin, _) => StatusCode::UNPROCESSABLE_ENTITY,
        (Kind::Cancelled, _) => StatusCode::CONFLICT,
        (Kind::Resource | Kind::State, Retry::Later) => StatusCode::SERVICE_UNAVAILABLE,
        (Kind::Resource, Retry::Never) => StatusCode::BAD_GATEWAY,
        (Kind::State | Kind::Internal, _) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let status = status(&error);
        let item = ProblemItem::from(&error);
        let mut problem = Self::new(status, &item.code, item.detail);
        // What the state or the program itself says of itself is for its operator, who has the log.
        if status.is_server_error() && error.kind != Kind::Resource {
            problem.detail = match status {
                StatusCode::SERVICE_UNAVAILABLE => "the state store does not answer".into(),
                _ => "the server could not answer; its log tells why".into(),
            };
            return problem;
        }
        problem.hint = item.hint;
        problem.place = item.place;
        problem
    }
}

impl From<Errors> for Problem {
    fn from(errors: Errors) -> Self {
        let items: Vec<ProblemItem> = errors.0.iter().map(ProblemItem::from).collect();
        let mut problem = match errors.0.into_iter().next() {
            Some(first) => Self::from(first),
            None => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "api.internal",
                "nothing was told",
            ),
        };
        if items.len() > 1 && problem.status < 500 {
            problem.errors = items;
        }
        problem
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(self)).into_response();
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, kind);
        if status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer realm=\"tidegate\"");
            headers.insert(header::WWW_AUTHENTICATE, scheme);
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_S));
        }
        response
    }
}
