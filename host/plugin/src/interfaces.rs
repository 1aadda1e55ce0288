//! What a component asks of its host, and what it offers.

use serde::Serialize;
use wasmparser::{Parser, Payload};

use crate::catalog::Plugin;
use crate::error::PluginError;

/// The interfaces that stand at a component's edge, such as `tidegate:plugin/host@0.1.0`, in its order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Interfaces {
    /// What it asks for.
    pub imports: Vec<String>,
    /// What it offers.
    pub exports: Vec<String>,
}

impl Interfaces {
    /// Those of a plugin.
    pub fn of(plugin: &Plugin) -> Result<Self, PluginError> {
        Self::read(&plugin.wasm).map_err(|error| PluginError::NotAPlugin {
            file: plugin.file.display().to_string(),
            why: format!("the file is damaged: {}", error.message()),
        })
    }

    /// Those of a component's bytes.
    pub(crate) fn read(wasm: &[u8]) -> Result<Self, wasmparser::BinaryReaderError> {
        let mut found = Self::default();
        let mut depth = 0;
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::Version { .. } => depth += 1,
                Payload::End(_) => depth -= 1,
                // What modules and components inside import is matched up inside.
                Payload::ComponentImportSection(imports) if depth == 1 => {
                    for import in imports {
                        found.imports.push(import?.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(exports) if depth == 1 => {
                    for export in exports {
                        found.exports.push(export?.name.name.to_owned());
                    }
                }
                _ => {}
            }
        }
        Ok(found)
    }
}
