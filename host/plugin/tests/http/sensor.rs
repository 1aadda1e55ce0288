//! The plugin `watch-endpoint`, through the sandbox and the gate: `fetch` of a plugin in JavaScript, for real.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tidegate_core::{Error, Kind};
use tidegate_plugin::{Evaluation, InstanceGrant, Opening, Outcome, PluginSensor};

use super::grant;
use super::server::{Answer, Seen, Server, answer, ok};
use super::support::Host;

/// What the grant puts into each request, and nobody is told.
const SECRET: &str = "open-sesame";

/// One look of a fresh instance, as behind a restart.
async fn look(
    host: &Host,
    config: &Value,
    grants: &Value,
    cursor: Option<&str>,
) -> Result<Evaluation, Error> {
    let plugin = host.catalog.find(&"watch-endpoint".parse().unwrap()).unwrap();
    let grant = InstanceGrant {
        memory_bytes: 64 << 20,
        time_per_call_ms: 10_000,
        output_bytes: 1 << 20,
        http: serde_json::from_value(grants.clone()).unwrap(),
    };
    let opening = Opening {
        runtime: &host.runtime,
        plugin: &plugin,
        place: "sensor".into(),
        grant: &grant,
        log: host.lines.clone(),
        secrets: &[SECRET.to_owned()],
    };
    let mut sensor = PluginSensor::open(opening).await?;
    sensor.evaluate(config, cursor).await
}

/// A grant to read below a server's `/v1/`, with the secret.
fn granted(server: &Server, limits: Value) -> Value {
    let headers = json!({"Authorization": format!("Bearer {SECRET}")});
    json!([grant(
        &server.url("/v1/"),
        json!({"headers": headers, "limits": limits})
    )])
}

/// The runs that a look asked for: key and slice.
fn runs(seen: &Evaluation) -> Vec<(&str, Option<&str>)> {
    let Outcome::Runs(runs) = &seen.outcome else {
        panic!("{seen:?}")
    };
    runs.iter()
        .map(|run| (run.key.as_str(), run.partition.as_deref()))
        .collect()
}

fn skipped(seen: &Evaluation) -> &str {
    let Outcome::Skip(why) = &seen.outcome else {
        panic!("{seen:?}")
    };
    why
}

/// An endpoint with a list that grows, entity tags, and clients that it knows.
fn listing(body: &Arc<Mutex<String>>) -> impl Fn(&Seen, usize) -> Answer + Send + Sync + 'static {
    let body = Arc::clone(body);
    move |request, _| {
        if request.all("authorization") != [format!("Bearer {SECRET}")] {
            return answer("401 Unauthorized", &[], "who are you?");
        }
        let body = body.lock().unwrap();
        let tag = format!("\"{}\"", body.len());
        if request.all("if-none-match") == [tag.as_str()] {
            return vec![(Duration::ZERO, b"HTTP/1.1 304 Not Modified\r\n\r\n".to_vec())];
        }
        answer("200 OK", &[("etag", &tag)], &body)
    }
}

#[tokio::test]
async fn each_new_item_is_asked_for_once_whoever_looks() {
    let body = Arc::new(Mutex::new(
        r#"{"data": [{"id": 9007199254740993, "day": "2024-01-31"}, {"id": "b", "day": "2024-02-01"}]}"#
            .to_owned(),
    ));
    let server = Server::start(listing(&body)).await;
    let host = Host::new();
    let config =
        json!({"url": server.url("/v1/files?n=9"), "items": "/data", "key": "/id", "partition": "/day"});
    let grants = granted(&server, json!({}));
    let first = look(&host, &config, &grants, None).await.unwrap();
    assert_eq!(
        runs(&first),
        [
            ("9007199254740993", Some("2024-01-31")),
            ("b", Some("2024-02-01"))
        ]
    );
    // Nothing changed: the server says so, and the cursor stays.
    let second = look(&host, &config, &grants, first.cursor.as_deref())
        .await
        .unwrap();
    assert_eq!(skipped(&second), "nothing changed, says the endpoint (304)");
    assert_eq!(second.cursor, first.cursor);
    let more = r#"{"data": [{"id": "c", "day": "2024-02-02"}, {"id": "b", "day": "2024-02-01"}]}   "#;
    more.clone_into(&mut body.lock().unwrap());
    let third = look(&host, &config, &grants, second.cursor.as_deref())
        .await
        .unwrap();
    assert_eq!(runs(&third), [("c", Some("2024-02-02"))]);
    // The same look again, from the cursor that was there before: the same keys, which make no second run.
    let again = look(&host, &config, &grants, second.cursor.as_deref())
        .await
        .unwrap();
    assert_eq!(again, third);
    let seen = server.seen();
    let tags: Vec<usize> = seen
        .iter()
        .map(|request| request.all("if-none-match").len())
        .collect();
    assert_eq!(tags, [0, 1, 1, 1]);
    assert_eq!(seen[0].line, "GET /v1/files?n=9");
    assert!(!format!("{first:?} {:?}", host.messages()).contains(SECRET));
}

