//! A plugin in Python through the gate: `exchange-rates`, with what `tidegate_sdk.http` sends and makes of what comes back.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use arrow_array::cast::AsArray;
use arrow_array::types::Decimal128Type;
use serde_json::{Value, json};
use tidegate_core::port::{Cursor, Source};
use tidegate_core::schema::Column;
use tidegate_core::{Error, Kind, Retry};
use tidegate_plugin::{InstanceGrant, Interfaces, Opening, Plugin, PluginSource, SourceRequest};
use tokio::sync::Mutex;

use super::grant;
use super::server::{Answer, Seen, Server, answer, ok};
use super::support::Host;

/// Compiling a component with Python in it takes a core some ten seconds: one test does it, and the others wait for that.
static COMPILING: Mutex<()> = Mutex::const_new(());

const SECRET: &str = "s3cr&t value";

fn plugin(host: &Host, name: &str) -> Arc<Plugin> {
    host.catalog.find(&name.parse().unwrap()).unwrap()
}

/// Opens the stream at a server from the second of January 2024 on.
async fn open(
    host: &Host,
    server: &Server,
    grants: Value,
    cursor: Option<&Cursor>,
) -> Result<PluginSource, Error> {
    let _one = COMPILING.lock().await;
    let plugin = plugin(host, "exchange-rates");
    let grant = InstanceGrant {
        memory_bytes: 64 << 20,
        time_per_call_ms: 10_000,
        output_bytes: 64 << 20,
        http: serde_json::from_value(grants).unwrap(),
    };
    let opening = Opening {
        runtime: &host.runtime,
        plugin: &plugin,
        place: "source".into(),
        grant: &grant,
        log: host.lines.clone(),
        secrets: &[SECRET.to_owned()],
    };
    let columns = [("currency", "utf8"), ("rate", "decimal(24,12)")];
    let request = SourceRequest {
        config: &json!({"start": "2024-01-02", "symbols": ["USD", "GBP"], "base_url": server.url("/v1")}),
        stream: "rates",
        columns: &columns.map(|(name, data_type)| Column::new(name, data_type.parse().unwrap())),
        cursor,
        partition: None,
        batch_rows: 3,
    };
    PluginSource::open(opening, request).await
}

/// Every row, and the cursor behind each page.
async fn read(mut source: PluginSource) -> (Vec<(String, i128)>, Vec<(usize, Cursor)>) {
    let (mut rows, mut cursors) = (Vec::new(), Vec::new());
    while let Some(page) = source.next().await.unwrap() {
        let currencies = page.batch.column(0).as_string::<i32>();
        let rates = page.batch.column(1).as_primitive::<Decimal128Type>();
        let found = currencies.iter().zip(rates.values());
        rows.extend(found.map(|(currency, rate)| (currency.unwrap().to_owned(), *rate)));
        cursors.push((rows.len(), page.cursor));
    }
    (rows, cursors)
}

/// As Frankfurter would: two days of January, one of February.
fn frankfurter(seen: &Seen, _: usize) -> Answer {
    let what = seen.line.trim_start_matches("GET /v1/");
    ok(match what.split('?').next().unwrap() {
        "latest" => r#"{"base": "EUR", "date": "2024-02-02", "rates": {}}"#,
        "2024-01-02..2024-02-01" => {
            r#"{"base": "EUR", "rates": {"2024-01-02": {"USD": 1.0956, "GBP": 0.86645},
                                         "2024-01-03": {"USD": 1.0919, "GBP": 0.86478}}}"#
        }
        "2024-01-03..2024-02-02" => {
            r#"{"base": "EUR", "rates": {"2024-01-03": {"USD": 1.0919, "GBP": 0.86478},
                                         "2024-02-02": {"USD": 1.0883, "GBP": 0.85305}}}"#
        }
        "2024-02-02..2024-02-02" => {
            r#"{"base": "EUR", "rates": {"2024-02-02": {"USD": 1.0883, "GBP": 0.85305}}}"#
        }
        other => panic!("{other} is asked for"),
    })
}

/// A grant of the server's interface, with more keys.
fn granted(server: &Server, more: Value) -> Value {
    json!([grant(&server.url("/v1/"), more)])
}

#[tokio::test]
async fn a_granted_source_reads_all_and_goes_on_behind_a_cursor() {
    let server = Server::start(frankfurter).await;
    let host = Host::new();
    let source = open(&host, &server, granted(&server, json!({})), None)
        .await
        .unwrap();
    let (rows, cursors) = read(source).await;
    let expected = [
        ("GBP", 866_450_000_000),
        ("USD", 1_095_600_000_000),
        ("GBP", 864_780_000_000),
        ("USD", 1_091_900_000_000),
        ("GBP", 853_050_000_000),
        ("USD", 1_088_300_000_000),
    ];
    assert_eq!(rows, expected.map(|(currency, rate)| (currency.to_owned(), rate)));
    let asked = "?base=EUR&symbols=USD%2CGBP";
    assert_eq!(
        server.lines(),
        ["latest", "2024-01-02..2024-02-01", "2024-02-02..2024-02-02"]
            .map(|what| format!("GET /v1/{what}{asked}"))
    );
    assert_eq!(server.seen()[0].all("accept"), ["application/json"]);

    let (read_rows, cursor) = &cursors[0];
    assert_eq!(*read_rows, 3);
    let source = open(&host, &server, granted(&server, json!({})), Some(cursor))
        .await
        .unwrap();
    assert_eq!(read(source).await.0, rows[3..]);
}

