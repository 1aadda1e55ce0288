//! The plugin `webhook`, through the sandbox and the gate, to an endpoint that behaves as real ones do.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use arrow_array::{
    ArrayRef, BinaryArray, Decimal128Array, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray,
};
use serde_json::{Value, json};
use tidegate_core::plan::{Epoch, LoadToken, PartitionKey};
use tidegate_core::port::{Commit, Destination, LoadReceipt};
use tidegate_core::schema::Load;
use tidegate_core::{Error, Kind};
use tidegate_plugin::{InstanceGrant, LoadRequest, Opening, PluginDestination};

use super::grant;
use super::server::{Answer, Seen, Server, answer};
use super::support::Host;

/// What the grant puts into each request, and nobody is told.
const SECRET: &str = "open-sesame";

/// What an endpoint has taken: the body of each key.
type Taken = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

/// An endpoint that knows its clients, takes what comes under a key once, and refuses negative numbers.
fn taking(taken: &Taken) -> impl Fn(&Seen, usize) -> Answer + Send + Sync + 'static {
    let taken = Arc::clone(taken);
    move |request, _| {
        let refused = |status: &str, why: &str| answer(status, &[("x-trace", "trace-header")], why);
        if request.all("authorization") != [format!("Bearer {SECRET}")] {
            return refused("401 Unauthorized", "who are you?");
        }
        let (&[key], ["application/json"]) = (
            request.all("idempotency-key").as_slice(),
            request.all("content-type").as_slice(),
        ) else {
            return refused("400 Bad Request", "one key, and JSON");
        };
        let mut taken = taken.lock().unwrap();
        match taken.get(key) {
            Some(before) if *before == request.body => return answer("200 OK", &[], "seen before"),
            Some(_) => return refused("422 Unprocessable Content", "the key was used for another body"),
            None => {}
        }
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let mut rows = body["rows"].as_array().into_iter().flatten();
        if let Some(wrong) = rows.find(|row| row["n"].as_str().unwrap().starts_with('-')) {
            let why = format!(r#"{{"error": "n is negative", "row": {wrong}}}"#);
            return refused("422 Unprocessable Content", &why);
        }
        taken.insert(key.to_owned(), request.body.clone());
        answer("202 Accepted", &[], "")
    }
}

/// Rows that were taken, in the order of the load.
fn rows(taken: &Taken) -> Vec<Value> {
    let bodies = taken.lock().unwrap();
    let mut rows: Vec<Value> = bodies
        .values()
        .filter_map(|body| {
            serde_json::from_slice::<Value>(body).unwrap()["rows"]
                .as_array()
                .cloned()
        })
        .flatten()
        .collect();
    rows.sort_by_key(|row| row["n"].as_str().unwrap().parse::<i64>().unwrap());
    rows
}

/// A row a number; the other values are made of its lowest bits.
fn batch(numbers: &[i64]) -> RecordBatch {
    let low = || numbers.iter().map(|n| n & 0xff);
    let name: StringArray = low().map(|n| (n % 2 == 0).then(|| format!("\"{n}\""))).collect();
    let price = Decimal128Array::from_iter_values(low().map(i128::from)).with_precision_and_scale(20, 2);
    let at = TimestampMillisecondArray::from_iter_values(low()).with_timezone("UTC");
    let columns: [(&str, ArrayRef); 5] = [
        (
            "n",
            Arc::new(Int64Array::from_iter_values(numbers.iter().copied())),
        ),
        ("name", Arc::new(name)),
        ("at", Arc::new(at)),
        ("price", Arc::new(price.unwrap())),
        (
            "raw",
            Arc::new(BinaryArray::from_iter_values(low().map(i64::to_be_bytes))),
        ),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true))).unwrap()
}

/// An attempt at the load `token`, in batches of ten rows.
async fn attempt(
    host: &Host,
    config: &Value,
    grants: &Value,
    epoch: i64,
) -> Result<Box<PluginDestination>, Error> {
    let plugin = host.catalog.find(&"webhook".parse().unwrap()).unwrap();
    let grant = InstanceGrant {
        memory_bytes: 64 << 20,
        time_per_call_ms: 10_000,
        output_bytes: 1 << 20,
        http: serde_json::from_value(grants.clone()).unwrap(),
    };
    let opening = Opening {
        runtime: &host.runtime,
        plugin: &plugin,
        place: "destination".into(),
        grant: &grant,
        log: host.lines.clone(),
        secrets: &[SECRET.to_owned()],
    };
    let request = LoadRequest {
        config,
        asset: &"numbers".parse().unwrap(),
        partition: &PartitionKey::whole(),
        load: Load::Append,
        schema: batch(&[]).schema(),
        key: Vec::new(),
        token: &LoadToken("token".into()),
        staged: &[],
        epoch: Epoch(epoch),
        batch_rows: 10,
    };
    PluginDestination::open(opening, request).await.map(Box::new)
}

async fn load(host: &Host, config: &Value, grants: &Value, numbers: &[i64]) -> Result<LoadReceipt, Error> {
    let mut writer = attempt(host, config, grants, 1).await?;
    writer.write(batch(numbers)).await?;
    let at = chrono::DateTime::UNIX_EPOCH;
    writer.commit(Commit { at }).await
}

/// A grant to post below a server's `/v1/`, with the secret.
fn granted(server: &Server) -> Value {
    let headers = json!({"Authorization": format!("Bearer {SECRET}")});
    json!([grant(
        &server.url("/v1/"),
        json!({"methods": ["POST"], "headers": headers})
    )])
}

