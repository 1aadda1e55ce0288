//! What goes wrong between a registry, the lock and a project.

use tidegate_core::{Error, Kind};

use crate::limits::{MAX_FAULT_BYTES, cut};
use crate::log::printable;

/// A registry, the lock or a signature is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PackageError {
    /// The lock cannot be used.
    #[error("`{file}` cannot be used: {why}")]
    Lock {
        /// The lock's file.
        file: String,
        /// What is wrong with it.
        why: String,
    },
    /// The lock would have to change, and may not.
    #[error("`{wanted}` is not in tidegate.lock, and --locked keeps that as it is")]
    NotLocked {
        /// The requirement.
        wanted: String,
    },
    /// A command names a plugin that the project does not ask for, or that is not locked.
    #[error("`{name}` {why}")]
    NotUsed {
        /// The plugin.
        name: String,
        /// What it is not.
        why: String,
        /// Those that are there.
        known: String,
    },
    /// A component is not the one that was locked.
    #[error("`{name}` {version} of {from} is not what tidegate.lock says: locked {locked}, found {found}")]
    DigestChanged {
        /// The plugin.
        name: String,
        /// Its version.
        version: String,
        /// Where it lies.
        from: String,
        /// The digest in the lock.
        locked: String,
        /// The digest of what is there.
        found: String,
    },
    /// A registry cannot be used.
    #[error("the registry `{registry}` cannot be used: {why}")]
    Registry {
        /// As the project writes it.
        registry: String,
        /// What is wrong.
        why: String,
    },
    /// What a registry says of a release is not what it holds.
    #[error("`{name}` {version} of the registry `{registry}` is damaged: {why}")]
    Damaged {
        /// As the project writes it.
        registry: String,
        /// The plugin.
        name: String,
        /// Its version.
        version: String,
        /// What does not fit.
        why: String,
    },
    /// A version is there already, with other bytes.
    #[error(
        "`{name}` {version} is published in `{registry}` already, as {published}; what was to be published is {found}"
    )]
    Published {
        /// As the command or project writes it.
        registry: String,
        /// The plugin.
        name: String,
        /// Its version.
        version: String,
        /// The digest, or signature, that is there.
        published: String,
        /// That of the new one.
        found: String,
    },
    /// A trusted key is none.
    #[error("`{0}` is not a minisign public key: {1}")]
    Key(String, String),
    /// A plugin of a registry has no signature, and the project trusts signed ones alone.
    #[error("`{0}` is not signed, and the project has `trusted_keys`")]
    Unsigned(String),
    /// The signature is of a key that the project does not name.
    #[error("`{0}` is signed with a key that is not among the project's `trusted_keys`")]
    UnknownKey(String),
    /// The signature is not of these bytes.
    #[error("the signature of `{name}` does not hold: {why}")]
    BadSignature {
        /// The plugin, with its version.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// A file could not be read or written.
    #[error("{what} `{file}`: {why}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// Which file.
        file: String,
        /// The system's words.
        why: String,
    },
}

impl PackageError {
    /// A registry that cannot be used.
    pub(super) fn unusable(registry: &str, why: impl Into<String>) -> Self {
        Self::Registry {
            registry: registry.into(),
            why: why.into(),
        }
    }

    /// A release that is not what its registry says.
    pub(super) fn damaged(
        registry: &str,
        name: &str,
        version: &semver::Version,
        why: impl Into<String>,
    ) -> Self {
        Self::Damaged {
            registry: registry.into(),
            name: name.into(),
            version: version.to_string(),
            why: why.into(),
        }
    }

    /// A file that could not be read or written.
    pub(crate) fn io(what: &'static str, file: &std::path::Path, error: &std::io::Error) -> Self {
        Self::Io {
            what,
            file: file.display().to_string(),
            why: error.to_string(),
        }
    }
}

impl From<PackageError> for Error {
    fn from(error: PackageError) -> Self {
        // Names and words of files that nobody looked at yet are in it.
        let message = printable(&cut(error.to_string(), MAX_FAULT_BYTES));
        match error {
            PackageError::Lock { .. } => Self::new(Kind::Schema, "plugin.lock", message).hint(
                "take the file from version control, or remove it and run `tidegate plugin lock`",
            ),
            PackageError::NotLocked { .. } => Self::new(Kind::Schema, "plugin.not_locked", message)
                .hint("run `tidegate plugin lock` and commit tidegate.lock"),
            PackageError::NotUsed { known, .. } if known.is_empty() => {
                Self::new(Kind::Usage, "plugin.not_used", message).hint("there is none")
            }
            PackageError::NotUsed { known, .. } => {
                Self::new(Kind::Usage, "plugin.not_used", message).hint(format!("there are {known}"))
            }
            PackageError::DigestChanged { name, .. } => {
                Self::new(Kind::Plugin, "plugin.digest_changed", message).hint(format!(
                    "find out why it changed; if it should have, accept it with `tidegate plugin update {name}`"
                ))
            }
            PackageError::Registry { .. } => Self::new(Kind::Resource, "plugin.registry", message)
                .hint("look at `registries` in project.yaml, and at who this user is to it: docs/plugins/publishing.md"),
            PackageError::Damaged { .. } => Self::new(Kind::Plugin, "plugin.registry_damaged", message)
                .hint("tell who looks after the registry; nothing of this release was used"),
            PackageError::Published { .. } => Self::new(Kind::Usage, "plugin.published", message)
                .hint("a version never changes once it is published: raise the version and publish that"),
            PackageError::Key(..) => Self::new(Kind::Schema, "plugin.key", message)
                .hint("write the key's second line, which begins with RW, as in minisign.pub"),
            PackageError::Unsigned(_) => Self::new(Kind::Plugin, "plugin.unsigned", message)
                .hint("ask its author for a signature: `tidegate plugin publish FILE --to REGISTRY --signature FILE.minisig`"),
            PackageError::UnknownKey(_) => Self::new(Kind::Plugin, "plugin.unknown_key", message)
                .hint("if you trust the key's owner, add the key to `trusted_keys` in project.yaml"),
            PackageError::BadSignature { .. } => Self::new(Kind::Plugin, "plugin.bad_signature", message)
                .hint("sign these very bytes anew with `minisign -S -m FILE`; where nobody touched them, do not use them"),
            PackageError::Io { .. } => Self::new(Kind::Resource, "plugin.io", message),
        }
    }
}
