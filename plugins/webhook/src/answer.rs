//! What an endpoint's answer means for the rows of the request.

use tidegate_sdk::http::Response;
use tidegate_sdk::prelude::*;

/// The most of an answer that a fault shows, in bytes: what is wrong with a row is said in a few lines.
const SHOWN_BYTES: usize = 300;

/// A fault where the endpoint did not take them; `key` is the config's that names the endpoint. 429 and 5xx do not get
/// here: the SDK has made them faults that may pass.
pub(crate) fn judge(answer: &Response, what: &str, key: &str) -> Result<(), Fault> {
    let message = || {
        format!(
            "the endpoint answered {} to {what}{}",
            answer.status,
            said(&answer.body)
        )
    };
    Err(match answer.status {
        200..300 => return Ok(()),
        // It was slow to read, still has the same request under way, or does not like requests that come so early: RFC 9110,
        // section 15.5.9; draft-ietf-httpapi-idempotency-key-header, section 2.6; RFC 8470, section 5.2.
        408 | 409 | 425 => Fault::Retryable {
            message: message(),
            after_ms: answer
                .header("retry-after")
                .and_then(|text| text.trim().parse::<u64>().ok())
                .map(|seconds| seconds.saturating_mul(1_000)),
        },
        // The request itself is wrong: what it holds, or how much.
        400 | 422 => Fault::data(message()),
        413 => Fault::data(message() + "; lower `bytes_per_request` or `rows_per_request`"),
        // What is wrong is where, or in whose name, it is posted.
        300..400 => Fault::config(
            key,
            message() + "; redirects are not followed: write the URL that it leads to",
        ),
        401 | 403 => Fault::config(key, message() + "; credentials come from `headers` of the grant"),
        _ => Fault::config(key, message()),
    })
}

/// The first bytes of an answer's body, as text.
fn said(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(SHOWN_BYTES)]);
    match text.trim() {
        "" => String::new(),
        // Cut in the middle of a character, it ends with one that stands for the rest.
        text if body.len() > SHOWN_BYTES => format!(": {}…", text.trim_end_matches('\u{fffd}')),
        text => format!(": {text}"),
    }
}
