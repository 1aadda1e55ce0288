//! Answers that cannot be right, and what is said of them.

use super::*;

fn by_page() -> Value {
    json!({"by": "page", "parameter": "page"})
}

#[test]
fn statuses_say_what_to_do() {
    for (status, words) in [
        (301, "redirects are not followed"),
        (400, "look at `query`, `paging` and `window`"),
        (401, "of the grant in `http`"),
        (403, "may not read this"),
        (404, "look at `base_url` and `path`"),
        (405, "another `method`"),
        (418, "the API's documentation"),
        (408, "failed for now"),
        (429, "lower `limits.per_second` of the grant"),
        (503, "it goes on where it stopped"),
    ] {
        let said = fault(&config(by_page(), json!({})), move |_| Response::new(status));
        let place = "GET https://api.example.com/v1/issues";
        assert!(
            said.contains(words) && said.contains(&status.to_string()),
            "{said}"
        );
        // Parameters may be personal.
        assert!(said.contains(place) && !said.contains("state=all"), "{said}");
    }
    let config: Config = serde_json::from_value(config(by_page(), json!({}))).expect("a config");
    let waits = answered_by(
        |_| Response::new(429).with_header("retry-after", "7"),
        || Rest::check(&config),
    );
    assert!(matches!(
        waits,
        Err(Fault::Retryable {
            after_ms: Some(7_000),
            ..
        })
    ));
}

