//! A request that waits for its run to end.

use std::time::Duration;

use axum::extract::FromRequestParts;
use http::StatusCode;
use http::request::Parts;
use tidegate_core::plan::RunId;
use tidegate_core::port::RunRecord;

use crate::problem::Problem;
use crate::router::App;

/// The longest that a request waits, in seconds: proxies on the way end what is silent for longer.
const MAX_WAIT_S: u64 = 300;

/// How long until a run is looked at again: soon at first, for what is short, and then less often.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// How long the request waits: `?wait=30s`, or `Prefer: wait=30` after RFC 7240; not at all where neither is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wait(pub(crate) Duration);

impl<S: Send + Sync> FromRequestParts<S> for Wait {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        let asked = query.split('&').find_map(|pair| pair.strip_prefix("wait="));
        if let Some(text) = asked {
            let seconds = text.strip_suffix('s').unwrap_or(text).parse();
            return match seconds {
                Ok(seconds) if seconds <= MAX_WAIT_S => Ok(Self(Duration::from_secs(seconds))),
                _ => {
                    let message = format!("`wait={text}` is not 0s to {MAX_WAIT_S}s");
                    Err(Problem::new(StatusCode::BAD_REQUEST, "api.wait", message))
                }
            };
        }
        // A preference is met as far as it can be, and never an error.
        let preferred = parts.headers.get_all("prefer").iter().find_map(|value| {
            let wait = value.to_str().ok()?.split([',', ';']).find_map(|each| {
                let (name, seconds) = each.split_once('=')?;
                name.trim()
                    .eq_ignore_ascii_case("wait")
                    .then(|| seconds.trim().parse::<u64>().ok())?
            })?;
            Some(wait.min(MAX_WAIT_S))
        });
        Ok(Self(Duration::from_secs(preferred.unwrap_or_default())))
    }
}

impl Wait {
    /// How the runs stand once all have ended, the time is over, or the server is to stop.
    pub(crate) async fn for_runs(self, app: &App, runs: &[RunId]) -> Result<Vec<RunRecord>, Problem> {
        let until = tokio::time::Instant::now() + self.0;
        let mut pause = FIRST_PAUSE;
        let mut found: Vec<RunRecord> = Vec::new();
        loop {
            for &run in &runs[found.len()..] {
                match app.orchestrator.state.run(run).await? {
                    Some(record) if record.state.ended() => found.push(record),
                    _ => break,
                }
            }
            let over = tokio::time::Instant::now() >= until || app.stopping.is_cancelled();
            if found.len() == runs.len() {
                return Ok(found);
            }
            if over {
                break;
            }
            tokio::select! {
                () = tokio::time::sleep(pause.min(until - tokio::time::Instant::now())) => {}
                () = app.stopping.cancelled() => {}
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        for &run in &runs[found.len()..] {
            found.extend(app.orchestrator.state.run(run).await?);
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn of(uri: &str, prefer: Option<&str>) -> Result<u64, Problem> {
        let mut request = http::Request::get(uri);
        if let Some(value) = prefer {
            request = request.header("prefer", value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        Wait::from_request_parts(&mut parts, &())
            .await
            .map(|wait| wait.0.as_secs())
    }

    #[tokio::test]
    async fn a_wait_is_asked_for_in_the_query_or_preferred() {
        assert_eq!(of("/a", None).await.unwrap(), 0);
        assert_eq!(of("/a?wait=30s", None).await.unwrap(), 30);
        assert_eq!(of("/a?x=1&wait=5", Some("wait=9")).await.unwrap(), 5);
        assert_eq!(of("/a", Some("respond-async, wait=10")).await.unwrap(), 10);
        assert_eq!(of("/a", Some("wait=100000")).await.unwrap(), MAX_WAIT_S);
        assert_eq!(of("/a", Some("wait=soon")).await.unwrap(), 0);
        for wrong in ["/a?wait=301s", "/a?wait=-1", "/a?wait=", "/a?wait=1m"] {
            of(wrong, None).await.unwrap_err();
        }
    }
}
