use tidegate_sdk::http::{Response, answered_by};

use super::*;

fn config(paging: serde_json::Value, records: &str) -> serde_json::Value {
    serde_json::json!({"streams": [{
        "name": "issues",
        "url": "https://api.example.com/issues",
        "query": {"state": "all"},
        "records": records,
        "key": ["id"],
        "columns": [
            {"name": "id", "pointer": "/id", "type": "int64"},
            {"name": "author", "pointer": "/user/login", "type": "utf8"},
        ],
        "paging": paging,
    }]})
}

fn record(id: usize) -> String {
    format!(r#"{{"id": {id}, "user": {{"login": "u{id}"}}}}"#)
}

/// Records of a page of three, of seven in all.
fn page(first: usize) -> String {
    let records: Vec<String> = (first..(first + 3).min(7)).map(record).collect();
    format!("[{}]", records.join(", "))
}

fn parameter(url: &str, name: &str) -> Option<usize> {
    let (_, query) = url.split_once('?')?;
    let value = query
        .split('&')
        .find_map(|pair| pair.strip_prefix(&format!("{name}=")));
    value.map(|value| value.parse().expect("a number"))
}

fn ids(
    config: &serde_json::Value,
    server: impl Fn(&str) -> Response + Copy + 'static,
) -> Result<Vec<i64>, Fault> {
    let mut all = Vec::new();
    for max_rows in [1, 2, 3, 100] {
        let config = config.clone();
        let read = move || testing::read_from_each_cursor::<RestPages>(config, "issues", max_rows);
        let rows = answered_by(move |request| server(&request.url), read)?;
        let ids: Vec<i64> = rows.column(0).as_primitive::<Int64Type>().values().to_vec();
        assert!(all.is_empty() || all == ids, "{max_rows} rows a chunk");
        all = ids;
    }
    Ok(all)
}

#[test]
fn pages_by_link() {
    let server = |url: &str| {
        assert!(url.starts_with("https://api.example.com/issues?state=all"));
        let first = parameter(url, "from").unwrap_or(0);
        let answer = Response::new(200).with_body(page(first));
        if first + 3 >= 7 {
            return answer;
        }
        let next = format!(
            r#"</>; rel="first", </issues?state=all&from={}>; rel="next""#,
            first + 3
        );
        answer.with_header("Link", &next)
    };
    let config = config(serde_json::json!({"by": "link"}), "");
    assert_eq!(ids(&config, server).expect("ids"), [0, 1, 2, 3, 4, 5, 6]);
}

#[test]
fn pages_by_cursor_in_the_answer() {
    let server = |url: &str| {
        let first = parameter(url, "after").unwrap_or(0);
        let next = if first + 3 < 7 {
            format!("\"{}\"", first + 3)
        } else {
            "null".into()
        };
        let body = format!(
            r#"{{"data": {{"issues": {}}}, "meta": {{"next": {next}}}}}"#,
            page(first)
        );
        Response::new(200).with_body(body)
    };
    let paging = serde_json::json!({"by": "cursor", "parameter": "after", "pointer": "/meta/next"});
    assert_eq!(
        ids(&config(paging, "/data/issues"), server).expect("ids"),
        [0, 1, 2, 3, 4, 5, 6]
    );
}

#[test]
fn pages_by_the_last_record() {
    let server = |url: &str| {
        let first = parameter(url, "starting_after").map_or(0, |last| last + 1);
        let body = format!(r#"{{"has_more": {}, "data": {}}}"#, first + 3 < 7, page(first));
        Response::new(200).with_body(body)
    };
    let mut paging =
        serde_json::json!({"by": "last_record", "parameter": "starting_after", "pointer": "/id"});
    assert_eq!(
        ids(&config(paging.clone(), "/data"), server).expect("ids"),
        [0, 1, 2, 3, 4, 5, 6]
    );
    paging["more"] = "/has_more".into();
    assert_eq!(
        ids(&config(paging, "/data"), server).expect("ids"),
        [0, 1, 2, 3, 4, 5, 6]
    );
}

#[test]
fn pages_by_number() {
    let server = |url: &str| {
        let number = parameter(url, "page").expect("a page");
        Response::new(200).with_body(if number > 3 {
            "[]".into()
        } else {
            page((number - 1) * 3)
        })
    };
    let paging = serde_json::json!({"by": "page", "parameter": "page"});
    assert_eq!(
        ids(&config(paging, ""), server).expect("ids"),
        [0, 1, 2, 3, 4, 5, 6]
    );
}

#[test]
fn one_page_is_one_page() {
    let server = |_: &str| {
        Response::new(200)
            .with_body(page(0))
            .with_header("link", "</x>; rel=next")
    };
    let mut config = config(serde_json::json!({"by": "none"}), "");
    assert_eq!(ids(&config, server).expect("ids"), [0, 1, 2]);
    config["streams"][0]
        .as_object_mut()
        .expect("a stream")
        .remove("paging");
    assert_eq!(ids(&config, server).expect("ids"), [0, 1, 2]);
}

#[test]
fn answers_that_cannot_be_right_are_faults() {
    let by_page = || config(serde_json::json!({"by": "page", "parameter": "page"}), "");
    let fault = |config, body: &'static str| {
        let server = move |_: &tidegate_sdk::http::Request| Response::new(200).with_body(body);
        let read = || testing::read::<RestPages>(config, "issues", 10);
        answered_by(server, read).expect_err("a fault").to_string()
    };
    assert!(fault(by_page(), "secret").contains("not JSON: line 1, column 1"));
    assert!(fault(by_page(), "{}").contains("not an array of records"));
    assert!(
        fault(config(serde_json::json!({"by": "none"}), "/data"), "{}").contains("has nothing at `/data`")
    );
    assert!(fault(by_page(), r#"[{"id": "x"}]"#).contains("at `/id` of a record stands text"));
    assert!(fault(by_page(), r#"[{"id": 1}]"#).contains("two pages in a row have the same records"));
    let cursor = serde_json::json!({"by": "cursor", "parameter": "c", "pointer": "/next"});
    let twice = fault(config(cursor.clone(), "/data"), r#"{"data": [], "next": "x"}"#);
    assert!(twice.contains("names the page itself"), "{twice}");
    assert!(
        fault(config(cursor, "/data"), r#"{"data": [], "next": [1]}"#).contains("neither text nor a number")
    );
    let refused = answered_by(
        |_| Response::new(403),
        || testing::read::<RestPages>(by_page(), "issues", 10),
    );
    assert_eq!(
        refused.expect_err("a fault").to_string(),
        "failed: the server answered 403"
    );
}

#[test]
fn a_page_that_failed_for_now_is_asked_for_again() {
    let mut calls = 0;
    let server = move |request: &tidegate_sdk::http::Request| {
        calls += 1;
        let number = parameter(&request.url, "page").expect("a page");
        match (calls, number) {
            (2, _) => Response::new(503),
            (_, 1..=3) => Response::new(200).with_body(page((number - 1) * 3)),
            _ => Response::new(200).with_body("[]"),
        }
    };
    let config = config(serde_json::json!({"by": "page", "parameter": "page"}), "");
    let config: Config = serde_json::from_value(config).expect("a config");
    let mut reader = RestPages::open(config, testing::request("issues", &["id"])).expect("a reader");
    let (rows, failures) = answered_by(server, || {
        let (mut rows, mut failures) = (0, 0);
        loop {
            match reader.next(100) {
                Ok(Some(chunk)) => rows += chunk.rows.num_rows(),
                Ok(None) => break (rows, failures),
                Err(Fault::Retryable { .. }) => failures += 1,
                Err(fault) => panic!("{fault}"),
            }
        }
    });
    assert_eq!((rows, failures), (7, 1));
}

#[test]
fn streams_are_those_of_the_config() {
    let config: Config =
        serde_json::from_value(config(serde_json::json!({"by": "link"}), "")).expect("a config");
    let streams = RestPages::discover(&config).expect("streams");
    assert_eq!(
        (streams.len(), streams[0].name.as_str(), streams[0].incremental),
        (1, "issues", false)
    );
    assert_eq!(streams[0].key, ["id"]);
    assert_eq!(streams[0].columns.field(0).data_type(), &DataType::Int64);
    let request = testing::request("orders", &["id"]);
    assert!(RestPages::open(config, request).is_err());
}

#[test]
fn wrong_configs_are_refused_at_their_place() {
    for (key, value, pointer) in [
        ("url", serde_json::json!("ftp://x"), "/streams/0/url"),
        ("records", serde_json::json!("data"), "/streams/0/records"),
        ("columns", serde_json::json!([]), "/streams/0/columns"),
        (
            "columns",
            serde_json::json!([{"name": "a", "pointer": "x", "type": "utf8"}]),
            "/streams/0/columns/0/pointer",
        ),
        ("key", serde_json::json!(["x"]), "/streams/0/key/0"),
        (
            "paging",
            serde_json::json!({"by": "cursor", "parameter": "c", "pointer": "x"}),
            "/streams/0/paging/pointer",
        ),
    ] {
        let mut config = config(serde_json::json!({"by": "link"}), "");
        config["streams"][0][key] = value;
        let config: Config = serde_json::from_value(config).expect("a config");
        let fault = RestPages::discover(&config).expect_err("a fault").to_string();
        assert!(
            fault.starts_with(&format!("invalid config at {pointer}: ")),
            "{fault}"
        );
    }
    assert!(bound_twice().starts_with("invalid config at /streams/1/name: "));
}

fn bound_twice() -> String {
    let mut config = config(serde_json::json!({"by": "link"}), "");
    let stream = config["streams"][0].clone();
    config["streams"].as_array_mut().expect("streams").push(stream);
    let config: Config = serde_json::from_value(config).expect("a config");
    RestPages::discover(&config).expect_err("a fault").to_string()
}
