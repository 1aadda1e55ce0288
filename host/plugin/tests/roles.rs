//! Sources, destinations, checks and sensors: what they promise, and what is made of those that lie.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without fails it")]

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Int64Array, RecordBatch};
use serde_json::{Value, json};
use tidegate_core::plan::{CheckSpec, Epoch, GrantSpec, LoadToken, PartitionKey};
use tidegate_core::port::{Check, Commit, Cursor, Destination, Part, Severity, Source};
use tidegate_core::schema::{Column, Load};
use tidegate_core::{Error, Kind, Retry};
use tidegate_plugin::{
    CheckBinding, InstanceGrant, LoadRequest, Opening, Outcome, Plugin, PluginCheck, PluginDestination,
    PluginSensor, PluginSource, SourceRequest, bind_check, check_source, discover,
};

mod support;
use support::Host;

static GRANT: InstanceGrant = InstanceGrant {
    memory_bytes: 64 << 20,
    time_per_call_ms: 10_000,
    output_bytes: 64 << 20,
    http: Vec::new(),
};

fn opening<'a>(host: &'a Host, plugin: &'a Plugin, secrets: &'a [String]) -> Opening<'a> {
    Opening {
        runtime: &host.runtime,
        plugin,
        place: "here".into(),
        grant: &GRANT,
        log: host.lines.clone(),
        secrets,
    }
}

fn plugin(host: &Host, name: &str) -> Arc<Plugin> {
    host.catalog.find(&name.parse().unwrap()).unwrap()
}

fn columns(names: &[(&str, &str)]) -> Vec<Column> {
    names
        .iter()
        .map(|(name, data_type)| Column::new(name, data_type.parse().unwrap()))
        .collect()
}

async fn source(
    host: &Host,
    name: &str,
    config: Value,
    cursor: Option<&Cursor>,
) -> Result<PluginSource, Error> {
    let plugin = plugin(host, name);
    let request = SourceRequest {
        config: &config,
        stream: "numbers",
        columns: &columns(&[("n", "int64")]),
        cursor,
        partition: None,
        batch_rows: 7,
    };
    PluginSource::open(opening(host, &plugin, &["hidden".into()]), request).await
}

fn integers(batch: &RecordBatch) -> Vec<i64> {
    batch.column(0).as_primitive::<Int64Type>().values().to_vec()
}

#[tokio::test]
async fn a_source_goes_on_from_each_of_its_cursors() {
    let host = Host::new();
    // Every page fails for now at its first try.
    let config = json!({"end": 20, "busy": true});
    let mut reader = source(&host, "guest-roles", config.clone(), None).await.unwrap();
    let mut pages = Vec::new();
    while let Some(page) = reader.next().await.unwrap() {
        assert_eq!(page.batch.schema(), reader.schema());
        pages.push((integers(&page.batch), page.cursor));
    }
    let rows: Vec<i64> = pages.iter().flat_map(|(rows, _)| rows.clone()).collect();
    assert_eq!(rows, (0..20).collect::<Vec<i64>>());
    assert_eq!(pages.len(), 3);
    for (index, (_, cursor)) in pages.iter().enumerate() {
        let mut reader = source(&host, "guest-roles", config.clone(), Some(cursor))
            .await
            .unwrap();
        let mut rest = Vec::new();
        while let Some(page) = reader.next().await.unwrap() {
            rest.extend(integers(&page.batch));
        }
        let behind: Vec<i64> = pages[index + 1..]
            .iter()
            .flat_map(|(rows, _)| rows.clone())
            .collect();
        assert_eq!(rest, behind);
    }
    let foreign = Cursor(json!("not base64!"));
    let error = source(&host, "guest-roles", config, Some(&foreign))
        .await
        .err()
        .unwrap();
    assert_eq!((error.code.as_str(), error.kind), ("plugin.cursor", Kind::State));
}

#[tokio::test]
async fn a_source_without_cursors_says_so() {
    let host = Host::new();
    let config = json!({"end": 20, "whole": true});
    let mut reader = source(&host, "guest-roles", config, None).await.unwrap();
    let mut rows = 0;
    while let Some(page) = reader.next().await.unwrap() {
        assert_eq!(page.cursor, Cursor(Value::Null));
        rows += page.batch.num_rows();
    }
    assert_eq!(rows, 20);
}

#[tokio::test]
async fn a_source_is_asked_what_it_can_read() {
    let host = Host::new();
    let plugin = plugin(&host, "guest-roles");
    let streams = discover(opening(&host, &plugin, &[]), &json!({})).await.unwrap();
    assert_eq!((streams.len(), streams[0].name.as_str()), (1, "numbers"));
    assert_eq!(streams[0].key, ["n"]);
    assert_eq!(streams[0].schema.fields().len(), 3);
    assert!(streams[0].incremental);
    check_source(opening(&host, &plugin, &[]), &json!({}))
        .await
        .unwrap();
    let error = check_source(opening(&host, &plugin, &[]), &json!({"end": -1}))
        .await
        .unwrap_err();
    assert_eq!(error.code, "plugin.config");
}

