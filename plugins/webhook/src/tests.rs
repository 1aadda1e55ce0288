use std::cell::RefCell;
use std::rc::Rc;

use serde_json::{Value, json};
use tidegate_sdk::http::{Request, Response, answered_by};

use super::*;

/// Posted requests, as the endpoint saw them.
type Seen = Rc<RefCell<Vec<Request>>>;

/// Runs a test against an endpoint that answers by the number of the request, from 0.
fn against<R>(answer: impl Fn(usize) -> Response + 'static, test: impl FnOnce() -> R) -> (R, Vec<Request>) {
    let seen = Seen::default();
    let server = {
        let seen = seen.clone();
        move |request: &Request| {
            seen.borrow_mut().push(request.clone());
            answer(seen.borrow().len() - 1)
        }
    };
    let result = answered_by(server, test);
    (result, seen.take())
}

fn ok(_: usize) -> Response {
    Response::new(202)
}

fn header<'a>(request: &'a Request, name: &str) -> &'a str {
    let mut found = request.headers.iter().filter(|(known, _)| known == name);
    let value = found.next().map(|(_, value)| value.as_str()).expect(name);
    assert_eq!(found.next(), None, "{name}");
    value
}

fn body(request: &Request) -> &str {
    std::str::from_utf8(&request.body).expect("text")
}

fn config(more: &Value) -> Value {
    let mut config = json!({"url": "https://api.example.com/v1/events?key=k"});
    let more = more.as_object().expect("keys").clone();
    config.as_object_mut().expect("keys").extend(more);
    config
}

/// Rows `n` from one number up to another.
fn numbers(range: std::ops::Range<i32>) -> RecordBatch {
    let numbers: Int32Array = range.collect();
    RecordBatch::try_from_iter([("n", Arc::new(numbers) as ArrayRef)]).expect("a batch")
}

/// A writer of numbers, in a load of the token `load`.
fn writer(config: Value, mode: LoadMode) -> Result<Webhook, Fault> {
    let load = Load {
        asset: "orders".into(),
        partition: Some("2024-01-31".into()),
        mode,
        columns: numbers(0..0).schema(),
        key: Vec::new(),
        token: "load".into(),
        staged: None,
        epoch: 1,
    };
    Webhook::open(serde_json::from_value(config).expect("a config"), load)
}

/// The bodies that a load of five numbers in batches of three and two comes to.
fn bodies(more: &Value) -> Vec<String> {
    let batches = [numbers(0..3), numbers(3..5)];
    let (receipt, seen) = against(ok, || testing::load::<Webhook>(config(more), &batches));
    let bytes = seen.iter().map(|request| request.body.len() as u64).sum();
    let receipt = receipt.expect("a receipt");
    assert_eq!((receipt.rows, receipt.bytes), (5, Some(bytes)));
    assert_eq!(receipt.location, "https://api.example.com/v1/events");
    assert!(seen.iter().all(|request| request.method == "POST"));
    seen.iter().map(|request| body(request).to_owned()).collect()
}

