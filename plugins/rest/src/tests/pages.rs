//! How pages follow each other.

use super::*;

const ALL: [i64; 7] = [0, 1, 2, 3, 4, 5, 6];

#[test]
fn one_page_is_one_page() {
    let server = |asked: &Asked| {
        assert_eq!(asked.url, "https://api.example.com/v1/issues?state=all");
        assert_eq!(
            asked.headers,
            [("accept".to_owned(), "application/json".to_owned())]
        );
        ok(page(0)).with_header("link", "</x>; rel=next")
    };
    assert_eq!(
        ids(&config(json!({"by": "none"}), json!({})), server).expect("ids"),
        [0, 1, 2]
    );
}

#[test]
fn pages_by_number_until_one_is_empty() {
    let server = |asked: &Asked| {
        assert_eq!(parameter(&asked.url, "per_page"), Some(3));
        let number = parameter(&asked.url, "page").expect("a page");
        ok(if number > 3 {
            "[]".into()
        } else {
            page((number - 1) * 3)
        })
    };
    let paging = json!({"by": "page", "parameter": "page", "size": {"parameter": "per_page", "value": 3}});
    assert_eq!(ids(&config(paging, json!({})), server).expect("ids"), ALL);
}

#[test]
fn a_short_page_or_404_is_the_last_where_told() {
    let server = |asked: &Asked| {
        let number = parameter(&asked.url, "p").expect("a page");
        if number > 2 {
            Response::new(404)
        } else {
            ok(page(number * 3))
        }
    };
    let size = json!({"parameter": "size", "value": 3});
    for until in ["short", "not_found"] {
        let paging = json!({"by": "page", "parameter": "p", "first": 0, "size": size, "until": until});
        assert_eq!(ids(&config(paging, json!({})), server).expect("ids"), ALL);
    }
    let first = json!({"by": "page", "parameter": "p", "first": 5, "until": "not_found"});
    assert!(fault(&config(first, json!({})), server).contains("answered with 404"));
}

#[test]
fn offsets_go_by_what_came_not_by_what_was_asked_for() {
    // The server gives three records at most, and is asked for a hundred.
    let server = |asked: &Asked| ok(page(parameter(&asked.url, "offset").expect("an offset")));
    let paging = json!({"by": "offset", "parameter": "offset", "size": {"parameter": "limit", "value": 100}});
    assert_eq!(ids(&config(paging, json!({})), server).expect("ids"), ALL);
}

#[test]
fn an_answer_may_say_whether_there_are_more() {
    let server = |asked: &Asked| {
        let first = parameter(&asked.url, "offset").expect("an offset");
        assert!(first < 7, "nobody asks for what is not there");
        let body = format!(
            r#"{{"more": {}, "at": {first}, "data": {}}}"#,
            first + 3 < 7,
            page(first)
        );
        ok(body)
    };
    let paging = json!({"by": "offset", "parameter": "offset", "more": "more", "echo": "at"});
    assert_eq!(
        ids(&config(paging, json!({"records": "data"})), server).expect("ids"),
        ALL
    );
}

#[test]
fn pages_by_cursor_in_the_answer() {
    let server = |asked: &Asked| {
        let first = parameter(&asked.url, "after").unwrap_or(0);
        let next = if first + 3 < 7 {
            format!("\"{}\"", first + 3)
        } else {
            "null".into()
        };
        ok(format!(
            r#"{{"data": {{"issues": {}}}, "meta": {{"next": {next}}}, "count": 7}}"#,
            page(first)
        ))
    };
    let paging = json!({"by": "cursor", "parameter": "after", "path": "meta.next"});
    let more = json!({"records": "/data/issues", "total": "count", "key": ["id"]});
    assert_eq!(ids(&config(paging, more), server).expect("ids"), ALL);
}

#[test]
fn pages_by_the_last_record() {
    let server = |asked: &Asked| {
        let first = parameter(&asked.url, "starting_after").map_or(0, |last| last + 1);
        ok(format!(
            r#"{{"has_more": {}, "data": {}}}"#,
            first + 3 < 7,
            page(first)
        ))
    };
    let mut paging = json!({"by": "last_record", "parameter": "starting_after", "path": "id"});
    let more = json!({"records": "data"});
    assert_eq!(
        ids(&config(paging.clone(), more.clone()), server).expect("ids"),
        ALL
    );
    paging["more"] = "has_more".into();
    assert_eq!(ids(&config(paging, more), server).expect("ids"), ALL);
}

