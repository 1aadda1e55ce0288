//! What the tests of this crate share: a runtime, the built guests, and a step to bind.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part of it")]
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without fails it")]

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow_schema::Schema;
use serde_json::json;
use tidegate_core::Error;
use tidegate_core::plan::{GrantSpec, OnReject, StepSpec};
use tidegate_core::port::Transform;
use tidegate_plugin::{Binding, Catalog, LogLine, LogSink, PluginTransform, Runtime, bind};

/// The folder of built guests.
pub fn guests() -> PathBuf {
    // Asked when run: where clones share a target folder, this may have been built in another one.
    let here = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let folder = PathBuf::from(here).join("../../plugins/dist");
    assert!(
        folder.join("guest-evil.wasm").exists(),
        "the guests are not built: run `cargo xtask guests`"
    );
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
                // Debug builds on busy machines are slow; tests of the limit set their own.
                time_per_batch_ms: 10_000,
                output_bytes: 64 << 20,
                http: Vec::new(),
            },
            drops: Vec::new(),
            on_reject: OnReject::Quarantine,
            instances: 1,
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

    /// Binds the evil guest to a deed: it is shown `n` of `numbers`, and may write `made`.
    pub async fn bind_evil(&self, step: &StepSpec) -> Result<PluginTransform, Error> {
        self.bind(step, &numbers(1).schema()).await
    }

    /// The step of a deed, as the fourth of its asset.
    pub fn evil(&self, deed: &str) -> StepSpec {
        let mut step = self.step("guest-evil", json!({"deed": deed}), &["n"], &["made"]);
        step.index = 3;
        step
    }

    /// A bound plugin that behaves: keeps the rows of `numbers` that have a number.
    pub async fn bind_good(&self) -> PluginTransform {
        let step = self.step("keep-present", json!({}), &["n"], &[]);
        self.bind(&step, &numbers(1).schema()).await.unwrap()
    }

    pub fn messages(&self) -> Vec<String> {
        self.lines
            .0
            .lock()
            .unwrap()
            .iter()
            .map(|line| line.message.clone())
            .collect()
    }
}

/// So many rows of `n`, an int64 that is missing in the last row, and of `text`, which nobody is granted.
pub fn numbers(rows: usize) -> RecordBatch {
    let n: Int64Array = (0..rows as i64)
        .map(|n| (n + 1 < rows as i64).then_some(n))
        .collect();
    let text: StringArray = (0..rows).map(|n| Some(format!("text {n}"))).collect();
    let columns: [(&str, ArrayRef); 2] = [("n", Arc::new(n)), ("text", Arc::new(text))];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true))).unwrap()
}

/// Puts a batch through a plugin that `Host::bind_good` bound.
pub async fn works(good: &mut PluginTransform) {
    let done = good.process(numbers(10), 0).await.unwrap();
    assert_eq!(done.outputs.len(), 1);
    assert_eq!(done.outputs[0], numbers(10).slice(0, 9));
    assert_eq!((done.counts.kept, done.counts.filtered), (9, 1));
}
