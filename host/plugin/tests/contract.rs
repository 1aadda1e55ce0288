//! What the contract promises: every row accounted for, every column granted, lineage, state; and the real plugins.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without fails it")]

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampMillisecondType};
use arrow_array::{Array, ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use serde_json::{Value, json};
use tidegate_core::batch::{Processed, StepCounts};
use tidegate_core::plan::StepSpec;
use tidegate_core::port::Transform;
use tidegate_core::{Error, Kind, Place};
use tidegate_plugin::PluginTransform;

mod support;
use support::{Host, numbers};

fn batch<const N: usize>(columns: [(&str, ArrayRef); N]) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true))).unwrap()
}

fn texts(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn integers(values: &[Option<i64>]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

/// Five rows: `id`, `name`, and `email`, which is not granted unless a test says so.
fn people() -> RecordBatch {
    batch([
        (
            "email",
            texts(&[Some("a@x"), Some("b@x"), Some("c@x"), Some("d@x"), Some("e@x")]),
        ),
        ("id", integers(&[Some(0), Some(1), Some(2), Some(3), Some(4)])),
        (
            "name",
            texts(&[Some("Ann"), Some("Bo"), None, Some("Di"), Some("Ed")]),
        ),
    ])
}

fn shapes(host: &Host, act: &str, reads: &[&str], writes: &[&str]) -> StepSpec {
    host.step("guest-shapes", json!({"act": act}), reads, writes)
}

async fn done(transform: &mut PluginTransform, batch: RecordBatch) -> Processed {
    let rows = batch.num_rows() as u64;
    let done = transform.process(batch, 0).await.unwrap();
    assert_eq!(done.counts.rows_in, rows);
    adds_up(transform, &done);
    done
}

fn adds_up(transform: &PluginTransform, done: &Processed) {
    assert!(done.counts.adds_up(), "{:?}", done.counts);
    let out: usize = done.outputs.iter().map(RecordBatch::num_rows).sum();
    assert_eq!(done.counts.rows_out(), out as u64);
    let rejected = done.rejects.as_ref().map_or(0, |rejects| rejects.rows.num_rows());
    assert_eq!(done.counts.rejected, rejected as u64);
    for output in &done.outputs {
        assert_eq!(output.schema(), transform.output_schema());
        output
            .columns()
            .iter()
            .for_each(|column| column.to_data().validate_full().unwrap());
    }
}

fn names(schema: &Schema) -> Vec<&str> {
    schema
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .collect()
}

fn int64s(batch: &RecordBatch, name: &str) -> Vec<i64> {
    batch
        .column_by_name(name)
        .unwrap()
        .as_primitive::<Int64Type>()
        .values()
        .to_vec()
}

fn strings<'a>(batch: &'a RecordBatch, name: &str) -> Vec<Option<&'a str>> {
    batch
        .column_by_name(name)
        .unwrap()
        .as_string::<i32>()
        .iter()
        .collect()
}

/// Where the columns behind a step come from: `name <- columns`, with a `*` where the plugin made it.
fn lineage(transform: &PluginTransform) -> Vec<String> {
    let columns = transform.lineage().0.iter();
    columns
        .map(|column| {
            format!(
                "{}{} <- {}",
                column.name,
                if column.made { "*" } else { "" },
                column.from.join(" ")
            )
        })
        .collect()
}

#[tokio::test]
async fn taken_rows_come_in_order_and_repeats_are_made() {
    let host = Host::new();
    let step = shapes(&host, "take", &["id"], &["tenfold"]);
    let mut transform = host.bind(&step, &people().schema()).await.unwrap();
    assert_eq!(
        lineage(&transform),
        ["email <- email", "id <- id", "name <- name", "tenfold* <- id"]
    );
    let done = done(&mut transform, people()).await;
    let counts = StepCounts {
        rows_in: 5,
        kept: 3,
        filtered: 2,
        made: 1,
        ..StepCounts::default()
    };
    assert_eq!(done.counts, counts);
    assert_eq!(int64s(&done.outputs[0], "id"), [2, 0, 0, 3]);
    assert_eq!(int64s(&done.outputs[0], "tenfold"), [20, 0, 0, 30]);
    // A column that the plugin never saw goes with its rows.
    assert_eq!(
        strings(&done.outputs[0], "email"),
        [Some("c@x"), Some("a@x"), Some("a@x"), Some("d@x")]
    );
    assert_eq!(
        strings(&done.outputs[0], "name"),
        [None, Some("Ann"), Some("Ann"), Some("Di")]
    );
}

