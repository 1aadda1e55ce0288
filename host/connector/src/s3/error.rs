//! What can be wrong with a bucket, an object, or the service that holds them.

use tidegate_core::{Error, Kind};

use super::answer::Class;
use crate::format::FormatError;

/// What this connector's calls answer.
pub(super) type Result<T, E = S3Error> = std::result::Result<T, E>;

/// What can be wrong. Each has a stable code; see [`S3Error::code`]. No message holds a key or a secret.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum S3Error {
    #[error("`{place}`: the service answers {said}")]
    Answer {
        place: String,
        class: Class,
        said: String,
    },
    #[error("`{place}`: the service cannot be reached, or the connection broke: {reason}")]
    Network { place: String, reason: String },
    #[error("`{place}`: the service did not answer within {timeout_ms} ms")]
    Timeout { place: String, timeout_ms: u64 },
    #[error("`{place}`: there are no credentials: {reason}")]
    NoCredentials { place: String, reason: String },
    #[error("no object is at `{place}`")]
    NotFound { place: String },
    #[error("`{place}` is not what it was: {what}")]
    Changed { place: String, what: String },
    #[error("`{place}` was staged by an earlier attempt and is not as it was left")]
    StagedLost { place: String },
    #[error("a newer attempt (epoch {newest}) has loaded `{place}`; this one (epoch {epoch}) may not")]
    Fenced { place: String, newest: i64, epoch: i64 },
    #[error("the manifest `{place}` cannot be read: {reason}")]
    BadManifest { place: String, reason: String },
    #[error("`{place}` holds both an asset without partitions and partitions")]
    LayoutMixed { place: String },
    #[error("`{place}` holds parts in another format than {wanted}")]
    FormatMixed { place: String, wanted: &'static str },
    #[error("nothing has been loaded into `{place}` yet")]
    NotLoaded { place: String },
    #[error(
        "`{place}` would have more than {parts} parts of {part_bytes} bytes, which is as many as an upload may have"
    )]
    TooLarge {
        place: String,
        parts: usize,
        part_bytes: usize,
    },
    #[error("`{place}`: the service put an object where one was, though asked not to (`If-None-Match: *`)")]
    Unconditional { place: String },
    #[error("`{address}` is no place for artifacts: {reason}")]
    BadAddress { address: String, reason: &'static str },
    #[error("`{name}` cannot be an artifact's name")]
    BadArtifactName { name: String },
    #[error("{0}")]
    Internal(String),
}

impl S3Error {
    /// What must not happen, as an error rather than a panic.
    pub(super) fn internal(what: impl std::fmt::Display) -> Self {
        Self::Internal(what.to_string())
    }

    /// Whether the same request may do better in a moment.
    pub(super) fn passes(&self) -> bool {
        match self {
            Self::Answer { class, .. } => *class == Class::Busy,
            Self::Network { .. } | Self::Timeout { .. } => true,
            _ => false,
        }
    }

    /// The stable code, documented in `docs/error-codes.md`.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Answer { class, .. } => match class {
                Class::Login => "s3.login",
                Class::Expired => "s3.credentials_expired",
                Class::Denied => "s3.denied",
                Class::Bucket => "s3.bucket_missing",
                Class::Key => "s3.not_found",
                Class::Busy => "s3.busy",
                Class::Region => "s3.region",
                Class::Clock => "s3.clock",
                Class::Condition => "s3.changed",
                Class::Upload | Class::Final => "s3.refused",
            },
            Self::Network { .. } => "s3.network",
            Self::Timeout { .. } => "s3.timeout",
            Self::NoCredentials { .. } => "s3.no_credentials",
            Self::NotFound { .. } => "s3.not_found",
            Self::Changed { .. } => "s3.changed",
            Self::StagedLost { .. } => "s3.staged_lost",
            Self::Fenced { .. } => "attempt.fenced",
            Self::BadManifest { .. } => "s3.manifest_bad",
            Self::LayoutMixed { .. } => "s3.layout_mixed",
            Self::FormatMixed { .. } => "s3.format_mixed",
            Self::NotLoaded { .. } => "s3.not_loaded",
            Self::TooLarge { .. } => "s3.too_large",
            Self::Unconditional { .. } => "s3.unconditional",
            Self::BadAddress { .. } => "s3.bad_address",
            Self::BadArtifactName { .. } => "artifact.bad_name",
            Self::Internal(_) => "s3.internal",
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::Fenced { .. } => Kind::State,
            Self::BadAddress { .. } => Kind::Schema,
            Self::BadArtifactName { .. } | Self::Internal(_) => Kind::Internal,
            _ => Kind::Resource,
        }
    }

    fn hint(&self) -> Option<&'static str> {
        Some(match self.code() {
            "s3.login" => {
                "correct `access_key` and `secret_key` of the resource, or the credentials of the environment; a secret X is \
                 the variable TIDEGATE_SECRET_X"
            }
            "s3.credentials_expired" => {
                "renew the session token, then take the run up again with `tidegate runs retry`"
            }
            "s3.no_credentials" => {
                "give the resource `access_key` and `secret_key`, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a \
                 profile, or the machine's role"
            }
            "s3.denied" => {
                "let these credentials list the bucket and read, and for a destination write and delete, below the prefix"
            }
            "s3.bucket_missing" => "create the bucket, or correct `bucket` and `endpoint` of the resource",
            "s3.not_found" => "check the source's `path` and the resource's `bucket` and `prefix`",
            "s3.busy" => {
                "run again in a while, or ask for less at once; the run goes on from its last checkpoint"
            }
            "s3.region" => "set `region` of the resource to the bucket's",
            "s3.clock" => "set this machine's clock right",
            "s3.changed" => "run again from the start: what was read before may be outdated",
            "s3.network" => {
                "is the service up, and is `endpoint` right? the run goes on from its last checkpoint"
            }
            "s3.timeout" => "raise `timeout` of the resource, or look for what the service is busy with",
            "s3.staged_lost" => {
                "run again from the start: a newer load of the same partition has cleared it away"
            }
            "attempt.fenced" => {
                "nothing to do if another run loads this partition; if the state store was reset, remove the objects too"
            }
            "s3.manifest_bad" => "remove the damaged object: the manifest before it is then used",
            "s3.layout_mixed" => "remove the older of the two by hand, then run again",
            "s3.format_mixed" => "load it anew with `load: replace`, or set `format` to what it was",
            "s3.not_loaded" => "materialize that asset first",
            "s3.too_large" => "checkpoint more often: each checkpoint begins a new object",
            "s3.unconditional" => {
                "load into a service that knows the condition, as docs/connectors/s3.md says: two loads at once could lose rows"
            }
            "s3.bad_address" => "write it as s3://BUCKET/PREFIX",
            "s3.refused" => "look at what the service says",
            _ => return None,
        })
    }
}

impl From<S3Error> for Error {
    fn from(error: S3Error) -> Self {
        let mut told = Self::new(error.kind(), error.code(), error.to_string());
        if let Some(hint) = error.hint() {
            told = told.hint(hint);
        }
        if error.passes() || error.code() == "s3.changed" {
            told.later()
        } else {
            told
        }
    }
}

impl From<S3Error> for FormatError {
    fn from(error: S3Error) -> Self {
        Self::Place(Box::new(error.into()))
    }
}
