//! Whether a request is sent again, and when.

use std::time::{Duration, SystemTime};

use http::header::RETRY_AFTER;
use http::{HeaderMap, Method, StatusCode};

/// The pause before the first repeat; it doubles with each. A server that restarts is back after a few of them.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// The longest pause that the host makes of its own.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// The longest that a server may ask the host to wait. One that asks for more gets its answer handed to the guest, whose
/// fault can make the attempt be tried again later.
pub(super) const LONGEST_RETRY_AFTER: Duration = Duration::from_mins(1);

/// Whether a request may be sent again after an answer: the method promises that twice is as good as once (RFC 9110,
/// section 9.2.2).
pub(super) fn is_idempotent(method: &Method) -> bool {
    matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE
    )
}

/// Whether an answer says that it may be another one later.
pub(super) fn may_pass(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    )
}

/// The pause before a repeat, `repeat` counting from 0.
pub(super) fn backoff(repeat: u32) -> Duration {
    FIRST_PAUSE
        .saturating_mul(2u32.saturating_pow(repeat))
        .min(LONGEST_PAUSE)
}

/// The pause before a repeat after an answer: what the server asks for, or the host's own. None where the server asks for
/// more than the host waits.
pub(super) fn pause(headers: &HeaderMap, repeat: u32, now: SystemTime) -> Option<Duration> {
    match retry_after(headers, now) {
        Some(asked) if asked > LONGEST_RETRY_AFTER => None,
        Some(asked) => Some(asked.max(FIRST_PAUSE)),
        None => Some(backoff(repeat)),
    }
}

/// `Retry-After`, as seconds or as a date (RFC 9110, section 10.2.3).
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use http::{HeaderMap, HeaderValue};

    use super::{backoff, pause};

    fn paused(retry_after: &str) -> Option<Duration> {
        let headers = HeaderMap::from_iter([(
            http::header::RETRY_AFTER,
            HeaderValue::from_str(retry_after).unwrap(),
        )]);
        // 1994-11-15T08:12:31Z
        pause(
            &headers,
            0,
            SystemTime::UNIX_EPOCH + Duration::from_secs(784_887_151),
        )
    }

    #[test]
    fn a_server_is_heard_within_bounds() {
        assert_eq!(paused("3"), Some(Duration::from_secs(3)));
        assert_eq!(paused("0"), Some(Duration::from_millis(200)));
        assert_eq!(paused("61"), None);
        assert_eq!(paused("99999999999999999999"), Some(backoff(0)));
        assert_eq!(
            paused("Tue, 15 Nov 1994 08:12:41 GMT"),
            Some(Duration::from_secs(10))
        );
        assert_eq!(
            paused("Tue, 15 Nov 1994 08:12:21 GMT"),
            Some(Duration::from_millis(200))
        );
        assert_eq!(paused("Tue, 15 Nov 1994 09:12:31 GMT"), None);
        assert_eq!(paused("soon"), Some(backoff(0)));
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        let pauses: Vec<u128> = (0..8).map(|repeat| backoff(repeat).as_millis()).collect();
        assert_eq!(pauses, [200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]);
    }
}
