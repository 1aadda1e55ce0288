//! What the service's answers mean.

use std::error::Error as StdError;
use std::time::Duration;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use super::error::S3Error;

/// What a refusal means for us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// The keys are not known, or do not fit together.
    Login,
    /// They were good once.
    Expired,
    /// They may not do this.
    Denied,
    /// There is no such bucket.
    Bucket,
    /// There is no such object.
    Key,
    /// There is no such upload in parts.
    Upload,
    /// It may do better in a moment.
    Busy,
    /// The bucket is in another region.
    Region,
    /// The clocks differ.
    Clock,
    /// The object is not as the request wants it.
    Condition,
    /// All else.
    Final,
}

impl Class {
    fn of(status: Option<u16>, code: &str) -> Self {
        match code {
            "InvalidAccessKeyId" | "SignatureDoesNotMatch" => Self::Login,
            "ExpiredToken" | "ExpiredTokenException" | "InvalidToken" | "TokenRefreshRequired" => {
                Self::Expired
            }
            "AccessDenied" | "AllAccessDisabled" | "AccountProblem" | "Forbidden" => Self::Denied,
            "NoSuchBucket" => Self::Bucket,
            "NoSuchKey" => Self::Key,
            "NoSuchUpload" => Self::Upload,
            "SlowDown"
            | "ServiceUnavailable"
            | "InternalError"
            | "RequestTimeout"
            | "Throttling"
            | "ThrottlingException"
            | "OperationAborted"
            | "RequestLimitExceeded"
            | "TooManyRequests" => Self::Busy,
            "PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException" => {
                Self::Region
            }
            "RequestTimeTooSkewed" | "RequestExpired" => Self::Clock,
            "PreconditionFailed" | "ConditionalRequestConflict" => Self::Condition,
            _ => match status {
                Some(301) => Self::Region,
                Some(401) => Self::Login,
                Some(403) => Self::Denied,
                Some(404) => Self::Key,
                Some(409 | 412) => Self::Condition,
                Some(429 | 500..) => Self::Busy,
                _ => Self::Final,
            },
        }
    }
}

/// A failed request as our error. `place` is the object or bucket that it was about.
pub(super) fn explain<E>(error: &SdkError<E>, place: String, timeout: Duration) -> S3Error
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    match error {
        SdkError::ServiceError(answer) => {
            let said = answer.err();
            let status = error.raw_response().map(|response| response.status().as_u16());
            let code = said.code().unwrap_or_default();
            let shown = [
                status.map(|status| status.to_string()).unwrap_or_default(),
                code.to_owned(),
            ];
            let shown: Vec<_> = shown.into_iter().filter(|part| !part.is_empty()).collect();
            S3Error::Answer {
                place,
                class: Class::of(status, code),
                said: match said.message() {
                    Some(message) => format!("{}: {}", shown.join(" "), first_line(message)),
                    None => shown.join(" "),
                },
            }
        }
        SdkError::TimeoutError(_) => timed_out(place, timeout),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => timed_out(place, timeout),
        _ => {
            let reason = causes(error);
            if reason.contains("credential") || reason.contains("identity") {
                S3Error::NoCredentials { place, reason }
            } else if matches!(error, SdkError::ConstructionFailure(_)) {
                S3Error::Internal(format!("`{place}`: {reason}"))
            } else {
                S3Error::Network { place, reason }
            }
        }
    }
}

fn timed_out(place: String, timeout: Duration) -> S3Error {
    S3Error::Timeout {
        place,
        timeout_ms: timeout.as_millis() as u64,
    }
}

/// An error and what caused it, without the requests, which hold signatures.
pub(super) fn causes(error: &(dyn StdError + 'static)) -> String {
    let mut said = Vec::new();
    let mut at = Some(error);
    while let Some(error) = at {
        let text = error.to_string();
        if said.last() != Some(&text) {
            said.push(text);
        }
        at = error.source();
    }
    said.join(": ")
}

/// The start of a message, which may be long and hold the whole answer.
fn first_line(message: &str) -> String {
    const SHOWN: usize = 300;
    let line = message.lines().next().unwrap_or_default();
    line.chars().take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_without_a_code_are_told_by_their_status() {
        assert_eq!(Class::of(Some(403), ""), Class::Denied);
        assert_eq!(Class::of(Some(503), ""), Class::Busy);
        assert_eq!(Class::of(Some(412), ""), Class::Condition);
        assert_eq!(Class::of(Some(400), "ExpiredToken"), Class::Expired);
        assert_eq!(Class::of(Some(400), "MalformedXML"), Class::Final);
    }
}