#[tokio::test]
async fn a_row_in_several_outputs_is_kept_once() {
    let host = Host::new();
    let mut transform = host
        .bind(&shapes(&host, "several", &["id"], &[]), &people().schema())
        .await
        .unwrap();
    let done = done(&mut transform, people()).await;
    assert_eq!(
        (done.counts.kept, done.counts.made, done.counts.filtered),
        (5, 5, 0)
    );
    let ids: Vec<Vec<i64>> = done.outputs.iter().map(|output| int64s(output, "id")).collect();
    assert_eq!(ids, [vec![0, 1, 2, 3, 4], vec![0, 2, 4], vec![0, 0]]);
}

#[tokio::test]
async fn absorbed_rows_are_not_filtered_and_come_out_as_made() {
    let host = Host::new();
    let step = shapes(&host, "absorb", &["id"], &["tenfold"]);
    let mut transform = host.bind(&step, &people().schema()).await.unwrap();
    // It carries nothing on.
    assert_eq!(lineage(&transform), ["tenfold* <- id"]);
    for _ in 0..2 {
        let done = done(&mut transform, people()).await;
        let counts = StepCounts {
            rows_in: 5,
            kept: 3,
            rejected: 1,
            absorbed: 1,
            ..StepCounts::default()
        };
        assert_eq!(done.counts, counts);
        assert_eq!(int64s(&done.outputs[0], "tenfold"), [0, 20, 40]);
        // A refused row is kept whole, as it was given: all its columns, those never shown too.
        let rejects = done.rejects.unwrap();
        assert_eq!(rejects.rows, people().slice(1, 1));
        assert_eq!(rejects.codes.value(0), "shapes.second");
        assert_eq!(rejects.messages.value(0), "the second row");
    }
    let end = transform.finish().await.unwrap();
    adds_up(&transform, &end);
    assert_eq!((end.counts.rows_in, end.counts.made), (0, 2));
    assert_eq!(int64s(&end.outputs[0], "tenfold"), [0, 1]);
}

#[tokio::test]
async fn new_rows_are_made_and_nothing_is_nothing() {
    let host = Host::new();
    let mut double = host
        .bind(
            &shapes(&host, "double", &["id"], &["tenfold"]),
            &people().schema(),
        )
        .await
        .unwrap();
    let twice = done(&mut double, people()).await;
    assert_eq!(
        (twice.counts.kept, twice.counts.filtered, twice.counts.made),
        (0, 5, 10)
    );
    let mut nothing = host
        .bind(&shapes(&host, "nothing", &["id"], &[]), &people().schema())
        .await
        .unwrap();
    let none = done(&mut nothing, people()).await;
    assert_eq!((none.counts.filtered, none.outputs.len()), (5, 0));
    // A batch without rows is one.
    let empty = done(&mut double, people().slice(0, 0)).await;
    assert_eq!(empty.counts, StepCounts::default());
    assert!(empty.outputs.is_empty());
}

#[tokio::test]
async fn slices_are_batches_like_others() {
    let host = Host::new();
    let mut transform = host
        .bind(
            &shapes(&host, "instead", &["id", "name"], &["renamed", "tenfold"]),
            &people().schema(),
        )
        .await
        .unwrap();
    let done = done(&mut transform, people().slice(1, 3)).await;
    assert_eq!(int64s(&done.outputs[0], "tenfold"), [10, 30]);
    assert_eq!(strings(&done.outputs[0], "renamed"), [Some("Bo"), Some("Di")]);
}

