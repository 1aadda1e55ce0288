//! Who this user is to an OCI registry: what Docker's configuration says, as `docker login` and its like write it.

use docker_credential::{CredentialRetrievalError, DockerCredential, get_credential};
use oci_client::secrets::RegistryAuth;

/// The login for a registry's host; anonymous where there is none. The error never holds what a helper answered.
pub(super) fn of(host: &str) -> Result<RegistryAuth, String> {
    match get_credential(host) {
        Ok(DockerCredential::UsernamePassword(user, password)) => Ok(RegistryAuth::Basic(user, password)),
        Ok(DockerCredential::IdentityToken(_)) => Err(
            "Docker's configuration has an identity token for it; log in with a user name and a password or token".into(),
        ),
        // The second is a file that is not there as well as one that cannot be read: if that mattered, the registry
        // refuses, and that error says what to do.
        Err(
            CredentialRetrievalError::ConfigNotFound
            | CredentialRetrievalError::ConfigReadError
            | CredentialRetrievalError::NoCredentialConfigured,
        ) => Ok(RegistryAuth::Anonymous),
        Err(CredentialRetrievalError::HelperFailure { helper, .. }) => {
            Err(format!("Docker's credential helper `{helper}` failed"))
        }
        Err(error) => Err(format!("Docker's configuration: {error}")),
    }
}