#[tokio::test]
async fn rows_are_taken_once_however_often_they_are_posted() {
    let taken = Taken::default();
    let server = Server::start(taking(&taken)).await;
    let host = Host::new();
    let config = json!({
        "url": server.url("/v1/rows"), "rows_per_request": 4, "commit_url": server.url("/v1/done"),
    });
    let grants = granted(&server);
    let numbers: Vec<i64> = (0..25).map(|n| (1 << 60) + n).collect();
    // The first attempt gives its rows in other pieces, and dies before it has posted all of them.
    let mut first = attempt(&host, &config, &grants, 1).await.unwrap();
    for piece in numbers[..23].chunks(3) {
        first.write(batch(piece)).await.unwrap();
        assert_eq!(first.stage().await.unwrap(), None);
    }
    drop(first);
    let before = server.seen().len();
    assert_eq!((before, rows(&taken).len()), (6, 20));
    let receipt = load(&host, &config, &grants, &numbers).await.unwrap();
    assert_eq!((receipt.rows, receipt.parts), (25, 3));
    assert_eq!(receipt.location, server.url("/v1/rows"));
    let seen = server.seen();
    assert_eq!(seen.len(), 2 * before + 2 + 1);
    for (once, again) in seen[..before].iter().zip(&seen[before..]) {
        assert_eq!(once.all("idempotency-key"), again.all("idempotency-key"));
        assert_eq!(once.body, again.body);
    }
    let rows = rows(&taken);
    let found: Vec<i64> = rows
        .iter()
        .map(|row| row["n"].as_str().unwrap().parse().unwrap())
        .collect();
    assert_eq!(found, numbers);
    let expected = json!({
        "n": "1152921504606846977", "name": null, "at": "1970-01-01T00:00:00.001Z", "price": "0.01",
        "raw": "AAAAAAAAAAE=",
    });
    assert_eq!(rows[1], expected);
    assert_eq!(seen.last().unwrap().line, "POST /v1/done");
    let counts: Value = serde_json::from_slice(&seen.last().unwrap().body).unwrap();
    assert_eq!(
        (&counts["load"], &counts["rows"], &counts["requests"]),
        (&json!("token"), &json!(25), &json!(8))
    );
}

#[tokio::test]
async fn an_endpoint_that_is_busy_is_waited_for() {
    let taken = Taken::default();
    let take = taking(&taken);
    let server = Server::start(move |request, number| match number {
        1 => answer("429 Too Many Requests", &[("retry-after", "1")], ""),
        2 => answer("500 Internal Server Error", &[], ""),
        _ => take(request, number),
    })
    .await;
    let host = Host::new();
    let config = json!({"url": server.url("/v1/rows"), "rows_per_request": 5});
    let begun = Instant::now();
    let numbers: Vec<i64> = (0..20).collect();
    let receipt = load(&host, &config, &granted(&server), &numbers).await.unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(1), "{:?}", begun.elapsed());
    assert_eq!((receipt.rows, rows(&taken).len()), (20, 20));
    let seen = server.seen();
    // The request that failed came again, and none of those before it.
    assert_eq!(seen.len(), 6);
    assert!(seen[1..4].windows(2).all(|pair| {
        pair[0].all("idempotency-key") == pair[1].all("idempotency-key") && pair[0].body == pair[1].body
    }));
}

#[tokio::test]
async fn rows_that_the_endpoint_refuses_end_the_load() {
    let taken = Taken::default();
    let server = Server::start(taking(&taken)).await;
    let host = Host::new();
    let config = json!({"url": server.url("/v1/rows"), "rows_per_request": 2});
    let error = load(&host, &config, &granted(&server), &[1, 2, 3, -4, 5, 6])
        .await
        .unwrap_err();
    assert_eq!(
        (error.code.as_str(), error.kind),
        ("plugin.data", Kind::Data),
        "{error}"
    );
    let said =
        r#"the endpoint answered 422 to rows 2 to 3 of the batch: {"error": "n is negative", "row": {"#;
    assert!(error.message.contains(said), "{error}");
    let told = format!("{error} {:?}", host.messages());
    assert!(!told.contains(SECRET) && !told.contains("trace-header"), "{told}");
    assert_eq!((server.seen().len(), rows(&taken).len()), (2, 2));
}

#[tokio::test]
async fn who_may_not_post_is_told_what_to_write() {
    let taken = Taken::default();
    let server = Server::start(taking(&taken)).await;
    let host = Host::new();
    let config = json!({"url": server.url("/v1/rows")});
    let elsewhere = json!([grant(&server.url("/v2/"), json!({"methods": ["POST"]}))]);
    let reading = json!([grant(&server.url("/v1/"), json!({}))]);
    for (grants, methods) in [
        (json!([]), "[POST]"),
        (elsewhere, "[POST]"),
        (reading, "[GET, POST]"),
    ] {
        let error = load(&host, &config, &grants, &[1]).await.unwrap_err();
        assert_eq!(error.code, "plugin.http_refused", "{error}");
        let hint = format!("methods: {methods}}}]`");
        assert!(error.hint.as_deref().unwrap().contains(&hint), "{error}");
    }
    assert_eq!(server.accepted.load(std::sync::atomic::Ordering::SeqCst), 0);
    // Without the grant's header the endpoint does not know who posts.
    let nameless = json!([grant(&server.url("/v1/"), json!({"methods": ["POST"]}))]);
    let error = load(&host, &config, &nameless, &[1]).await.unwrap_err();
    assert_eq!(
        (error.code.as_str(), error.kind),
        ("plugin.config", Kind::Schema),
        "{error}"
    );
    assert!(error.message.contains("401"), "{error}");
}
