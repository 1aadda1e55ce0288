//! What is published: a component, what is said of it, and its signature.

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tidegate_core::plan::Digest;

use super::signature::{TrustedKeys, decode};
use crate::catalog::Plugin;
use crate::error::PluginError;
use crate::interfaces::Interfaces;
use crate::manifest::{ROLES, is_name};

/// The largest description of a release, in bytes: a manifest's texts (4 KiB each) and room for the rest.
pub(crate) const MAX_RELEASE_BYTES: u64 = 64 << 10;

/// A minisign signature has four lines of some hundred bytes; beyond this it is something else.
pub(crate) const MAX_SIGNATURE_BYTES: u64 = 4 << 10;

/// What a registry says of a release without the component being read. All of it is in the component too, and is
/// compared with that before the component is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// The plugin's name.
    pub name: String,
    /// Its version.
    pub version: semver::Version,
    /// Of the component.
    pub digest: Digest,
    /// What it can be used as.
    pub roles: Vec<String>,
    /// The version of the contract that it was built with.
    pub contract: semver::Version,
    /// What it does.
    pub description: String,
}

impl Release {
    /// What is said of a plugin.
    pub fn of(plugin: &Plugin) -> Self {
        let manifest = &plugin.manifest;
        Self {
            name: manifest.name.clone(),
            version: manifest.version.clone(),
            digest: plugin.digest.clone(),
            roles: manifest.roles.clone(),
            contract: manifest.contract.clone(),
            description: manifest.description.clone(),
        }
    }

    /// Reads what a registry says of a release, or says what is wrong with it.
    pub(crate) fn parse(text: &[u8], name: &str, version: &semver::Version) -> Result<Self, String> {
        let release: Self = serde_json::from_slice(text).map_err(|error| format!("its index: {error}"))?;
        if release.name != name || release.version != *version {
            let said: String = release.name.chars().take(64).collect();
            return Err(format!(
                "its index is of `{}` {}",
                said.escape_debug(),
                release.version
            ));
        }
        let shown = release.roles.iter().chain([&release.description]);
        if release.roles.iter().any(|role| !is_name(role))
            || shown
                .into_iter()
                .any(|text| text.chars().any(|c| c.is_control() && c != '\n'))
        {
            return Err("its index has control characters".into());
        }
        if !is_digest(&release.digest) {
            return Err("its index has a digest that is none".into());
        }
        Ok(release)
    }

    /// What does not fit between a release and its component.
    pub(crate) fn differs(&self, plugin: &Plugin) -> Option<String> {
        if plugin.digest != self.digest {
            return Some(format!(
                "its index says {}, the component has {}",
                self.digest, plugin.digest
            ));
        }
        let inside = Self::of(plugin);
        (inside != *self).then(|| {
            format!(
                "its index says `{}` {} ({}), the component says `{}` {} ({})",
                self.name,
                self.version,
                self.roles.join(", "),
                inside.name,
                inside.version,
                inside.roles.join(", ")
            )
        })
    }
}

/// A component as it is published and fetched; not checked.
#[derive(Debug, Clone)]
pub struct Package {
    /// What is said of it.
    pub release: Release,
    /// The component.
    pub wasm: Vec<u8>,
    /// A minisign signature of the component: the text of its `.minisig`.
    pub signature: Option<String>,
}

impl Package {
    /// A component's file, to be published: all of it is looked at, so that nothing is published that cannot be run. A
    /// signature must be one, and, where keys are given, by one of them and of this component.
    pub fn of_file(file: &Path, signature: Option<String>, keys: &TrustedKeys) -> Result<Self, PluginError> {
        let plugin = Plugin::read(file)?;
        wasmparser::Validator::new()
            .validate_all(&plugin.wasm)
            .map_err(|error| PluginError::NotAPlugin {
                file: file.display().to_string(),
                why: format!("the file is damaged: {}", error.message()),
            })?;
        let exported = exported_roles(&plugin)?;
        let claimed: BTreeSet<&str> = plugin.manifest.roles.iter().map(String::as_str).collect();
        if exported.iter().map(String::as_str).ne(claimed.iter().copied()) {
            return Err(PluginError::NotAPlugin {
                file: file.display().to_string(),
                why: format!(
                    "its manifest has the roles {}, and it exports {}",
                    list(claimed),
                    list(exported.iter().map(String::as_str).collect())
                ),
            });
        }
        let release = Release::of(&plugin);
        let shown = format!("{}@{}", release.name, release.version);
        if let Some(text) = &signature {
            decode(&shown, text)?;
        }
        keys.verify(&shown, &plugin.wasm, signature.as_deref())?;
        Ok(Self {
            release,
            wasm: plugin.wasm,
            signature,
        })
    }
}

fn list(words: BTreeSet<&str>) -> String {
    if words.is_empty() {
        return "none".into();
    }
    words.into_iter().collect::<Vec<_>>().join(", ")
}

/// The roles whose interfaces a component exports, whatever its manifest says.
fn exported_roles(plugin: &Plugin) -> Result<BTreeSet<String>, PluginError> {
    let role = |name: &String| {
        let role = name.strip_prefix("tidegate:plugin/")?.split('@').next()?;
        ROLES.contains(&role).then(|| role.to_owned())
    };
    Ok(Interfaces::of(plugin)?.exports.iter().filter_map(role).collect())
}

/// Whether a digest that was read from somewhere is one: it becomes part of paths.
pub(crate) fn is_digest(digest: &Digest) -> bool {
    let text = digest.to_string();
    let hex = text.strip_prefix("sha256:").unwrap_or_default();
    hex.len() == 64
        && hex
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}
