use super::*;

fn emails(values: Vec<Option<&str>>) -> RecordBatch {
    let column: ArrayRef = Arc::new(StringArray::from(values));
    RecordBatch::try_from_iter([("email", column)]).expect("a batch")
}

fn texts(batch: &RecordBatch, column: usize) -> Vec<Option<&str>> {
    batch.column(column).as_string::<i32>().iter().collect()
}

fn fault(config: serde_json::Value) -> String {
    let fault = testing::run::<HashColumns>(config, &emails(vec![Some("a@b.c")])).expect_err("a fault");
    fault.to_string()
}

#[test]
fn hashes_are_those_of_the_standards() {
    // FIPS 180-2, B.1, and what `openssl` says:
    // `printf 'what do ya want' | openssl dgst -sha256 -hmac 0123456789abcdef`.
    let config = serde_json::json!({"columns": [{"name": "email", "method": "sha256"}]});
    let done = testing::run::<HashColumns>(config, &emails(vec![Some("abc"), None])).expect("hashes");
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(texts(&done, 0), [Some(abc), None]);
    let config = serde_json::json!({
        "salt": "0123456789abcdef",
        "columns": [{"name": "email", "output": "hash", "method": "hmac_sha256"}],
    });
    let done = testing::run::<HashColumns>(config, &emails(vec![Some("what do ya want")])).expect("hashes");
    let expected = "7055f7e23ccdea48f7db7fcd4f6b7105fa6fab06e073f3743b52089b57f793b0";
    assert_eq!(texts(&done, 0), [Some(expected)]);
    assert_eq!(done.schema().field(0).name(), "hash");
}

#[test]
fn a_salt_stands_before_the_value() {
    let config = serde_json::json!({"salt": "ab", "columns": [{"name": "email", "method": "sha256"}]});
    let salted = testing::run::<HashColumns>(config, &emails(vec![Some("c")])).expect("hashes");
    let config = serde_json::json!({"columns": [{"name": "email", "method": "sha256"}]});
    let plain = testing::run::<HashColumns>(config, &emails(vec![Some("abc")])).expect("hashes");
    assert_eq!(texts(&salted, 0), texts(&plain, 0));
}

#[test]
fn spellings_of_one_address_come_to_one_hash() {
    let config = serde_json::json!({
        "columns": [{"name": "email", "method": "sha256", "trim": true, "lowercase": true}],
    });
    let input = emails(vec![
        Some(" Ann@Example.COM\n"),
        Some("ann@example.com"),
        Some("ÉVA@x.hu"),
        Some("éva@x.hu"),
    ]);
    let done = testing::run::<HashColumns>(config, &input).expect("hashes");
    let hashes = texts(&done, 0);
    assert_eq!(hashes[0], hashes[1]);
    assert_eq!(hashes[2], hashes[3]);
    assert_ne!(hashes[0], hashes[2]);
}

#[test]
fn masks_leave_what_they_are_told_and_no_more() {
    let config = serde_json::json!({"columns": [
        {"name": "email", "output": "last", "method": "keep_last", "keep": 4},
        {"name": "email", "output": "gone", "method": "redact"},
    ]});
    let input = emails(vec![
        Some("5554443210"),
        Some("3210"),
        Some("éèêëàâ"),
        Some(""),
        None,
    ]);
    let done = testing::run::<HashColumns>(config, &input).expect("masks");
    assert_eq!(
        texts(&done, 0),
        [Some("******3210"), Some("****"), Some("**êëàâ"), Some(""), None]
    );
    let gone = Some("[redacted]");
    assert_eq!(texts(&done, 1), [gone, gone, gone, gone, None]);
}

#[test]
fn what_is_no_address_is_refused_without_its_value() {
    let columns = serde_json::json!([{"name": "email", "output": "domain", "method": "keep_domain"}]);
    let input = emails(vec![
        Some("ann@example.com"),
        Some("nobody"),
        Some("@x.org"),
        None,
        Some("\"a@b\"@c.org"),
    ]);
    let config = serde_json::json!({"columns": columns});
    let (done, rejects) = testing::run_with_rejects::<HashColumns>(config, &input).expect("domains");
    assert_eq!(texts(&done, 0), [Some("example.com"), None, Some("c.org")]);
    let rows: Vec<_> = rejects
        .iter()
        .map(|reject| (reject.row, reject.code.as_str()))
        .collect();
    assert_eq!(rows, [(1, "hash.email"), (2, "hash.email")]);
    assert!(!rejects[0].message.contains("nobody"));
    let config = serde_json::json!({"columns": columns, "on_bad": "null"});
    let done = testing::run::<HashColumns>(config, &input).expect("domains");
    assert_eq!(
        texts(&done, 0),
        [Some("example.com"), None, None, None, Some("c.org")]
    );
}

#[test]
fn wrong_configs_are_refused_at_their_place() {
    let column = |column: serde_json::Value| fault(serde_json::json!({"columns": [column]}));
    assert_eq!(
        fault(serde_json::json!({"columns": []})),
        "invalid config at /columns: name at least one column"
    );
    assert!(
        column(serde_json::json!({"name": "mail", "method": "redact"}))
            .starts_with("invalid config at /columns/0/name: ")
    );
    assert!(
        column(serde_json::json!({"name": "email", "method": "hmac_sha256"}))
            .starts_with("invalid config at /salt: ")
    );
    assert!(
        column(serde_json::json!({"name": "email", "method": "keep_last"}))
            .starts_with("invalid config at /columns/0/keep: ")
    );
    assert!(
        column(serde_json::json!({"name": "email", "method": "keep_last", "keep": 0}))
            .contains("must be 1 to 64")
    );
    assert!(
        column(serde_json::json!({"name": "email", "method": "redact", "keep": 4}))
            .starts_with("invalid config at /columns/0/keep: ")
    );
    assert!(
        column(serde_json::json!({"name": "email", "method": "sha256", "replacement": "x"}))
            .starts_with("invalid config at /columns/0/replacement: ")
    );
    assert!(column(serde_json::json!({"name": "email", "method": "md5"})).contains("unknown variant `md5`"));
    let twice = serde_json::json!({"columns": [{"name": "email", "method": "sha256"}, {"name": "email", "method": "redact"}]});
    assert_eq!(
        fault(twice),
        "invalid config at /columns/1/output: `email` is written twice"
    );
}

#[test]
fn only_text_is_taken() {
    let input = record_batch!(("email", Int64, [1])).expect("a batch");
    let config = serde_json::json!({"columns": [{"name": "email", "method": "sha256"}]});
    let fault = testing::run::<HashColumns>(config, &input).expect_err("a fault");
    assert!(matches!(fault, Fault::InvalidSchema(_)));
}
