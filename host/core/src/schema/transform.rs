//! One transform of an asset, as YAML declares it.

use std::fmt;

use schemars::JsonSchema;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::duration::{ByteSize, Millis};
use super::http::HttpGrant;
use super::placeholder::placeholders;
use crate::plan::{AssetName, OnReject};

/// A step between source and destination: a plugin and what it is granted, or SQL.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Transform")]
pub struct TransformDecl {
    /// The plugin, with the versions that will do: `hash-email@^1`. Without `@`, any version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<String>,
    /// A SELECT in place of a plugin: over `input`, which is the stream, and over assets, each written `{NAME}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sql: Option<String>,
    /// The columns that the plugin is shown, and no others. `"*"` opens all but those tagged `pii`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reads: Option<Reads>,
    /// The columns that it may add or replace.
    #[serde(default)]
    pub writes: Vec<String>,
    /// Columns taken off the stream behind it.
    #[serde(default)]
    pub drops: Vec<String>,
    /// The plugin's config, checked by the plugin.
    #[serde(default)]
    pub config: serde_json::Value,
    /// The HTTP requests that it may make.
    #[serde(default)]
    pub http: Vec<HttpGrant>,
    /// What it may use.
    #[serde(default)]
    pub limits: Limits,
    /// What happens to rows that it refuses.
    #[serde(default)]
    pub on_reject: OnReject,
    /// How many instances work side by side, 1 to 16; several only of a transform that keeps no state. Rows stay in
    /// order.
    #[serde(default = "one")]
    pub instances: u32,
}

impl TransformDecl {
    /// The columns that the plugin is shown; of SQL none.
    pub fn reads(&self) -> &Reads {
        const NONE: &Reads = &Reads::Columns(Vec::new());
        self.reads.as_ref().unwrap_or(NONE)
    }

    /// The assets that SQL reads beside the stream.
    pub fn assets(&self) -> Vec<AssetName> {
        self.sql.as_deref().map(placeholders).unwrap_or_default()
    }
}

fn one() -> u32 {
    1
}

/// What one instance of a plugin may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Linear memory.
    pub memory: ByteSize,
    /// Wall time of one call.
    pub time_per_batch: Millis,
    /// What one call may return.
    pub output: ByteSize,
}

impl Default for Limits {
    fn default() -> Self {
        // DESIGN section 4: 64 MiB and one second. The output of a batch is bounded by the memory that it is made in.
        Self {
            memory: ByteSize(64 << 20),
            time_per_batch: Millis(1_000),
            output: ByteSize(64 << 20),
        }
    }
}

/// The columns that a plugin is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reads {
    /// All but those tagged `pii`.
    All,
    /// These.
    Columns(Vec<String>),
}

impl Serialize for Reads {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::All => serializer.serialize_str("*"),
            Self::Columns(names) => names.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Reads {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ReadsVisitor;

        impl<'de> Visitor<'de> for ReadsVisitor {
            type Value = Reads;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of columns, or \"*\"")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Reads, E> {
                if text == "*" {
                    Ok(Reads::All)
                } else {
                    Err(E::custom(format!(
                        "`{text}` is neither a list of columns nor \"*\"; write [{text}]"
                    )))
                }
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Reads, A::Error> {
                let mut names = Vec::new();
                while let Some(name) = items.next_element()? {
                    names.push(name);
                }
                Ok(Reads::Columns(names))
            }

            // A value that was reported already reads as nothing.
            fn visit_none<E>(self) -> Result<Reads, E> {
                Ok(Reads::Columns(Vec::new()))
            }
        }

        deserializer.deserialize_any(ReadsVisitor)
    }
}

impl JsonSchema for Reads {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Reads".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "The columns that the plugin is shown: a list, or \"*\" for all but those tagged pii.",
            "oneOf": [
                {"type": "array", "items": {"type": "string"}},
                {"const": "*"}
            ]
        })
    }
}