async fn fails_next(host: &Host, deed: &str) -> Error {
    let mut reader = source(host, "guest-liar", json!({"deed": deed}), None)
        .await
        .unwrap();
    for _ in 0..40 {
        match reader.next().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("{deed} ended well"),
            Err(error) => return error,
        }
    }
    panic!("{deed} goes on and on")
}

#[tokio::test]
async fn a_source_that_lies_is_stopped() {
    let host = Host::new();
    let lies = [
        ("rows", "it has 3 values and must have 4"),
        ("too-many-rows", "it gave 8 rows, and was asked for 7 at most"),
        ("columns", "it gave 0 columns, and was asked for 1"),
        ("type", "bytes and must have"),
        ("cursor-long", "its cursor has 65537 bytes"),
        ("cursor-still", "its cursor stayed where it was"),
        ("forever", "pages in a row had no rows"),
    ];
    for (deed, why) in lies {
        let error = fails_next(&host, deed).await;
        assert_eq!(
            (error.code.as_str(), error.kind),
            ("plugin.contract", Kind::Plugin),
            "{error}"
        );
        assert!(error.message.contains(why), "{error}");
        assert!(
            error.message.contains("guest-liar@0.1.0") && error.message.contains(", here, next"),
            "{error}"
        );
    }
    assert_eq!(fails_next(&host, "trap").await.code, "plugin.trap");
    assert_eq!(fails_next(&host, "data").await.code, "plugin.data");
    // Told to wait for a day, nobody waits.
    let error = fails_next(&host, "retry-late").await;
    assert_eq!(
        (error.code.as_str(), error.retry),
        ("plugin.retryable", Retry::Later)
    );
}

#[tokio::test]
async fn a_source_that_tells_of_another_type_is_not_read() {
    let host = Host::new();
    // As wide as the int64 that is asked for: no page would show it.
    let error = source(&host, "guest-liar", json!({"deed": "told-type"}), None)
        .await
        .err()
        .unwrap();
    assert_eq!((error.code.as_str(), error.kind), ("plugin.input", Kind::Schema));
    let words = "`n` of the stream `numbers` is float64, and the asset reads it as int64";
    assert!(error.message.contains(words), "{error}");
}

#[tokio::test]
async fn what_a_source_says_of_its_config_holds_no_secret() {
    let host = Host::new();
    let error = source(&host, "guest-liar", json!({"deed": "open"}), None)
        .await
        .err()
        .unwrap();
    assert_eq!(error.code, "plugin.config");
    let mut reader = source(&host, "guest-liar", json!({"deed": "hidden"}), None)
        .await
        .unwrap();
    assert!(reader.next().await.is_ok());
    let plugin = plugin(&host, "guest-liar");
    let secret = ["trap".to_owned()];
    let config = json!({"deed": "trap"});
    let request = SourceRequest {
        config: &config,
        stream: "numbers",
        columns: &columns(&[("n", "int64")]),
        cursor: None,
        partition: None,
        batch_rows: 7,
    };
    let mut reader = PluginSource::open(opening(&host, &plugin, &secret), request)
        .await
        .unwrap();
    let error = reader.next().await.unwrap_err();
    assert!(error.message.contains("in the middle of ***"), "{error}");
    for deed in ["stream-name", "schema"] {
        let error = discover(opening(&host, &plugin, &[]), &json!({"deed": deed}))
            .await
            .unwrap_err();
        assert_eq!(error.code, "plugin.contract", "{error}");
        assert!(!error.message.contains('\u{1b}'));
    }
}

async fn destination(
    host: &Host,
    name: &str,
    config: Value,
    staged: &[Part],
) -> Result<Box<PluginDestination>, Error> {
    let plugin = plugin(host, name);
    let request = LoadRequest {
        config: &config,
        asset: &"numbers".parse().unwrap(),
        partition: &PartitionKey::whole(),
        load: Load::Append,
        schema: Column::schema(&columns(&[("n", "int64")])),
        key: vec!["n".into()],
        token: &LoadToken("token".into()),
        staged,
        epoch: Epoch(3),
        batch_rows: 10,
    };
    PluginDestination::open(opening(host, &plugin, &[]), request)
        .await
        .map(Box::new)
}

fn batch(rows: std::ops::Range<i64>) -> RecordBatch {
    let values = Int64Array::from_iter_values(rows);
    RecordBatch::try_new(
        Column::schema(&columns(&[("n", "int64")])),
        vec![Arc::new(values)],
    )
    .unwrap()
}