#[tokio::test]
async fn a_value_that_changes_is_asked_for() {
    let body = Arc::new(Mutex::new(r#"{"version": 1}"#.to_owned()));
    let server = Server::start(listing(&body)).await;
    let host = Host::new();
    let config = json!({"url": server.url("/v1/"), "key": "/version", "first_look": "remember"});
    let grants = granted(&server, json!({}));
    let first = look(&host, &config, &grants, None).await.unwrap();
    assert_eq!(skipped(&first), "the first look: the value is remembered");
    r#"{"version": 1, "at": 2}"#.clone_into(&mut body.lock().unwrap());
    let second = look(&host, &config, &grants, first.cursor.as_deref())
        .await
        .unwrap();
    assert_eq!(skipped(&second), "the value is what it was");
    r#"{"version": 2}"#.clone_into(&mut body.lock().unwrap());
    let third = look(&host, &config, &grants, second.cursor.as_deref())
        .await
        .unwrap();
    assert!(runs(&third)[0].0.starts_with("change-1-"), "{third:?}");
}

#[tokio::test]
async fn an_endpoint_that_is_busy_is_asked_again() {
    let server = Server::start(|_, number| match number {
        0 => answer("429 Too Many Requests", &[("retry-after", "1")], ""),
        1 => answer("500 Internal Server Error", &[], ""),
        _ => ok(r#"[{"id": 1}]"#),
    })
    .await;
    let host = Host::new();
    let config = json!({"url": server.url("/v1/"), "items": "", "key": "/id"});
    let begun = Instant::now();
    // The host's own repeats are turned off: what is seen here is the plugin's word that it may pass.
    let seen = look(&host, &config, &granted(&server, json!({"retries": 0})), None)
        .await
        .unwrap();
    assert_eq!((runs(&seen), server.seen().len()), (vec![("1", None)], 3));
    assert!(begun.elapsed() >= Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn what_cannot_be_read_says_why() {
    let server = Server::start(|_, _| ok("not for logs")).await;
    let host = Host::new();
    let config = json!({"url": server.url("/v1/"), "items": "", "key": "/id"});
    let elsewhere = json!([grant(&server.url("/v2/"), json!({}))]);
    for grants in [json!([]), elsewhere] {
        let error = look(&host, &config, &grants, None).await.unwrap_err();
        assert_eq!(
            (error.code.as_str(), error.kind),
            ("plugin.http_refused", Kind::Schema),
            "{error}"
        );
        assert!(
            error.hint.as_deref().unwrap().contains("methods: [GET]"),
            "{error}"
        );
    }
    assert!(server.seen().is_empty());
    let error = look(&host, &config, &granted(&server, json!({})), None)
        .await
        .unwrap_err();
    assert_eq!(error.code, "plugin.data", "{error}");
    assert!(
        error.message.contains("the answer is not JSON") && !error.message.contains("not for logs"),
        "{error}"
    );
    let body = Arc::default();
    let strict = Server::start(listing(&body)).await;
    let config = json!({"url": strict.url("/v1/")});
    let nameless = json!([grant(&strict.url("/v1/"), json!({}))]);
    let error = look(&host, &config, &nameless, None).await.unwrap_err();
    assert_eq!(
        (error.code.as_str(), error.kind),
        ("plugin.config", Kind::Schema),
        "{error}"
    );
    assert!(error.message.contains("answered 401"), "{error}");
}
