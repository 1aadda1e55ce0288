//! What the tests of this crate share: a runtime, the built guests, and a step to bind.
#![allow(dead_code)]

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use arrow_schema::Schema;
use tidegate_core::Error;
use tidegate_core::plan::{GrantSpec, OnReject, StepSpec};
use tidegate_plugin::{Binding, Catalog, LogLine, LogSink, PluginTransform, Runtime, bind};

/// The folder of built guests.
pub fn guests() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../plugins/dist");
    assert!(folder.join("guest-evil.wasm").exists(), "the guests are not built: run `cargo xtask guests`");
    folder
}

/// One compiled-code cache for all tests of a build.
pub fn cache() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("plugin-cache")
}

/// Keeps lines.
#[derive(Default)]
pub struct Lines(pub Mutex<Vec<LogLine>>);

impl LogSink for Lines {
    fn line(&self, line: LogLine) {
        self.0.lock().unwrap().push(line);
    }
}

/// A project with the built guests.
pub struct Host {
    pub runtime: Runtime,
    pub catalog: Catalog,
    pub lines: Arc<Lines>,
}

impl Host {
    pub fn new() -> Self {
        Self {
            runtime: Runtime::new(&cache()).unwrap(),
            catalog: Catalog::new(vec![guests()]),
            lines: Arc::default(),
        }
    }

    /// A step of a guest with the default limits.
    pub fn step(&self, plugin: &str, config: serde_json::Value, reads: &[&str], writes: &[&str]) -> StepSpec {
        let found = self.catalog.find(&plugin.parse().unwrap()).unwrap();
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        StepSpec {
            index: 0,
            plugin: found.manifest.name.clone(),
            version: found.manifest.version.to_string(),
            digest: found.digest.clone(),
            config,
            grant: GrantSpec {
                reads: names(reads),
                writes: names(writes),
                memory_bytes: 64 << 20,
                time_per_batch_ms: 1_000,
                output_bytes: 64 << 20,
            },
            drops: Vec::new(),
            on_reject: OnReject::Quarantine,
        }
    }

    pub async fn bind(&self, step: &StepSpec, input: &Schema) -> Result<PluginTransform, Error> {
        self.bind_with_secrets(step, input, &[]).await
    }

    pub async fn bind_with_secrets(
        &self,
        step: &StepSpec,
        input: &Schema,
        secrets: &[String],
    ) -> Result<PluginTransform, Error> {
        bind(Binding {
            runtime: &self.runtime,
            catalog: &self.catalog,
            step,
            input,
            log: self.lines.clone(),
            secrets: secrets.into(),
        })
        .await
    }

    pub fn messages(&self) -> Vec<String> {
        self.lines.0.lock().unwrap().iter().map(|line| line.message.clone()).collect()
    }
}
