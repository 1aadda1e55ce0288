use super::*;

fn documents(values: &[Option<&str>]) -> RecordBatch {
    let column: ArrayRef = Arc::new(StringArray::from(values.to_vec()));
    RecordBatch::try_from_iter([("json", column)]).expect("a batch")
}

fn column(pointer: &str, kind: &str) -> serde_json::Value {
    serde_json::json!({"columns": [{"name": "value", "pointer": pointer, "type": kind}]})
}

fn run(config: serde_json::Value, document: &str) -> ArrayRef {
    let done = testing::run::<FlattenJson>(config, &documents(&[Some(document)])).expect("columns");
    done.column(0).clone()
}

fn text(pointer: &str, kind: &str, document: &str) -> Option<String> {
    let column = run(column(pointer, kind), document);
    column
        .as_string::<i32>()
        .iter()
        .next()
        .flatten()
        .map(str::to_owned)
}

fn int64(document: &str) -> Option<i64> {
    run(column("/a", "int64"), document)
        .as_primitive::<Int64Type>()
        .iter()
        .next()
        .flatten()
}

fn code(config: serde_json::Value, document: &str) -> (String, String) {
    let input = documents(&[Some(document)]);
    let (_, rejects) = testing::run_with_rejects::<FlattenJson>(config, &input).expect("columns");
    (rejects[0].code.clone(), rejects[0].message.clone())
}

#[test]
fn values_of_all_types_are_found() {
    let config = serde_json::json!({"columns": [
        {"name": "id", "pointer": "/id", "type": "int64"},
        {"name": "name", "pointer": "/user/name", "type": "utf8"},
        {"name": "price", "pointer": "/items/1/price", "type": "float64"},
        {"name": "paid", "pointer": "/paid", "type": "boolean"},
        {"name": "at", "pointer": "/at", "type": "timestamp(us, UTC)"},
        {"name": "items", "pointer": "/items", "type": "json"},
        {"name": "created", "pointer": "/created", "type": "timestamp(us, UTC)", "format": "epoch_s"},
        {"name": "ms", "pointer": "/created", "type": "timestamp(us, UTC)", "format": "epoch_ms"},
    ]});
    let document = r#"{"id": 9007199254740993, "user": {"x": [{}], "name": "A\u00e9\n"},
        "items": [{"price": 1}, {"price": 2.5}], "paid": true, "at": "1970-01-01T01:00:00.0000019+01:00", "created": 3}"#;
    let done = testing::run::<FlattenJson>(config, &documents(&[Some(document), None, Some("{}")]))
        .expect("columns");
    assert_eq!(
        done.column(0).as_primitive::<Int64Type>().value(0),
        9_007_199_254_740_993
    );
    assert_eq!(done.column(1).as_string::<i32>().value(0), "Aé\n");
    assert_eq!(
        done.column(2).as_primitive::<Float64Type>().values()[0].to_bits(),
        2.5_f64.to_bits()
    );
    assert!(done.column(3).as_boolean().value(0));
    assert_eq!(
        done.column(4).as_primitive::<TimestampMicrosecondType>().value(0),
        1
    );
    assert_eq!(
        done.column(5).as_string::<i32>().value(0),
        r#"[{"price": 1}, {"price": 2.5}]"#
    );
    assert_eq!(
        done.column(6).as_primitive::<TimestampMicrosecondType>().value(0),
        3_000_000
    );
    assert_eq!(
        done.column(7).as_primitive::<TimestampMicrosecondType>().value(0),
        3_000
    );
    assert!(done.columns().iter().all(|column| column.null_count() == 2));
}