#[tokio::test]
async fn columns_pass_replace_and_drop() {
    let host = Host::new();
    let schema = people().schema();
    let step = shapes(&host, "rename", &["id", "email"], &["renamed"]);
    let mut rename = host.bind(&step, &schema).await.unwrap();
    assert_eq!(
        lineage(&rename),
        ["email <- email", "id <- id", "name <- name", "renamed <- email"]
    );
    let passed = done(&mut rename, people()).await;
    assert_eq!(passed.outputs[0].column(3), people().column(0));

    let step = shapes(&host, "instead", &["id", "email"], &["renamed", "tenfold"]);
    let instead = host.bind(&step, &schema).await.unwrap();
    assert_eq!(lineage(&instead), ["renamed <- email", "tenfold* <- id"]);

    // What is written over keeps its place and takes its new type.
    let step = shapes(&host, "replace", &["id"], &["id"]);
    let mut replace = host.bind(&step, &schema).await.unwrap();
    assert_eq!(lineage(&replace), ["email <- email", "id* <- id", "name <- name"]);
    assert_eq!(replace.output_schema().field(1).data_type(), &DataType::Utf8);
    let replaced = done(&mut replace, people()).await;
    assert_eq!(strings(&replaced.outputs[0], "id")[4], Some("4"));

    let mut step = shapes(&host, "take", &["id"], &["tenfold"]);
    step.drops = vec!["email".into(), "tenfold".into()];
    let mut drop = host.bind(&step, &schema).await.unwrap();
    assert_eq!(names(&drop.output_schema()), ["id", "name"]);
    done(&mut drop, people()).await;

    step.drops = vec!["emial".into()];
    let error = host.bind(&step, &schema).await.err().unwrap();
    assert_eq!((error.code.as_str(), error.kind), ("plugin.input", Kind::Schema));
    assert!(error.message.contains("`drops` names `emial`"), "{error}");
}

#[tokio::test]
async fn a_plugin_is_shown_what_it_is_granted_in_the_order_of_the_grant() {
    let host = Host::new();
    for (reads, told) in [
        (&["id"][..], "id Int64"),
        (&["id", "name"], "id Int64, name Utf8"),
        (&["id", "name", "email"], "id Int64, name Utf8, email Utf8"),
    ] {
        let step = shapes(&host, "tell", reads, &["tenfold"]);
        let mut transform = host.bind(&step, &people().schema()).await.unwrap();
        assert_eq!(names(transform.shown()), reads);
        done(&mut transform, people()).await;
        assert_eq!(host.messages().last().unwrap(), told);
    }
    let step = shapes(&host, "tell", &["id", "nmae"], &["tenfold"]);
    let error = host.bind(&step, &people().schema()).await.err().unwrap();
    assert_eq!(
        (error.code.as_str(), error.kind),
        ("schema.unknown_column", Kind::Schema)
    );
    assert_eq!(error.hint.as_deref(), Some("did you mean `name`?"));
    let step = shapes(&host, "tell", &["id"], &[]);
    let error = host.bind(&step, &people().schema()).await.err().unwrap();
    assert_eq!(error.code, "plugin.ungranted_column");
}

#[tokio::test]
async fn every_type_crosses_into_a_real_plugin_and_back() {
    // The host's own columns go on untouched; here each is shown too, and its nulls are looked at.
    let host = Host::new();
    let types = [
        "boolean",
        "int8",
        "uint64",
        "float32",
        "decimal(12,2)",
        "decimal(70,2)",
        "binary",
        "fixed_binary(3)",
        "date32",
        "time64(us)",
        "timestamp(ms)",
        "timestamp(ns, Europe/London)",
        "duration(s)",
        "list(int8)",
        "struct(a: int8, b: list(utf8))",
        "map(utf8, float64)",
    ];
    for text in types {
        let data_type = text.parse::<tidegate_core::types::LogicalType>().unwrap().arrow();
        let schema = Arc::new(Schema::new(vec![Field::new("c", data_type.clone(), true)]));
        let nothing =
            RecordBatch::try_new(schema.clone(), vec![arrow_array::new_null_array(&data_type, 9)]).unwrap();
        let mut keep = host
            .bind(&host.step("keep-present", json!({}), &["c"], &[]), &schema)
            .await
            .unwrap();
        assert_eq!(keep.output_schema(), schema, "{text}");
        assert_eq!(done(&mut keep, nothing).await.counts.filtered, 9, "{text}");
    }
    let odd = Schema::new(vec![Field::new("c", DataType::LargeUtf8, true)]);
    let error = host
        .bind(&host.step("keep-present", json!({}), &["c"], &[]), &odd)
        .await
        .err()
        .unwrap();
    assert_eq!(error.code, "plugin.input");
    assert!(
        error
            .message
            .contains("the column `c` has the type LargeUtf8, which does not cross"),
        "{error}"
    );
}