fn commit() -> Commit {
    Commit {
        at: chrono::DateTime::UNIX_EPOCH,
    }
}

fn writes(host: &Host) -> Vec<String> {
    let messages = host.messages();
    messages
        .into_iter()
        .filter(|line| line.starts_with("writes"))
        .collect()
}

#[tokio::test]
async fn batches_are_cut_the_same_however_rows_come() {
    let expected = [
        "writes 10 rows, 0-10",
        "writes 10 rows, 10-10",
        "writes 5 rows, 20-5",
    ];
    for cuts in [vec![25], vec![3, 4, 18], vec![10, 10, 5], vec![1; 25]] {
        let host = Host::new();
        let mut writer = destination(&host, "guest-roles", json!({}), &[]).await.unwrap();
        let mut from = 0;
        for rows in cuts {
            writer.write(batch(from..from + rows)).await.unwrap();
            from += rows;
        }
        let receipt = writer.commit(commit()).await.unwrap();
        assert_eq!(
            (receipt.rows, receipt.parts, receipt.location.as_str()),
            (25, 3, "nowhere")
        );
        assert_eq!(writes(&host), expected);
    }
}

#[tokio::test]
async fn what_was_staged_is_taken_over() {
    let host = Host::new();
    let mut first = destination(&host, "guest-roles", json!({}), &[]).await.unwrap();
    first.write(batch(0..14)).await.unwrap();
    let staged = first.stage().await.unwrap().unwrap();
    assert_eq!(staged.iter().map(|part| part.rows).sum::<u64>(), 14);
    // It dies. A later attempt is given what was staged, and goes on.
    let mut second = destination(&host, "guest-roles", json!({}), &staged)
        .await
        .unwrap();
    second.write(batch(14..30)).await.unwrap();
    assert_eq!(second.commit(commit()).await.unwrap().rows, 30);
    let opened = host
        .messages()
        .into_iter()
        .filter(|line| line.starts_with("opens"))
        .collect::<Vec<_>>();
    assert_eq!(
        opened,
        ["opens Append key n staged 0", "opens Append key n staged 14"]
    );
    let mut damaged = staged;
    damaged[0].name.insert(0, 'A');
    let error = destination(&host, "guest-roles", json!({}), &damaged)
        .await
        .err()
        .unwrap();
    assert_eq!(error.code, "plugin.staged");
}

#[tokio::test]
async fn a_destination_that_cannot_hold_back_is_given_whole_batches_all_the_same() {
    let host = Host::new();
    let config = json!({"shows_at_once": true});
    let mut writer = destination(&host, "guest-roles", config, &[]).await.unwrap();
    for from in (0..25).step_by(5) {
        writer.write(batch(from..from + 5)).await.unwrap();
        assert_eq!(writer.stage().await.unwrap(), None);
    }
    assert_eq!(writer.commit(commit()).await.unwrap().rows, 25);
    assert_eq!(
        writes(&host),
        [
            "writes 10 rows, 0-10",
            "writes 10 rows, 10-10",
            "writes 5 rows, 20-5"
        ]
    );
}

#[tokio::test]
async fn a_destination_that_lies_is_told() {
    let host = Host::new();
    let mut lies = destination(&host, "guest-liar", json!({"deed": "receipt"}), &[])
        .await
        .unwrap();
    lies.write(batch(0..5)).await.unwrap();
    let error = lies.commit(commit()).await.unwrap_err();
    assert_eq!(error.code, "plugin.contract");
    assert!(
        error
            .message
            .contains("its receipt says 6 rows, and it was given 5"),
        "{error}"
    );
    let mut long = destination(&host, "guest-liar", json!({"deed": "staged-long"}), &[])
        .await
        .unwrap();
    long.write(batch(0..5)).await.unwrap();
    assert_eq!(long.stage().await.unwrap_err().code, "plugin.contract");
    let mut traps = destination(&host, "guest-liar", json!({"deed": "write"}), &[])
        .await
        .unwrap();
    let error = traps.write(batch(0..10)).await.unwrap_err();
    assert_eq!(error.code, "plugin.trap");
    // There is nobody left to forget it.
    assert!(traps.abort().await.is_err());
    let mut good = destination(&host, "guest-liar", json!({"deed": "none"}), &[])
        .await
        .unwrap();
    good.write(batch(0..5)).await.unwrap();
    assert_eq!(good.commit(commit()).await.unwrap().location, " [2Jnowhere");
}

