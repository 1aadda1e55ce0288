//! What a plugin says of itself, in a custom section of the component.

use serde::{Deserialize, Deserializer, Serialize};
use tidegate_core::schema::ByteSize;
use wasmparser::{Parser, Payload};

use crate::error::PluginError;
use crate::limits::cut;

/// The custom section's name. SDKs put it into the core module, where linkers keep it.
pub(crate) const SECTION: &str = "tidegate:manifest";

/// A manifest is a screenful of JSON, and a config's JSON Schema some more; beyond this it is not a manifest.
pub(crate) const MAX_MANIFEST_BYTES: usize = 1 << 20;

/// The longest text of a manifest, in bytes: what a page shows.
const MAX_TEXT_BYTES: usize = 4_096;

/// The longest name, in bytes.
const MAX_NAME_BYTES: usize = 64;

/// The most entries of a list in a manifest: more authors, hosts or secrets than this are not read by anybody.
const MAX_ENTRIES: usize = 64;

/// What a plugin can be used as.
pub(crate) const ROLES: &[&str] = &["transform", "source", "destination", "check", "sensor"];

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
    /// Who wrote it; a manifest may have one text in place of the list.
    #[serde(default, deserialize_with = "one_or_many")]
    pub authors: Vec<String>,
    /// What it can be used as.
    pub roles: Vec<String>,
    /// The version of the contract that it was built with.
    pub contract: semver::Version,
    /// Where its source is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// Which state of the source it was built from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// What it would like to be granted.
    #[serde(default)]
    pub wishes: Wishes,
    /// The JSON Schema of its config, where the author's tools asked it for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_schema: Option<serde_json::Map<String, serde_json::Value>>,
}

/// What a plugin would like to be granted. It is shown to whoever writes the schema, and grants nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wishes {
    /// The addresses that it makes requests to.
    #[serde(default)]
    pub http: Vec<String>,
    /// What it needs secrets for.
    #[serde(default)]
    pub secrets: Vec<String>,
    /// The linear memory that it needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<ByteSize>,
}

/// A list of texts, or one text.
fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }
    Ok(match OneOrMany::deserialize(deserializer)? {
        OneOrMany::One(text) if text.is_empty() => Vec::new(),
        OneOrMany::One(text) => vec![text],
        OneOrMany::Many(texts) => texts,
    })
}

/// What is looked at before the rest, which a later contract may have other keys for.
#[derive(Deserialize)]
struct BuiltFor {
    contract: semver::Version,
}

/// Why a file gives no manifest.
#[derive(Debug)]
pub(crate) enum NoManifest {
    /// It is not a plugin.
    NotAPlugin(String),
    /// It is one of a contract that this host does not run.
    Contract(semver::Version),
}

impl NoManifest {
    /// The error of a file.
    pub(crate) fn of(self, file: String) -> PluginError {
        match self {
            Self::NotAPlugin(why) => PluginError::NotAPlugin { file, why },
            Self::Contract(built) => PluginError::Contract {
                file,
                built: built.to_string(),
                speaks: CONTRACT.to_string(),
            },
        }
    }
}

impl From<String> for NoManifest {
    fn from(why: String) -> Self {
        Self::NotAPlugin(why)
    }
}

impl Manifest {
    /// Reads the manifest out of a component, or says why there is none.
    pub(crate) fn read(wasm: &[u8]) -> Result<Self, NoManifest> {
        if wasm.is_empty() {
            return Err("it is empty".to_owned().into());
        }
        if !wasm.starts_with(b"\0asm") {
            return Err("it is not WebAssembly".to_owned().into());
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
                        "it is a core module; build it for wasm32-wasip2, which makes a component"
                            .to_owned()
                            .into(),
                    );
                }
                Payload::CustomSection(section) if section.name() == SECTION => {
                    let data = section.data();
                    if data.len() > MAX_MANIFEST_BYTES {
                        return Err(format!("its manifest has {} bytes", data.len()).into());
                    }
                    let unreadable = |error| format!("its manifest is not readable: {error}");
                    if let Ok(BuiltFor { contract }) = serde_json::from_slice(data)
                        && (contract.major, contract.minor) != (CONTRACT.major, CONTRACT.minor)
                    {
                        return Err(NoManifest::Contract(contract));
                    }
                    let manifest: Self = serde_json::from_slice(data).map_err(unreadable)?;
                    return Ok(manifest.checked()?);
                }
                _ => {}
            }
        }
        Err("it has no manifest".to_owned().into())
    }

    /// What a plugin says of itself is shown to people and becomes part of paths and messages.
    fn checked(self) -> Result<Self, String> {
        if !is_name(&self.name) {
            let name = cut(self.name.escape_debug().to_string(), MAX_NAME_BYTES);
            return Err(format!(
                "its manifest has the name `{name}`; a name has small letters, digits, `-` and `_`"
            ));
        }
        let one = [("description", &self.description), ("license", &self.license)];
        let optional = [("repository", &self.repository), ("revision", &self.revision)];
        let lists = [
            ("authors", &self.authors),
            ("roles", &self.roles),
            ("wishes.http", &self.wishes.http),
            ("wishes.secrets", &self.wishes.secrets),
        ];
        if let Some((key, list)) = lists.iter().find(|(_, list)| list.len() > MAX_ENTRIES) {
            return Err(format!(
                "`{key}` of its manifest has {} entries; {MAX_ENTRIES} are allowed",
                list.len()
            ));
        }
        let texts = one
            .into_iter()
            .chain(
                optional
                    .into_iter()
                    .filter_map(|(key, text)| Some((key, text.as_ref()?))),
            )
            .chain(
                lists
                    .into_iter()
                    .flat_map(|(key, list)| list.iter().map(move |text| (key, text))),
            );
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
        Ok(self)
    }
}

/// Whether a text can be a plugin's name.
pub(crate) fn is_name(text: &str) -> bool {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    !text.is_empty() && text.len() <= MAX_NAME_BYTES && text.chars().all(good)
}