#[tokio::test]
async fn a_wrong_config_is_pointed_at() {
    let host = Host::new();
    let classes = json!({"classes": [{"name": "a", "up_to": 5}, {"name": "b", "up_to": 5}], "beyond": "c"});
    let delays = batch([("delay", integers(&[Some(1)]))]).schema();
    let bind = async |plugin: &str, config: Value, reads: &[&str]| -> Error {
        let step = host.step(plugin, config, reads, &["delay_class"]);
        host.bind(&step, &delays).await.err().unwrap()
    };
    let error = bind("delay-class", classes, &["delay"]).await;
    assert_eq!((error.code.as_str(), error.kind), ("plugin.config", Kind::Schema));
    assert_eq!(
        error.place,
        Some(Place::Pointer("/config/classes/1/up_to".into()))
    );
    assert!(
        error.message.contains("`up_to` must rise from class to class"),
        "{error}"
    );
    let error = bind("keep-present", json!({"typo": 1}), &["delay"]).await;
    assert_eq!(error.code, "plugin.config");
    assert!(error.message.contains("unknown field `typo`"), "{error}");
    assert_eq!(error.place, Some(Place::Pointer("/config".into())));
    // No config at all is an empty one.
    let step = host.step("keep-present", Value::Null, &["delay"], &[]);
    host.bind(&step, &delays).await.unwrap();
    let error = bind("keep-present", json!({}), &[]).await;
    assert_eq!(error.code, "plugin.input");
    assert!(error.message.contains("`reads` names no column"), "{error}");
}

#[tokio::test]
async fn a_restored_plugin_goes_on_as_if_never_stopped() {
    let host = Host::new();
    let keys = |keys: &[Option<i64>]| batch([("key", integers(keys))]);
    let schema = keys(&[]).schema();
    let step = host.step("guest-dedupe", json!({}), &["key"], &[]);
    let mut first = host.bind(&step, &schema).await.unwrap();
    let done_first = done(&mut first, keys(&[Some(1), Some(2), Some(1), None, None])).await;
    assert_eq!((done_first.counts.kept, done_first.counts.filtered), (4, 1));
    let state = first.snapshot().await.unwrap().unwrap();
    let mut second = host.bind(&step, &schema).await.unwrap();
    second.restore(&state).await.unwrap();
    let next = keys(&[Some(2), Some(3), Some(1)]);
    let (one, two) = (
        done(&mut first, next.clone()).await,
        done(&mut second, next).await,
    );
    assert_eq!(int64s(&one.outputs[0], "key"), [3]);
    assert_eq!(one.outputs, two.outputs);
    assert_eq!(one.counts, two.counts);
    assert_eq!(first.snapshot().await.unwrap(), second.snapshot().await.unwrap());
    // A state of something else is refused by the plugin; a plugin without state has none.
    let error = second.restore(b"four").await.unwrap_err();
    assert_eq!(error.code, "plugin.fatal");
    let mut stateless = host.bind_good().await;
    assert_eq!(stateless.snapshot().await.unwrap(), None);
    assert_eq!(stateless.restore(&state).await.unwrap_err().code, "plugin.fatal");
    assert_eq!(stateless.finish().await.unwrap().counts, StepCounts::default());
}

#[tokio::test]
async fn keep_present_keeps_the_rows_that_have_everything() {
    let host = Host::new();
    let rows = numbers(100);
    let mut keep = host
        .bind(
            &host.step("keep-present", json!({}), &["text", "n"], &[]),
            &rows.schema(),
        )
        .await
        .unwrap();
    let kept = done(&mut keep, rows.clone()).await;
    assert_eq!(kept.outputs, [rows.slice(0, 99)]);
}

