//! What an OCI registry's refusals mean.

use oci_client::errors::{OciDistributionError, OciErrorCode};

/// Whether a registry says that what was asked for is not there.
pub(super) fn is_missing(error: &OciDistributionError) -> bool {
    match error {
        OciDistributionError::ImageManifestNotFoundError(_) => true,
        OciDistributionError::RegistryError { envelope, .. } => envelope.errors.iter().any(|error| {
            matches!(
                error.code,
                OciErrorCode::ManifestUnknown | OciErrorCode::NameUnknown | OciErrorCode::NotFound
            )
        }),
        OciDistributionError::ServerError { code, .. } => *code == 404,
        _ => false,
    }
}

/// What went wrong. URLs are not in it: those of an upload may carry what signs it.
pub(super) fn explain(error: &OciDistributionError) -> String {
    match error {
        OciDistributionError::UnauthorizedError { .. } | OciDistributionError::AuthenticationFailure(_) => {
            "it refuses whom it was told to be: log in with `docker login`, or a tool that writes the same file".into()
        }
        OciDistributionError::RegistryError { envelope, .. } => {
            let said: Vec<String> = envelope
                .errors
                .iter()
                .map(|error| format!("{:?} {}", error.code, error.message))
                .collect();
            format!("it answers {}", said.join(", "))
        }
        OciDistributionError::ServerError { code, .. } => format!("it answers {code}"),
        OciDistributionError::RequestError(error) => {
            let mut said = "it does not answer".to_owned();
            let mut cause = std::error::Error::source(error);
            while let Some(error) = cause {
                said = format!("{said}: {error}");
                cause = error.source();
            }
            said
        }
        other => other.to_string(),
    }
}