#[tokio::test]
async fn only_a_wish_brings_http_into_a_component_and_nothing_else_of_wasi() {
    let host = Host::new();
    let wasi = |name: &str| -> Vec<String> {
        let imports = Interfaces::of(&plugin(&host, name)).unwrap().imports;
        imports
            .into_iter()
            .filter(|name| name.starts_with("wasi:"))
            .collect()
    };
    assert_eq!(
        wasi("exchange-rates"),
        [
            "wasi:io/error@0.2.0",
            "wasi:io/poll@0.2.0",
            "wasi:io/streams@0.2.0",
            "wasi:http/types@0.2.0",
            "wasi:http/outgoing-handler@0.2.0",
        ]
    );
    assert_eq!(wasi("clean-iban"), [""; 0]);
}

#[tokio::test]
async fn a_host_that_is_not_granted_is_refused() {
    let server = Server::start(frankfurter).await;
    let host = Host::new();
    let elsewhere = json!([grant("http://rates.example/v1/", json!({}))]);
    for grants in [json!([]), elsewhere] {
        let error = open(&host, &server, grants, None).await.err().unwrap();
        assert_eq!(
            (error.code.as_str(), error.kind),
            ("plugin.http_refused", Kind::Schema),
            "{error}"
        );
        let asked = format!("`GET {}` is not granted", server.url("/v1/latest"));
        assert!(error.message.contains(&asked), "{error}");
    }
    assert_eq!(server.accepted.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_secret_reaches_the_server_and_not_the_guest() {
    let server = Server::start(|seen, number| match number {
        // The rows, then a refusal that repeats the secret.
        0..3 => frankfurter(seen, number),
        _ => answer(
            "401 Unauthorized",
            &[("www-authenticate", seen.all("x-key")[0])],
            "",
        ),
    })
    .await;
    let host = Host::new();
    let more = json!({"headers": {"X-Key": format!("Key {SECRET}")}, "query": {"api_key": SECRET}});
    let grants = granted(&server, more);
    let source = open(&host, &server, grants.clone(), None).await.unwrap();
    assert_eq!(read(source).await.0.len(), 6);
    let error = open(&host, &server, grants, None).await.err().unwrap();
    assert_eq!(error.code, "plugin.fatal", "{error}");
    assert!(error.message.contains("the server answered 401"), "{error}");
    let seen = server.seen();
    assert_eq!(seen.len(), 4);
    for seen in seen {
        assert_eq!(seen.all("x-key"), ["Key s3cr&t value"]);
        assert!(seen.line.ends_with("&api_key=s3cr%26t+value"), "{}", seen.line);
    }
    let said = format!("{error} {:?}", host.messages());
    assert!(!said.contains("s3cr"), "{said}");
}

#[tokio::test]
async fn a_busy_server_is_asked_again_when_it_says() {
    let busy = |seconds: &'static str, times: usize| {
        Server::start(move |seen, number| {
            if number < times {
                return answer("429 Too Many Requests", &[("retry-after", seconds)], "");
            }
            frankfurter(seen, number)
        })
    };
    // By the gate; and where that may not repeat, by the host's next call, since the guest says that it may pass and when.
    for (limits, is_the_gates) in [(json!({}), true), (json!({"retries": 0}), false)] {
        let (host, server) = (Host::new(), busy("1", 1).await);
        let grants = granted(&server, json!({"limits": limits}));
        // Compiled beforehand, so that the time is that of the pause.
        open(&host, &server, json!([]), None).await.err().unwrap();
        let start = Instant::now();
        let source = open(&host, &server, grants, None).await.unwrap();
        assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
        assert_eq!(read(source).await.0.len(), 6);
        assert_eq!(server.lines()[0], server.lines()[1]);
        assert_eq!(server.seen().len(), 4);
        let said = host.messages();
        assert_eq!(
            said.iter().any(|line| line.contains("again in 1000 ms")),
            is_the_gates,
            "{said:?}"
        );
    }
    let (host, server) = (Host::new(), busy("120", usize::MAX).await);
    let error = open(&host, &server, granted(&server, json!({})), None)
        .await
        .err()
        .unwrap();
    assert_eq!(
        (error.code.as_str(), error.retry),
        ("plugin.retryable", Retry::Later),
        "{error}"
    );
    let asked = format!("GET {} answered 429", server.url("/v1/latest"));
    assert!(error.message.contains(&asked), "{error}");
    assert_eq!(server.seen().len(), 1);
}