#[tokio::test]
async fn delay_class_sorts_delays() {
    let host = Host::new();
    let config = json!({"classes": [{"name": "early", "up_to": -1}, {"name": "on_time", "up_to": 15}], "beyond": "late"});
    let delays: ArrayRef = Arc::new(Int32Array::from(vec![
        Some(-3),
        Some(0),
        Some(15),
        Some(16),
        None,
    ]));
    let input = batch([("delay", delays)]);
    let step = host.step("delay-class", config, &["delay"], &["delay_class"]);
    let mut classes = host.bind(&step, &input.schema()).await.unwrap();
    let done = done(&mut classes, input).await;
    let expected = [
        Some("early"),
        Some("on_time"),
        Some("on_time"),
        Some("late"),
        None,
    ];
    assert_eq!(strings(&done.outputs[0], "delay_class"), expected);
}

#[tokio::test]
async fn clean_tail_number_cleans_and_refuses() {
    let host = Host::new();
    let input = batch([(
        "tailnum",
        texts(&[Some(" n104uw"), Some("D942DN"), None, Some("N1"), Some("NOPE")]),
    )]);
    let step = host.step("clean-tail-number", json!({}), &["tailnum"], &["tailnum"]);
    let mut clean = host.bind(&step, &input.schema()).await.unwrap();
    assert_eq!(lineage(&clean), ["tailnum* <- tailnum"]);
    let done = done(&mut clean, input).await;
    assert_eq!(
        strings(&done.outputs[0], "tailnum"),
        [Some("N104UW"), None, Some("N1")]
    );
    let rejects = done.rejects.unwrap();
    assert_eq!(strings(&rejects.rows, "tailnum"), [Some("D942DN"), Some("NOPE")]);
    assert_eq!(rejects.codes.value(0), "tail_number.invalid");
    assert_eq!(
        rejects.messages.value(0),
        "`D942DN` is no number that the FAA gives"
    );
}

#[tokio::test]
async fn local_instants_counts_across_zones_and_midnight() {
    let host = Host::new();
    let number = |values: [Option<i32>; 4]| Arc::new(Int32Array::from(values.to_vec())) as ArrayRef;
    let input = batch([
        ("year", number([Some(2013); 4])),
        ("month", number([Some(1), Some(7), Some(1), Some(2)])),
        ("day", number([Some(1), Some(1), Some(1), Some(30)])),
        ("sched_dep", number([Some(515), Some(2359), Some(600), Some(600)])),
        ("sched_arr", number([Some(819), Some(344), Some(700), Some(700)])),
        ("dep_delay", number([Some(2), Some(-1), None, Some(0)])),
        ("arr_delay", number([Some(11), Some(16), None, Some(0)])),
        (
            "dest",
            texts(&[Some("ORD"), Some("SJU"), Some("ORD"), Some("ORD")]),
        ),
    ]);
    let config = json!({
        "departure_zone": "America/New_York",
        "arrival_zones": {"America/Chicago": ["ORD"], "America/Puerto_Rico": ["SJU"]},
    });
    let schema = input.schema();
    let step = host.step(
        "local-instants",
        config,
        &names(&schema),
        &["departed_at", "arrived_at"],
    );
    let mut instants = host.bind(&step, &schema).await.unwrap();
    let done = done(&mut instants, input).await;
    let at = |name: &str, row: usize| {
        let column = done.outputs[0]
            .column_by_name(name)
            .unwrap()
            .as_primitive::<TimestampMillisecondType>();
        column
            .is_valid(row)
            .then(|| column.value_as_datetime(row).unwrap().to_string())
    };
    assert_eq!(at("departed_at", 0).as_deref(), Some("2013-01-01 10:17:00"));
    assert_eq!(at("arrived_at", 0).as_deref(), Some("2013-01-01 14:30:00"));
    // Summer: New York is four hours behind, Puerto Rico always; and the arrival is the next day.
    assert_eq!(at("departed_at", 1).as_deref(), Some("2013-07-02 03:58:00"));
    assert_eq!(at("arrived_at", 1).as_deref(), Some("2013-07-02 08:00:00"));
    // It never happened.
    assert_eq!((at("departed_at", 2), at("arrived_at", 2)), (None, None));
    // There is no 30 February.
    assert_eq!((done.counts.kept, done.counts.rejected), (3, 1));
}
