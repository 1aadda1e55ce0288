//! The only reader of the environment.

use std::path::PathBuf;
use std::sync::Arc;

use tidegate_core::schema::ReferenceKind;
use tidegate_orchestrator::Lookup;

/// What secrets are called in the environment: the secret `X` is this and `X`.
const SECRET_PREFIX: &str = "TIDEGATE_SECRET_";

/// Gives what `${env:X}` and `${secret:X}` point at.
pub(crate) fn lookup() -> Lookup {
    Arc::new(|kind, name| match kind {
        ReferenceKind::Env => std::env::var(name).ok(),
        ReferenceKind::Secret => std::env::var(format!("{SECRET_PREFIX}{name}")).ok(),
    })
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
    std::env::var("TIDEGATE_STATE")
        .ok()
        .filter(|value| !value.is_empty())
}

/// Whether what was typed asks for JSON, where it cannot be read as a command.
pub(crate) fn asks_for_json() -> bool {
    std::env::args_os().any(|word| word == "--json")
}
