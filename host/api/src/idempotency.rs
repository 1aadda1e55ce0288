//! A request that is sent twice is met once: `Idempotency-Key`.
//!
//! After draft-ietf-httpapi-idempotency-key-header-07: a repeat is answered as the first was, and another request under the
//! same key with 422. The key becomes the run's `run_key`, which the state store keeps to one run by itself, also of two
//! requests at once, and after the run was pruned; the run's tag tells a repeat from another request.

use axum::extract::FromRequestParts;
use http::StatusCode;
use http::request::Parts;
use tidegate_core::plan::{Digest, RunId};
use tidegate_core::port::{Inserted, StateStore};

use crate::problem::Problem;

/// The header's name.
const HEADER: &str = "idempotency-key";

/// What a key may hold, in characters.
const MAX_CHARS: usize = 255;

/// The tag of a run that tells what was asked for under its key.
const TAG: &str = "tidegate/request";

/// The key of a request; none where a repeat is another request.
pub(crate) struct IdempotencyKey(Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get(HEADER) else {
            return Ok(Self(None));
        };
        let key = value.to_str().unwrap_or_default();
        if key.is_empty() || key.len() > MAX_CHARS {
            let message = format!("an Idempotency-Key has 1 to {MAX_CHARS} visible characters");
            return Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "api.idempotency_key",
                message,
            ));
        }
        Ok(Self(Some(key.to_owned())))
    }
}

/// A key with what is asked for under it.
pub(crate) struct Once {
    run_key: String,
    request: Digest,
}

impl IdempotencyKey {
    /// The key of a caller for a request: its path and the bytes of its body. No two callers share a key.
    pub(crate) fn of(self, caller: &str, path: &str, body: &[u8]) -> Option<Once> {
        let key = self.0?;
        let mut request = format!("{path}\n").into_bytes();
        request.extend_from_slice(body);
        Some(Once {
            run_key: format!("api/{caller}/{key}"),
            request: Digest::of(&request),
        })
    }
}

impl Once {
    /// The `run_key` of the request's run, or of its runs.
    pub(crate) fn run_key(&self) -> &str {
        &self.run_key
    }

    /// The tag of the request's run.
    pub(crate) fn tag(&self) -> (String, String) {
        (TAG.to_owned(), self.request.hex().to_owned())
    }
}

/// Whether the run was known before, where it is that of the same request; a run under a `run_key` that the caller chose is
/// what was asked for, whatever it was made of.
pub(crate) async fn same(
    state: &dyn StateStore,
    once: Option<&Once>,
    inserted: Inserted,
) -> Result<bool, Problem> {
    let Inserted::Known(run) = inserted else {
        return Ok(false);
    };
    let Some(once) = once else { return Ok(true) };
    let gone = |run: RunId| {
        let message = format!("run {run} was made under this key, and is not kept any more");
        Problem::new(StatusCode::CONFLICT, "api.run_gone", message)
    };
    let known = state.run(run).await?.ok_or_else(|| gone(run))?;
    let (tag, request) = once.tag();
    if known.tags.get(&tag) == Some(&request) {
        return Ok(true);
    }
    let message = format!("run {run} was asked for under this Idempotency-Key by another request");
    Err(
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "api.key_reused", message)
            .hint("send each request that is another one under a key of its own"),
    )
}