#[test]
fn pages_by_link() {
    let server = |asked: &Asked| {
        assert!(
            asked
                .url
                .starts_with("https://api.example.com/v1/issues?state=all")
        );
        assert!(!asked.url.contains("key="), "the grant puts it in");
        let first = parameter(&asked.url, "from").unwrap_or(0);
        let answer = ok(page(first));
        if first + 3 >= 7 {
            return answer;
        }
        let next = format!(
            r#"</>; rel="first", </v1/issues?state=all&key=secret&from={}>; rel="next""#,
            first + 3
        );
        answer.with_header("Link", &next)
    };
    let paging = json!({"by": "link", "without": ["key"]});
    assert_eq!(ids(&config(paging, json!({})), server).expect("ids"), ALL);
}

#[test]
fn pages_by_link_in_the_answer() {
    let server = |asked: &Asked| {
        let first = parameter(&asked.url, "from").unwrap_or(0);
        let next = if first + 3 < 7 {
            format!("?from={}", first + 3)
        } else {
            String::new()
        };
        ok(format!(
            r#"{{"items": {}, "links": {{"next": "{next}"}}}}"#,
            page(first)
        ))
    };
    let paging = json!({"by": "next", "path": "links.next"});
    assert_eq!(
        ids(&config(paging, json!({"records": "items"})), server).expect("ids"),
        ALL
    );
}

#[test]
fn a_body_takes_parameters_too() {
    let server = |asked: &Asked| {
        assert_eq!(
            (asked.method.as_str(), asked.url.as_str()),
            ("POST", "https://api.example.com/v1/issues?state=all")
        );
        let body: Value = serde_json::from_slice(&asked.body).expect("JSON");
        assert_eq!((&body["query"], &body["page"]["size"]), (&json!("x"), &json!(3)));
        ok(page(
            usize::try_from(body["page"]["from"].as_u64().expect("a number")).expect("small"),
        ))
    };
    let paging =
        json!({"by": "offset", "parameter": "/page/from", "size": {"parameter": "/page/size", "value": 3}});
    let more = json!({"method": "POST", "body": {"query": "x", "page": {}}});
    assert_eq!(ids(&config(paging, more), server).expect("ids"), ALL);
}

#[test]
fn a_list_may_be_empty() {
    for (answer, more) in [
        (r#"{"items": []}"#, json!({"records": "items"})),
        ("{}", json!({"records": "items", "records_may_be_missing": true})),
    ] {
        let server = move |_: &Asked| ok(answer);
        let config = config(json!({"by": "page", "parameter": "page"}), more);
        assert!(ids(&config, server).expect("ids").is_empty());
    }
    let nothing = |_: &Asked| Response::new(204);
    assert!(
        ids(
            &config(json!({"by": "none"}), json!({"records": "items"})),
            nothing
        )
        .expect("ids")
        .is_empty()
    );
}

#[test]
fn a_slice_is_asked_for() {
    let window = json!({
        "from": {"parameter": "since"},
        "until": {"parameter": "until", "format": "epoch_s"},
    });
    let config: Config =
        serde_json::from_value(config(json!({"by": "none"}), json!({"window": window}))).expect("a config");
    let mut request = testing::request("issues", &["id"]);
    request.partition = Some(tidegate_sdk::source::Partition {
        key: "2024-01-31".into(),
        start_ms: 1_706_659_200_000,
        end_ms: 1_706_745_600_000,
    });
    let server = |asked: &Asked| {
        assert_eq!(
            asked.url,
            "https://api.example.com/v1/issues?since=2024-01-31T00%3A00%3A00Z&state=all&until=1706745600"
        );
        ok(page(0))
    };
    let rows = answered_by(server, || Rest::open(config, request)?.next(10));
    assert_eq!(rows.expect("rows").expect("a chunk").rows.num_rows(), 3);
}

#[test]
fn a_page_that_failed_for_now_is_asked_for_again() {
    let mut calls = 0;
    let server = move |asked: &Asked| {
        calls += 1;
        let number = parameter(&asked.url, "page").expect("a page");
        match (calls, number) {
            (2, _) => Response::new(503),
            (_, 1..=3) => ok(page((number - 1) * 3)),
            _ => ok("[]"),
        }
    };
    let config = config(json!({"by": "page", "parameter": "page"}), json!({}));
    let config: Config = serde_json::from_value(config).expect("a config");
    let mut reader = Rest::open(config, testing::request("issues", &["id"])).expect("a reader");
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