#[test]
fn whole_numbers_of_64_bits_are_exact_and_others_refused() {
    assert_eq!(int64(r#"{"a": 9223372036854775807}"#), Some(i64::MAX));
    assert_eq!(int64(r#"{"a": -9223372036854775808}"#), Some(i64::MIN));
    assert_eq!(int64(r#"{"a": null}"#), None);
    for wrong in [
        "9223372036854775808",
        "-9223372036854775809",
        "1e30",
        "1.0",
        "\"1\"",
        "true",
        "{}",
        "[1]",
    ] {
        let (code, _) = code(column("/a", "int64"), &format!(r#"{{"a": {wrong}}}"#));
        assert_eq!(code, "json.type", "{wrong}");
    }
}

#[test]
fn pointers_reach_odd_keys_and_the_whole() {
    assert_eq!(
        text("/a~1b/~0", "utf8", r#"{"a/b": {"~": "x"}}"#).as_deref(),
        Some("x")
    );
    assert_eq!(text("/", "utf8", r#"{"": "x"}"#).as_deref(), Some("x"));
    assert_eq!(text("", "utf8", r#""x""#).as_deref(), Some("x"));
    assert_eq!(text("", "json", " [1,\n 2] ").as_deref(), Some("[1,\n 2]"));
    assert_eq!(text("/0", "utf8", r#"{"0": "x"}"#).as_deref(), Some("x"));
    assert_eq!(text("/1", "utf8", r#"["a", "b"]"#).as_deref(), Some("b"));
    assert_eq!(text("/01", "utf8", r#"["a", "b"]"#), None);
    assert_eq!(text("/a/b", "utf8", r#"{"a": 1}"#), None);
    assert_eq!(
        text("/a", "utf8", r#"{"a": "x", "a": "y"}"#).as_deref(),
        Some("y")
    );
    assert_eq!(text("/a", "json", r#"{"a": null}"#), None);
}

#[test]
fn one_place_may_be_text_and_values_at_once() {
    let config = serde_json::json!({"columns": [
        {"name": "whole", "pointer": "/a", "type": "json"},
        {"name": "part", "pointer": "/a/b", "type": "int64"},
        {"name": "same", "pointer": "/a/b", "type": "json"},
    ]});
    let done =
        testing::run::<FlattenJson>(config, &documents(&[Some(r#"{"a": {"b": 7}}"#)])).expect("columns");
    assert_eq!(done.column(0).as_string::<i32>().value(0), r#"{"b": 7}"#);
    assert_eq!(done.column(1).as_primitive::<Int64Type>().value(0), 7);
    assert_eq!(done.column(2).as_string::<i32>().value(0), "7");
}

#[test]
fn refusals_say_where_and_never_what() {
    for document in ["{\"a\": secret}", "{\"a\": \"secret\"", "secret", "", "{} secret"] {
        let (code, message) = code(column("/a", "int64"), document);
        assert_eq!(code, "json.bad", "{document}");
        assert!(!message.contains("secret"), "{message}");
    }
    let (_, message) = code(column("/a", "int64"), r#"{"a": "secret"}"#);
    assert_eq!(
        message,
        "for `value`: at `/a` stands text, not a whole number of 64 bits"
    );
    let (_, message) = code(column("/a", "timestamp(us, UTC)"), r#"{"a": "secret"}"#);
    assert_eq!(
        message,
        "for `value`: at `/a` stands text of another form, not a time as in RFC 3339"
    );
}

#[test]
fn what_is_bad_may_be_missing_unless_it_must_be_there() {
    let mut config = column("/a", "int64");
    config["on_bad_json"] = "null".into();
    config["on_wrong_type"] = "null".into();
    let input = documents(&[Some("{"), Some(r#"{"a": "x"}"#), Some(r#"{"a": 1}"#)]);
    let done = testing::run::<FlattenJson>(config.clone(), &input).expect("columns");
    let values: Vec<_> = done.column(0).as_primitive::<Int64Type>().iter().collect();
    assert_eq!(values, [None, None, Some(1)]);
    config["columns"][0]["required"] = true.into();
    assert_eq!(code(config.clone(), "{}").0, "json.missing");
    assert_eq!(code(config.clone(), "{").0, "json.missing");
    assert_eq!(code(config, r#"{"a": "x"}"#).0, "json.missing");
}

#[test]
fn deep_documents_are_bad_or_skipped() {
    let deep = format!("{{\"x\": {}{}, \"a\": 1}}", "[".repeat(500), "]".repeat(500));
    assert_eq!(int64(&deep), Some(1));
}

#[test]
fn wrong_configs_are_refused_at_their_place() {
    let fault = |columns: serde_json::Value| {
        let config = serde_json::json!({"columns": columns});
        testing::run::<FlattenJson>(config, &documents(&[]))
            .expect_err("a fault")
            .to_string()
    };
    let at = |key: &str| format!("invalid config at /columns{key}: ");
    assert!(fault(serde_json::json!([])).starts_with(&at("")));
    let one = |pointer: &str, kind: &str| serde_json::json!({"name": "a", "pointer": pointer, "type": kind});
    for pointer in ["a", "/a~", "/~2", "/~é"] {
        assert!(fault(serde_json::json!([one(pointer, "utf8")])).starts_with(&at("/0/pointer")));
    }
    assert!(fault(serde_json::json!([one("/a", "utf8"), one("/b", "utf8")])).starts_with(&at("/1/name")));
    assert!(fault(serde_json::json!([one("/a", "int32")])).contains("unknown variant `int32`"));
    let mut formatted = one("/a", "int64");
    formatted["format"] = "epoch_s".into();
    assert!(fault(serde_json::json!([formatted])).starts_with(&at("/0/format")));
    assert!(fault(serde_json::json!([one(&"/a".repeat(100), "utf8")])).starts_with(&at("/0/pointer")));
}
