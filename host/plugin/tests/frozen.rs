//! Components of earlier days: each in `frozen/` was built from the contract as it was, and must run as it did.
//!
//! `NAME.wasm` is a component, `NAME.json` says what it is given and what came of it when it was frozen. Nothing there is
//! ever built anew: that is what it is for. To freeze another, add the two files beside those that are there.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without fails it")]

use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::Schema;
use serde::Deserialize;
use serde_json::Value;
use tidegate_core::port::Transform;
use tidegate_plugin::{Catalog, Plugin};

mod support;
use support::Host;

/// What a frozen transform is given, and what comes of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Frozen {
    /// The component's digest: it is still the one that was frozen.
    digest: String,
    config: Value,
    reads: Vec<String>,
    writes: Vec<String>,
    /// The stream's columns, `utf8`, `int64` or `float64`, with a value or null a row.
    input: Vec<Column>,
    output: Vec<Column>,
    /// Rows kept, filtered and rejected.
    counts: [u64; 3],
    /// Whether it has a state to go on from.
    stateful: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Column {
    name: String,
    #[serde(rename = "type")]
    data_type: String,
    values: Vec<Value>,
}

fn batch(columns: &[Column]) -> RecordBatch {
    let columns = columns.iter().map(|column| {
        let values = column.values.iter();
        let array: ArrayRef = match column.data_type.as_str() {
            "int64" => Arc::new(values.map(Value::as_i64).collect::<Int64Array>()),
            "float64" => Arc::new(values.map(Value::as_f64).collect::<Float64Array>()),
            "utf8" => Arc::new(values.map(Value::as_str).collect::<StringArray>()),
            other => panic!("columns of {other} are not read"),
        };
        (column.name.as_str(), array, true)
    });
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

fn frozen() -> Vec<PathBuf> {
    // Asked when run: where clones share a target folder, this may have been built in another one.
    let here = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let mut found: Vec<PathBuf> = std::fs::read_dir(here.join("tests/frozen"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "wasm"))
        .collect();
    found.sort();
    found
}

async fn runs(file: &std::path::Path) {
    let told: Frozen = serde_json::from_slice(&std::fs::read(file.with_extension("json")).unwrap()).unwrap();
    let plugin = Plugin::read(file).unwrap();
    assert_eq!(plugin.digest.to_string(), told.digest, "{}", file.display());
    let mut host = Host::new();
    host.catalog = Catalog::new(vec![file.parent().unwrap().to_owned()]);
    let names = |names: &[String]| -> Vec<String> { names.to_vec() };
    let wanted = format!("{}@={}", plugin.manifest.name, plugin.manifest.version);
    let mut step = host.step(&wanted, told.config.clone(), &[], &[]);
    step.grant.reads = names(&told.reads);
    step.grant.writes = names(&told.writes);
    let input = batch(&told.input);
    let schema: &Schema = &input.schema();
    let mut bound = host.bind(&step, schema).await.unwrap();
    let done = bound.process(input.clone(), 0).await.unwrap();
    let expected = batch(&told.output);
    let got = arrow_select::concat::concat_batches(&bound.output_schema(), &done.outputs).unwrap();
    assert_eq!(got.columns(), expected.columns(), "{}", file.display());
    for (field, told) in got.schema().fields().iter().zip(&told.output) {
        assert_eq!(*field.name(), told.name);
    }
    let counts = [done.counts.kept, done.counts.filtered, done.counts.rejected];
    assert_eq!(counts, told.counts, "{}", file.display());
    assert_eq!(
        bound.snapshot().await.unwrap().is_some(),
        told.stateful,
        "{}",
        file.display()
    );
    bound.finish().await.unwrap();
}

#[tokio::test]
async fn what_was_built_from_an_earlier_contract_still_runs() {
    let files = frozen();
    assert!(!files.is_empty(), "nothing is frozen");
    for file in files {
        runs(&file).await;
    }
}
