//! The only reader of the environment.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tidegate_connector::secret::{SecretStores, VaultConfig, VaultLogin};
use tidegate_core::schema::{ReferenceKind, SecretName};
use tidegate_core::{Error, Kind};
use tidegate_orchestrator::Lookup;

/// What secrets are called in the environment: the secret `X` is this and `X`.
const SECRET_PREFIX: &str = "TIDEGATE_SECRET_";

/// Gives what `${env:X}` and `${secret:X}` point at. Relative paths of files start at the project's folder.
pub(crate) fn lookup(folder: &Path) -> Lookup {
    let stores = SecretStores::new(folder.to_owned(), vault());
    Arc::new(move |kind, name| match kind {
        ReferenceKind::Env => Ok(std::env::var(name).ok()),
        ReferenceKind::Secret => match SecretName::parse(name) {
            Ok(SecretName::Variable(name)) => Ok(secret(name)),
            Ok(kept) => stores.get(kept),
            // Whoever asks has read the name.
            Err(_) => Ok(None),
        },
    })
}

/// The secret that a variable holds.
pub(crate) fn secret(name: &str) -> Option<String> {
    std::env::var(format!("{SECRET_PREFIX}{name}")).ok()
}

/// The Vault that its own variables name, which are those of its command line.
fn vault() -> Option<VaultConfig> {
    let address = set("VAULT_ADDR")?;
    let token = set("VAULT_TOKEN").map(VaultLogin::Token);
    let login = token.or_else(|| {
        Some(VaultLogin::AppRole {
            role: set("VAULT_ROLE_ID")?,
            secret: set("VAULT_SECRET_ID").unwrap_or_default(),
            mount: set("VAULT_APPROLE_MOUNT").unwrap_or_else(|| "approle".into()),
        })
    });
    Some(VaultConfig {
        address,
        namespace: set("VAULT_NAMESPACE"),
        login,
        authorities: set("VAULT_CACERT").map(PathBuf::from),
    })
}

fn set(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Where compiled plugins are kept: a folder of the user's, never of a project.
pub(crate) fn plugin_cache() -> PathBuf {
    let set = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    set("TIDEGATE_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|folder| folder.join("tidegate")))
        .or_else(|| set("HOME").map(|folder| folder.join(".cache/tidegate")))
        .unwrap_or_else(|| std::env::temp_dir().join("tidegate"))
        .join("plugins")
}

/// The state store's address, where it is not the project's: `TIDEGATE_STATE`.
pub(crate) fn state() -> Option<String> {
    set("TIDEGATE_STATE")
}

/// Where the API listens, where the command does not say it: `TIDEGATE_LISTEN`, addresses with ports separated by commas.
pub(crate) fn listen() -> Result<Option<Vec<SocketAddr>>, Error> {
    let Some(text) = set("TIDEGATE_LISTEN") else {
        return Ok(None);
    };
    let addresses = text.split(',').map(|each| each.trim().parse());
    let addresses: Result<_, _> = addresses.collect();
    addresses.map(Some).map_err(|_| {
        let message = format!("TIDEGATE_LISTEN is `{text}`, which is no address with a port");
        Error::new(Kind::Usage, "api.listen_address", message).hint("write it as `127.0.0.1:3004`")
    })
}

/// Whether what was typed asks for JSON, where it cannot be read as a command.
pub(crate) fn asks_for_json() -> bool {
    std::env::args_os().any(|word| word == "--json")
}