#[test]
fn answers_that_cannot_be_right_are_faults() {
    let of = |more: Value, body: &'static str| fault(&config(by_page(), more), move |_| ok(body));
    assert!(of(json!({}), "secret").contains("not JSON, or was cut off: line 1, column 1"));
    assert!(of(json!({}), r#"[{"id": 1}, {"id""#).contains("cut off"));
    assert!(of(json!({}), "").contains("cut off"));
    assert!(of(json!({}), "{}").contains("no array of records"));
    assert!(of(json!({}), "[1]").contains("record 1 on page 1 is no object"));
    assert!(of(json!({"records": "data"}), "{}").contains("has nothing at `data`"));
    assert!(of(json!({"key": ["author"]}), r#"[{"id": 1}]"#).contains("has no `author`, which `key` names"));
    let misfit = of(json!({}), r#"[{"id": 1}, {"id": "secret"}]"#);
    assert!(
        misfit.contains(
            "`id` of record 2 on page 1 is a text, and its type takes a whole number in the range of Int64"
        ),
        "{misfit}"
    );
    assert!(!misfit.contains("secret"));
}

#[test]
fn a_page_that_comes_again_is_a_fault() {
    let again = |more| fault(&config(by_page(), more), |_| ok(page(0)));
    assert!(again(json!({})).contains("page 2 has the same records as the page before it"));
    let cursor = json!({"by": "cursor", "parameter": "c", "path": "next"});
    let itself = fault(&config(cursor.clone(), json!({"records": "data"})), |_| {
        ok(r#"{"data": [], "next": "x"}"#)
    });
    assert!(itself.contains("names the page itself"), "{itself}");
    // Three pages in a round, each with other records.
    let round = fault(&config(cursor, json!({"records": "data"})), |asked| {
        let at = parameter(&asked.url, "c").unwrap_or(0);
        ok(format!(
            r#"{{"data": [{{"id": {at}}}], "next": {}}}"#,
            (at + 1) % 3 + 1
        ))
    });
    assert!(round.contains("goes round"), "{round}");
}

#[test]
fn records_that_move_between_pages_are_seen_by_their_key() {
    // A record was put first after the first page was read: the third stands on the second page too.
    let server = |asked: &Asked| {
        ok(page(if parameter(&asked.url, "page") == Some(1) {
            0
        } else {
            2
        }))
    };
    let said = fault(&config(by_page(), json!({"key": ["id"]})), server);
    assert!(
        said.contains("page 2 has a record, by its `key`, of the page before it"),
        "{said}"
    );
}

#[test]
fn a_page_that_was_skipped_is_seen() {
    let said = fault(
        &config(by_page(), json!({"records": "data", "total": "count"})),
        |asked| {
            let body = match parameter(&asked.url, "page") {
                Some(1) => page(0),
                Some(2) => page(6),
                _ => "[]".into(),
            };
            ok(format!(r#"{{"data": {body}, "count": 7}}"#))
        },
    );
    assert!(said.contains("there are 7 records, and 4 came"), "{said}");
    let paging = json!({"by": "page", "parameter": "page", "echo": "page"});
    let other = fault(&config(paging, json!({"records": "data"})), |_| {
        ok(r#"{"data": [], "page": 2}"#)
    });
    assert!(other.contains("page 1 was asked for"), "{other}");
}

#[test]
fn a_list_without_end_ends_in_a_fault() {
    let server = |asked: &Asked| {
        ok(format!(
            "[{}]",
            record(parameter(&asked.url, "page").expect("a page"))
        ))
    };
    let said = fault(&config(by_page(), json!({"max_pages": 20})), server);
    assert!(
        said.contains("more than 20 pages, which is `max_pages`"),
        "{said}"
    );
}

#[test]
fn what_leads_to_the_next_page_must_be_something_to_ask_for() {
    let cursor = json!({"by": "cursor", "parameter": "c", "path": "next", "more": "more"});
    let link = json!({"by": "next", "path": "next"});
    for (paging, body, words) in [
        (
            &cursor,
            r#"{"data": [], "next": [1]}"#,
            "neither text nor a number",
        ),
        (
            &cursor,
            r#"{"data": [], "more": true}"#,
            "nothing to ask for them with",
        ),
        (&cursor, r#"{"data": [], "more": 1}"#, "neither true nor false"),
        (&link, r#"{"data": [], "next": 5}"#, "not a URL of HTTP"),
        (&link, r#"{"data": [], "next": "ftp://x"}"#, "not a URL of HTTP"),
    ] {
        let said = fault(&config(paging.clone(), json!({"records": "data"})), move |_| {
            ok(body)
        });
        assert!(said.contains(words), "{said}");
    }
    let long = format!(r#"{{"data": [], "next": "{}"}}"#, "x".repeat(20_000));
    let said = fault(&config(cursor, json!({"records": "data"})), move |_| {
        ok(long.clone())
    });
    assert!(said.contains("more than 16384 bytes"), "{said}");
}

#[test]
fn a_resumed_page_must_be_the_one_that_was_read() {
    let opened = |cursor: Option<Cursor>, more: Value| {
        let config: Config = serde_json::from_value(config(by_page(), more)).expect("a config");
        let mut request = testing::request("issues", &["id"]);
        request.cursor = cursor;
        Rest::open(config, request).expect("a reader")
    };
    for key in [json!({}), json!({"key": ["id"]})] {
        let mut reader = opened(None, key.clone());
        let chunk = answered_by(|_| ok(page(0)), || reader.next(2))
            .expect("rows")
            .expect("a chunk");
        let resumed = |body: String| {
            let (cursor, key) = (chunk.cursor.clone(), key.clone());
            answered_by(move |_| ok(body.clone()), || opened(Some(cursor), key).next(10))
        };
        let rest = resumed(page(0)).expect("rows").expect("a chunk");
        assert_eq!(rest.rows.num_rows(), 1);
        for body in [page(1), "[]".into()] {
            let fault = resumed(body).expect_err("a fault").to_string();
            assert!(
                fault.contains("page 1 has other records than when it was read before"),
                "{fault}"
            );
        }
        // A field that changed is no other record where there is a key.
        let changed = resumed(page(0).replace("u0", "v0"));
        assert_eq!(changed.is_ok(), key != json!({}));
    }
}

#[test]
fn a_column_that_the_stream_does_not_have_is_named() {
    let config: Config = serde_json::from_value(config(by_page(), json!({}))).expect("a config");
    let Err(fault) = Rest::open(config, testing::request("issues", &["id", "title"])) else {
        panic!("there is no such column");
    };
    assert!(
        fault
            .to_string()
            .contains("the column `title`, and `fields` of its stream has author, id")
    );
}
