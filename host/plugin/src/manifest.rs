//! What a plugin says of itself, in a custom section of the component.

use serde::{Deserialize, Serialize};
use wasmparser::{Parser, Payload};

use crate::limits::cut;

/// The custom section's name. SDKs put it into the core module, where linkers keep it.
const SECTION: &str = "tidegate:manifest";

/// A manifest is a screenful of JSON, and a config's JSON Schema some more; beyond this it is not a manifest.
const MAX_MANIFEST_BYTES: usize = 1 << 20;

/// The longest text of a manifest, in bytes: what a page shows.
const MAX_TEXT_BYTES: usize = 4_096;

/// The longest name, in bytes.
const MAX_NAME_BYTES: usize = 64;

/// What a plugin can be used as.
const ROLES: &[&str] = &["transform", "source", "destination", "check", "sensor"];

/// The contract that this host speaks: its first two numbers must be the plugin's.
const CONTRACT: semver::Version = semver::Version::new(0, 1, 0);

/// What a plugin says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: semver::Version,
    /// What it does.
    #[serde(default)]
    pub description: String,
    /// Its licence, as an SPDX expression.
    #[serde(default)]
    pub license: String,
    /// Who wrote it.
    #[serde(default)]
    pub authors: String,
    /// What it can be used as.
    pub roles: Vec<String>,
    /// The version of the contract that it was built with.
    pub contract: semver::Version,
}

impl Manifest {
    /// Reads the manifest out of a component, or says why there is none.
    pub(crate) fn read(wasm: &[u8]) -> Result<Self, String> {
        if wasm.is_empty() {
            return Err("it is empty".into());
        }
        if !wasm.starts_with(b"\0asm") {
            return Err("it is not WebAssembly".into());
        }
        for payload in Parser::new(0).parse_all(wasm) {
            let payload = payload.map_err(|error| format!("the file is damaged: {}", error.message()))?;
            match payload {
                Payload::Version {
                    encoding: wasmparser::Encoding::Module,
                    range,
                    ..
                } if range.start == 0 => {
                    return Err(
                        "it is a core module; build it for wasm32-wasip2, which makes a component".into(),
                    );
                }
                Payload::CustomSection(section) if section.name() == SECTION => {
                    let data = section.data();
                    if data.len() > MAX_MANIFEST_BYTES {
                        return Err(format!("its manifest has {} bytes", data.len()));
                    }
                    return serde_json::from_slice(data)
                        .map_err(|error| format!("its manifest is not readable: {error}"))
                        .and_then(Self::checked);
                }
                _ => {}
            }
        }
        Err("it has no manifest".into())
    }

    /// What a plugin says of itself is shown to people and becomes part of paths and messages.
    fn checked(self) -> Result<Self, String> {
        if !is_name(&self.name) {
            let name = cut(self.name.escape_debug().to_string(), MAX_NAME_BYTES);
            return Err(format!(
                "its manifest has the name `{name}`; a name has small letters, digits, `-` and `_`"
            ));
        }
        let texts = [
            ("description", &self.description),
            ("license", &self.license),
            ("authors", &self.authors),
        ];
        for (key, text) in texts {
            if text.len() > MAX_TEXT_BYTES || text.chars().any(|c| c.is_control() && c != '\n') {
                return Err(format!(
                    "`{key}` of its manifest is longer than {MAX_TEXT_BYTES} bytes or has control characters"
                ));
            }
        }
        if let Some(role) = self.roles.iter().find(|role| !ROLES.contains(&role.as_str())) {
            let role = cut(role.escape_debug().to_string(), MAX_NAME_BYTES);
            return Err(format!(
                "its manifest has the role `{role}`; the roles are {}",
                ROLES.join(", ")
            ));
        }
        if self.roles.is_empty() {
            return Err("its manifest has no role".into());
        }
        if (self.contract.major, self.contract.minor) != (CONTRACT.major, CONTRACT.minor) {
            return Err(format!(
                "it is built for the contract {}, and this Tidegate speaks {CONTRACT}",
                self.contract
            ));
        }
        Ok(self)
    }
}

/// Whether a text can be a plugin's name.
pub(crate) fn is_name(text: &str) -> bool {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    !text.is_empty() && text.len() <= MAX_NAME_BYTES && text.chars().all(good)
}
