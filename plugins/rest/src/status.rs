//! What an answer's status means, and what to do about it.

use tidegate_sdk::http::{Request, Response};
use tidegate_sdk::prelude::*;

/// A fault where the API did not give a page; `key` is the config's that names the list. 429 and 5xx do not get here: the
/// SDK has made them faults that may pass.
pub(crate) fn judge(answer: &Response, what: &str, key: &str) -> Result<(), Fault> {
    let status = answer.status;
    let remedy = match status {
        200..300 => return Ok(()),
        300..400 => {
            "redirects are not followed: write the URL that it leads to into `base_url` and `path`, and into the grant"
        }
        400 | 422 => {
            "the API does not take what it was asked for with: look at `query`, `paging` and `window`; a token of a run \
             that was stopped may have expired: start a new run"
        }
        401 => {
            "it knows no credentials, or not these: they stand in `headers`, `query` or `basic` of the grant in `http`"
        }
        403 => {
            "the credentials of the grant in `http` may not read this, or there are none: give them the right, or take others"
        }
        404 | 410 => {
            "there is nothing: look at `base_url` and `path`; some APIs hide so what the credentials may not read"
        }
        405 => "it wants another `method`",
        // A request that is slow to arrive, or too early: it may be made again.
        408 | 425 => {
            return Err(Fault::Retryable {
                message: format!("{what} was answered with {status}"),
                after_ms: None,
            });
        }
        _ => "read what the API's documentation says of it",
    };
    Err(Fault::config(
        key,
        format!("{what} was answered with {status}: {remedy}"),
    ))
}

/// A fault that may pass, with what to do where it does not.
pub(crate) fn passing(fault: Fault) -> Fault {
    match fault {
        Fault::Retryable { message, after_ms } => {
            let remedy = if message.ends_with("429") {
                "it wants fewer requests: lower `limits.per_second` of the grant, and retry the run later"
            } else {
                "retry the run once the API is well; it goes on where it stopped"
            };
            Fault::Retryable {
                message: format!("{message}; {remedy}"),
                after_ms,
            }
        }
        other => other,
    }
}

/// A request without its parameters, for messages: these may be personal.
pub(crate) fn shown(request: &Request) -> String {
    let url = request.url.split(['?', '#']).next().unwrap_or_default();
    format!("{} {url}", request.method)
}