async fn check(host: &Host, name: &str, config: Value, reads: &[&str]) -> Result<PluginCheck, Error> {
    let plugin = plugin(host, name);
    let spec = CheckSpec {
        index: 2,
        plugin: plugin.manifest.name.clone(),
        version: plugin.manifest.version.to_string(),
        digest: plugin.digest.clone(),
        config,
        grant: GrantSpec {
            reads: reads.iter().map(|name| (*name).to_owned()).collect(),
            writes: Vec::new(),
            memory_bytes: 64 << 20,
            time_per_batch_ms: 10_000,
            output_bytes: 1 << 20,
            http: Vec::new(),
        },
    };
    bind_check(CheckBinding {
        runtime: &host.runtime,
        catalog: &host.catalog,
        check: &spec,
        loaded: &support::numbers(1).schema(),
        log: host.lines.clone(),
        secrets: Arc::from([]),
    })
    .await
}

#[tokio::test]
async fn a_check_goes_on_from_its_snapshot() {
    let host = Host::new();
    let config = json!({"allowed": 1});
    let mut first = check(&host, "guest-roles", config.clone(), &["n"]).await.unwrap();
    first.observe(&support::numbers(10), 0).await.unwrap();
    assert!(first.verdict().await.unwrap().passed);
    let state = first.snapshot().await.unwrap().unwrap();
    let mut second = check(&host, "guest-roles", config, &["n"]).await.unwrap();
    second.restore(&state).await.unwrap();
    second.observe(&support::numbers(5), 1).await.unwrap();
    let verdict = second.verdict().await.unwrap();
    assert!(!verdict.passed && verdict.severity == Severity::Error && verdict.blocks());
    assert_eq!(verdict.to_string(), "2 values are missing (rows: 15, missing: 2)");
    let mut third = check(&host, "guest-roles", json!({"warns": true}), &["n"])
        .await
        .unwrap();
    third.observe(&support::numbers(5), 0).await.unwrap();
    assert!(!third.verdict().await.unwrap().blocks());
    assert_eq!(
        check(&host, "guest-roles", json!({}), &["n", "text"])
            .await
            .err()
            .unwrap()
            .code,
        "plugin.input"
    );
}

#[tokio::test]
async fn a_check_that_lies_is_told() {
    let host = Host::new();
    let mut traps = check(&host, "guest-liar", json!({"deed": "observe"}), &["n"])
        .await
        .unwrap();
    let error = traps.observe(&support::numbers(3), 4).await.unwrap_err();
    assert_eq!(error.code, "plugin.trap");
    assert!(error.message.contains(", check 2, observe, batch 4: "), "{error}");
    for (deed, code) in [
        ("verdict", "plugin.trap"),
        ("measure", "plugin.contract"),
        ("measures", "plugin.contract"),
    ] {
        let mut lies = check(&host, "guest-liar", json!({"deed": deed}), &["n"])
            .await
            .unwrap();
        assert_eq!(lies.verdict().await.unwrap_err().code, code, "{deed}");
    }
    let mut good = check(&host, "guest-liar", json!({"deed": "none"}), &["n"])
        .await
        .unwrap();
    assert_eq!(good.verdict().await.unwrap().message, " [2Jgood");
    let error = check(&host, "keep-present", json!({}), &["n"])
        .await
        .err()
        .unwrap();
    assert_eq!((error.code.as_str(), error.kind), ("plugin.role", Kind::Schema));
}

#[tokio::test]
async fn a_sensor_asks_for_runs_and_remembers() {
    let host = Host::new();
    let plugin = plugin(&host, "guest-roles");
    let mut sensor = PluginSensor::open(opening(&host, &plugin, &[])).await.unwrap();
    let seen = sensor.evaluate(&json!({"end": 250}), None).await.unwrap();
    let Outcome::Runs(runs) = &seen.outcome else {
        panic!("{seen:?}")
    };
    let keys: Vec<&str> = runs.iter().map(|run| run.key.as_str()).collect();
    assert_eq!(keys, ["hundred-0", "hundred-1"]);
    let again = sensor
        .evaluate(&json!({"end": 250}), seen.cursor.as_deref())
        .await
        .unwrap();
    assert_eq!(again.outcome, Outcome::Skip("no more than 2 hundreds".into()));
}

#[tokio::test]
async fn a_sensor_that_lies_is_told() {
    let host = Host::new();
    let plugin = plugin(&host, "guest-liar");
    for deed in ["empty", "control", "long", "twice", "many", "cursor"] {
        let mut sensor = PluginSensor::open(opening(&host, &plugin, &[])).await.unwrap();
        let error = sensor.evaluate(&json!({"deed": deed}), None).await.unwrap_err();
        assert_eq!(error.code, "plugin.contract", "{deed}: {error}");
        assert!(!error.message.contains('\u{1b}'));
    }
    let mut sensor = PluginSensor::open(opening(&host, &plugin, &[])).await.unwrap();
    let error = sensor.evaluate(&json!({"deed": "trap"}), None).await.unwrap_err();
    assert_eq!(error.code, "plugin.trap");
}
