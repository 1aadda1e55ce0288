//! Streams, read from a function that answers.
#![allow(clippy::needless_pass_by_value, reason = "`json!` makes values")]

mod faults;
mod pages;
mod types;

use serde_json::{Value, json};
use tidegate_sdk::http::{Request as Asked, Response, answered_by};

use crate::*;

/// A stream of records with `id` and `author`, of this paging and more keys.
fn config(paging: Value, more: Value) -> Value {
    let mut list = json!({
        "path": "/issues",
        "query": {"state": "all"},
        "fields": {"id": "int64", "author": {"type": "utf8", "path": "user.login"}},
        "paging": paging,
    });
    let Value::Object(more) = more else {
        panic!("more keys");
    };
    list.as_object_mut().expect("a list").extend(more);
    json!({"base_url": "https://api.example.com/v1/", "streams": {"issues": list}})
}

fn record(id: usize) -> String {
    format!(r#"{{"id": {id}, "user": {{"login": "u{id}"}}}}"#)
}

/// The records of a page of three, of seven in all.
fn page(first: usize) -> String {
    let records: Vec<String> = (first..(first + 3).min(7)).map(record).collect();
    format!("[{}]", records.join(", "))
}

/// A parameter of a URL, a number.
fn parameter(url: &str, name: &str) -> Option<usize> {
    let (_, query) = url.split_once('?')?;
    let mut pairs = query.split('&');
    let value = pairs.find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
    Some(value.parse().expect("a number"))
}

fn ok(body: impl Into<Vec<u8>>) -> Response {
    Response::new(200).with_body(body)
}

/// The ids of all records: in chunks of several sizes, and from each cursor on.
fn ids(config: &Value, server: impl Fn(&Asked) -> Response + Copy + 'static) -> Result<Vec<i64>, Fault> {
    let mut all: Option<Vec<i64>> = None;
    for max_rows in [1, 2, 3, 100] {
        let config = config.clone();
        let read = move || testing::read_from_each_cursor::<Rest>(config, "issues", max_rows);
        let rows = answered_by(server, read)?;
        let ids = rows.column_by_name("id").expect("ids");
        let ids: Vec<i64> = ids.as_primitive::<Int64Type>().values().to_vec();
        assert!(all.is_none_or(|all| all == ids), "{max_rows} rows a chunk");
        all = Some(ids);
    }
    Ok(all.unwrap_or_default())
}

/// What reading says where it fails.
fn fault(config: &Value, server: impl FnMut(&Asked) -> Response + 'static) -> String {
    let config: Config = serde_json::from_value(config.clone()).expect("a config");
    let read = || {
        let mut reader = Rest::open(config, testing::request("issues", &["id"]))?;
        while reader.next(100)?.is_some() {}
        Ok::<(), Fault>(())
    };
    answered_by(server, read).expect_err("a fault").to_string()
}

#[test]
fn streams_are_those_of_the_config() {
    let mut config = config(
        json!({"by": "link"}),
        json!({"key": ["id"], "description": "An issue."}),
    );
    config["streams"]["labels"] = json!({"fields": {"name": "utf8"}, "incremental": true});
    let config: Config = serde_json::from_value(config).expect("a config");
    let streams = Rest::discover(&config).expect("streams");
    assert_eq!(
        (streams[0].name.as_str(), streams[0].incremental),
        ("issues", false)
    );
    assert_eq!(streams[0].description.as_deref(), Some("An issue."));
    assert_eq!(streams[0].key, ["id"]);
    let id = streams[0].columns.field_with_name("id").expect("a column");
    assert_eq!(id.data_type(), &DataType::Int64);
    assert_eq!(
        (streams[1].name.as_str(), streams[1].incremental),
        ("labels", true)
    );
    let Err(fault) = Rest::open(config, testing::request("orders", &["id"])) else {
        panic!("there is no such stream");
    };
    assert_eq!(
        fault.to_string(),
        "invalid config at /stream: there is no stream `orders`; there are issues, labels"
    );
}

#[test]
fn wrong_configs_are_refused_at_their_place() {
    for (key, value, pointer) in [
        ("path", json!("https://x"), "path"),
        ("path", json!("/a?b=1"), "path"),
        ("body", json!({}), "body"),
        ("records", json!("/~2"), "records"),
        ("fields", json!({}), "fields"),
        ("fields", json!({"a/b": "text"}), "fields/a~1b"),
        (
            "fields",
            json!({"a": {"type": "int64", "format": "json"}}),
            "fields/a",
        ),
        (
            "fields",
            json!({"a": {"type": "timestamp(ms)", "format": "epoch_s"}}),
            "fields/a",
        ),
        ("fields", json!({"a": {"type": "utf8", "path": "/~"}}), "fields/a"),
        ("key", json!(["id", "x"]), "key/1"),
        ("max_pages", json!(0), "max_pages"),
        ("total", json!("/~"), "total"),
        (
            "paging",
            json!({"by": "cursor", "parameter": "c", "path": "/~"}),
            "paging/path",
        ),
        (
            "paging",
            json!({"by": "cursor", "parameter": "", "path": "c"}),
            "paging/parameter",
        ),
        (
            "paging",
            json!({"by": "cursor", "parameter": "/c", "path": "c"}),
            "paging/parameter",
        ),
        (
            "paging",
            json!({"by": "page", "parameter": "p", "until": "short"}),
            "paging/until",
        ),
        (
            "window",
            json!({"from": {"parameter": "/a/b"}}),
            "window/from/parameter",
        ),
    ] {
        let config = config(json!({"by": "link"}), json!({ key: value }));
        let config: Config = serde_json::from_value(config).expect("a config");
        let fault = Rest::discover(&config).expect_err("a fault").to_string();
        let place = format!("invalid config at /streams/issues/{pointer}: ");
        assert!(fault.starts_with(&place), "{fault}");
    }
    for (base, words) in [
        ("ftp://x", "is not a URL of HTTP"),
        ("https://x/?a=1", "stand in `query`"),
    ] {
        let mut config = config(json!({"by": "link"}), json!({}));
        config["base_url"] = base.into();
        let config: Config = serde_json::from_value(config).expect("a config");
        let fault = Rest::discover(&config).expect_err("a fault").to_string();
        assert!(
            fault.starts_with("invalid config at /base_url: ") && fault.contains(words),
            "{fault}"
        );
    }
    for unknown in [
        json!({"base_url": "https://x", "streams": {}, "key": 1}),
        json!({"base_url": "https://x", "streams": {"a": {"fields": {}, "pagination": {}}}}),
        json!({"base_url": "https://x", "paging": {"by": "none", "first": 1}, "streams": {}}),
        json!({"base_url": "https://x", "streams": {"a": {"fields": {"b": {"kind": "int64"}}}}}),
    ] {
        assert!(serde_json::from_value::<Config>(unknown).is_err());
    }
}