#[test]
fn bodies_are_of_the_format() {
    let expected = [
        r#"{"rows":[{"n":0},{"n":1},{"n":2}]}"#,
        r#"{"rows":[{"n":3},{"n":4}]}"#,
    ];
    assert_eq!(bodies(&json!({})), expected);
    let expected = [r#"[{"n":0},{"n":1}]"#, r#"[{"n":2}]"#, r#"[{"n":3},{"n":4}]"#];
    assert_eq!(
        bodies(&json!({"format": "array", "rows_per_request": 2})),
        expected
    );
    let expected = ["{\"n\":0}\n{\"n\":1}\n{\"n\":2}\n", "{\"n\":3}\n{\"n\":4}\n"];
    assert_eq!(bodies(&json!({"format": "ndjson"})), expected);
    let expected = [
        r#"{"n":0}"#,
        r#"{"n":1}"#,
        r#"{"n":2}"#,
        r#"{"n":3}"#,
        r#"{"n":4}"#,
    ];
    assert_eq!(bodies(&json!({"format": "object"})), expected);
    let envelope = json!({"rows": "inputs", "asset": "list", "partition": "day", "fixed": {"a\"b": [1]}});
    let expected = r#"{"a\"b":[1],"list":"test","day":null,"inputs":[{"n":0},{"n":1},{"n":2}]}"#;
    assert_eq!(bodies(&json!({"envelope": envelope}))[0], expected);
}

#[test]
fn a_body_has_no_more_bytes_than_told() {
    // Two rows come to 17 bytes, three to 25.
    let expected = [r#"[{"n":0},{"n":1}]"#, r#"[{"n":2}]"#, r#"[{"n":3},{"n":4}]"#];
    for bytes in [17, 24] {
        assert_eq!(
            bodies(&json!({"format": "array", "bytes_per_request": bytes})),
            expected
        );
    }
    assert_eq!(
        bodies(&json!({"format": "array", "bytes_per_request": 25})).len(),
        2
    );
    let small = config(&json!({"bytes_per_request": 17}));
    let (fault, seen) = against(ok, || testing::load::<Webhook>(small, &[numbers(0..1)]));
    let message = "row 0 of the batch comes to more than the 17 bytes of `bytes_per_request`";
    assert_eq!((fault, seen.len()), (Err(Fault::data(message)), 0));
}

#[test]
fn a_repeat_is_the_same_request_with_the_same_key() {
    let batches = [numbers(0..3), numbers(3..5)];
    let two = || config(&json!({"rows_per_request": 2, "commit_url": "https://api.example.com/v1/done"}));
    let (receipt, once) = against(ok, || testing::load::<Webhook>(two(), &batches));
    let (again, repeated) = against(ok, || testing::load_with_repeats::<Webhook>(two(), &batches));
    assert_eq!(receipt, again);
    let keyed = |seen: &[Request]| -> Vec<(String, Vec<u8>)> {
        seen.iter()
            .map(|request| {
                (
                    header(request, "idempotency-key").to_owned(),
                    request.body.clone(),
                )
            })
            .collect()
    };
    let once = keyed(&once);
    let starts = ["load-0-0-", "load-0-1-", "load-1-0-", "load-commit-"];
    assert!(
        once.iter()
            .zip(starts)
            .all(|((key, _), start)| key.starts_with(start)),
        "{once:?}"
    );
    assert_eq!(once.len(), starts.len());
    let mut repeated = keyed(&repeated);
    assert!(repeated.len() > once.len());
    // The first of each key stand in the order of the load, and what came of the others is the same.
    repeated.dedup();
    let mut first: Vec<_> = Vec::new();
    for request in repeated {
        if !first.contains(&request) {
            first.push(request);
        }
    }
    assert_eq!(first, once);
}

#[test]
fn other_bytes_have_another_key() {
    let keys = |rows: usize| -> Vec<String> {
        let config = config(&json!({"rows_per_request": rows}));
        let (_, seen) = against(ok, || testing::load::<Webhook>(config, &[numbers(0..3)]));
        seen.iter()
            .map(|request| header(request, "idempotency-key").to_owned())
            .collect()
    };
    let (two, three) = (keys(2), keys(3));
    assert!(two.iter().all(|key| !three.contains(key)), "{two:?} {three:?}");
}

#[test]
fn a_batch_goes_on_with_the_request_that_failed_for_now() {
    let answer = |number: usize| match number {
        1 => Response::new(429).with_header("Retry-After", "7"),
        2 => Response::new(500),
        3 => Response::new(409),
        _ => Response::new(200),
    };
    let rows = numbers(0..5);
    let mut webhook = writer(config(&json!({"rows_per_request": 2})), LoadMode::Append).expect("a writer");
    let (waits, seen) = against(answer, || {
        let mut waits = Vec::new();
        webhook.begin("load-0");
        while let Err(fault) = webhook.send(&rows) {
            let Fault::Retryable { after_ms, .. } = fault else {
                panic!("{fault}")
            };
            waits.push(after_ms);
        }
        webhook.begin("load-0");
        webhook.send(&rows).expect("a repeat");
        waits
    });
    assert_eq!(waits, [Some(7_000), None, None]);
    let numbers: Vec<&str> = seen
        .iter()
        .map(|request| {
            header(request, "idempotency-key")
                .split('-')
                .nth(2)
                .expect("a number")
        })
        .collect();
    assert_eq!(numbers, ["0", "1", "1", "1", "1", "2"]);
    assert!(seen[1..5].windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(webhook.commit().expect("a receipt").rows, 5);
}

#[test]
fn an_endpoint_that_refuses_is_quoted() {
    let fault = |status: u16, said: &str| {
        let answer = Response::new(status)
            .with_body(said)
            .with_header("X-Key", "hidden");
        let config = config(&json!({"rows_per_request": 2}));
        let (fault, seen) = against(
            move |_| answer.clone(),
            || testing::load::<Webhook>(config, &[numbers(0..3)]),
        );
        assert_eq!(seen.len(), 1);
        fault.expect_err("a fault")
    };
    let message = "the endpoint answered 413 to rows 0 to 1 of the batch; lower `bytes_per_request` or `rows_per_request`";
    assert_eq!(fault(413, ""), Fault::data(message));
    let message = r#"the endpoint answered 422 to rows 0 to 1 of the batch: {"error": "n"}"#;
    assert_eq!(fault(422, " {\"error\": \"n\"}\n"), Fault::data(message));
    assert_eq!(
        fault(400, ""),
        Fault::data("the endpoint answered 400 to rows 0 to 1 of the batch")
    );
    for (status, more) in [
        (401, "; credentials come from `headers` of the grant"),
        (404, ""),
        (
            307,
            "; redirects are not followed: write the URL that it leads to",
        ),
    ] {
        let message = format!("the endpoint answered {status} to rows 0 to 1 of the batch: no{more}");
        assert_eq!(fault(status, "no"), Fault::config("/url", message));
    }
    let Fault::InvalidData(message) = fault(422, &"ž".repeat(1_000)) else {
        panic!()
    };
    assert_eq!(message.matches('ž').count(), 150);
    assert!(message.ends_with("ž…"), "{message}");
    let Fault::InvalidData(message) = fault(400, &format!("x{}", "ž".repeat(1_000))) else {
        panic!()
    };
    assert!(message.ends_with("ž…"), "{message}");
}

#[test]
fn the_counts_are_posted_once_all_rows_are() {
    let config = config(&json!({"commit_url": "https://api.example.com/v1/done"}));
    let rows = numbers(0..3);
    let mut webhook = writer(config, LoadMode::Upsert).expect("a writer");
    let answer = |number: usize| Response::new(if number == 1 { 503 } else { 200 });
    let (receipts, seen) = against(answer, || {
        webhook.begin("load-0");
        webhook.send(&rows).expect("posted");
        assert!(matches!(webhook.commit(), Err(Fault::Retryable { .. })));
        (webhook.commit(), webhook.commit())
    });
    assert_eq!(receipts.0, receipts.1);
    assert_eq!(seen.len(), 3);
    assert_eq!(seen[1], seen[2]);
    assert_eq!(seen[2].url, "https://api.example.com/v1/done");
    let bytes = body(&seen[0]).len();
    assert_eq!(
        serde_json::from_str::<Value>(body(&seen[2])).expect("JSON"),
        json!({
            "asset": "orders", "partition": "2024-01-31", "load": "load", "rows": 3, "requests": 1, "bytes": bytes,
        })
    );
}

#[test]
fn what_was_posted_cannot_be_replaced() {
    for mode in [LoadMode::Replace, LoadMode::ReplacePartition] {
        let fault = writer(config(&json!({})), mode)
            .err()
            .expect("a fault")
            .to_string();
        assert!(fault.contains("write `load: append`"), "{fault}");
    }
}

#[test]
fn wrong_configs_are_refused_at_their_place() {
    for (more, pointer) in [
        (json!({"url": "ftp://x"}), "/url"),
        (json!({"url": "https://"}), "/url"),
        (json!({"url": "https:///v1"}), "/url"),
        (json!({"commit_url": "x"}), "/commit_url"),
        (json!({"rows_per_request": 0}), "/rows_per_request"),
        (json!({"bytes_per_request": 0}), "/bytes_per_request"),
        (json!({"format": "ndjson", "envelope": {}}), "/envelope"),
        (json!({"envelope": {"asset": "rows"}}), "/envelope"),
        (json!({"envelope": {"rows": "x", "fixed": {"x": 1}}}), "/envelope"),
    ] {
        let config: Config = serde_json::from_value(config(&more)).expect("a config");
        let Err(Fault::InvalidConfig { pointer: found, .. }) = Webhook::check(&config) else {
            panic!("{pointer} is taken")
        };
        assert_eq!(found, pointer);
    }
}
