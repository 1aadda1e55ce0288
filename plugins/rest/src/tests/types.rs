//! The values of records as columns.

use super::*;

/// A column of a type, or `{type, path, format, required}`, out of records.
fn column(field: Value, records: &'static str) -> Result<ArrayRef, Fault> {
    let config = json!({"base_url": "https://x", "streams": {"s": {"fields": {"v": field}}}});
    let read = || testing::read_from_each_cursor::<Rest>(config, "s", 2);
    let rows = answered_by(move |_| ok(records), read)?;
    Ok(rows.column(0).clone())
}

/// What is said of a single value that does not fit.
fn misfit(field: Value, value: &str) -> String {
    let body = format!(r#"[{{"v": {value}}}]"#).leak();
    let fault = column(field, body).expect_err("a fault").to_string();
    assert!(fault.starts_with("invalid data: "), "{fault}");
    fault
}

#[test]
fn whole_numbers_are_exact() {
    let records =
        r#"[{"v": 9007199254740993}, {"v": "-9223372036854775808"}, {"v": 1.0e3}, {"v": null}, {}]"#;
    let read = column(json!("int64"), records).expect("a column");
    let expected = [
        Some(9_007_199_254_740_993),
        Some(i64::MIN),
        Some(1_000),
        None,
        None,
    ];
    assert_eq!(read.as_ref(), &Int64Array::from(expected.to_vec()));
    let largest = column(json!("uint64"), r#"[{"v": 18446744073709551615}]"#).expect("a column");
    assert_eq!(largest.as_ref(), &UInt64Array::from(vec![u64::MAX]));
    for (kind, value) in [
        ("int8", "128"),
        ("uint8", "-1"),
        ("int64", "1.5"),
        ("int64", "9223372036854775808"),
        ("int64", "\"007\""),
        ("int64", "true"),
    ] {
        assert!(
            misfit(json!(kind), value).contains("a whole number in the range of"),
            "{kind} {value}"
        );
    }
}

#[test]
fn decimals_keep_every_digit_or_are_refused() {
    let records = r#"[{"v": 0.1}, {"v": "12345678901234567890123456789012345.678"}, {"v": 1e2}]"#;
    let read = column(json!("decimal(38,3)"), records).expect("a column");
    let expected = Decimal128Array::from(vec![
        100,
        12_345_678_901_234_567_890_123_456_789_012_345_678,
        100_000,
    ])
    .with_precision_and_scale(38, 3)
    .expect("decimals");
    assert_eq!(read.as_ref(), &expected);
    for value in ["0.001", "100", "\"1,5\"", "-99.999"] {
        assert!(
            misfit(json!("decimal(4,2)"), value).contains("4 digits at most, 2 of them behind the point"),
            "{value}"
        );
    }
}

#[test]
fn floats_are_the_nearest_and_never_infinite_by_overflow() {
    let records = r#"[{"v": 0.1}, {"v": 9007199254740993}, {"v": "NaN"}, {"v": "-Infinity"}, {"v": "2.5"}]"#;
    let read = column(json!("float64"), records).expect("a column");
    let read = read.as_primitive::<Float64Type>();
    assert_eq!(read.value(0).to_bits(), 0.1_f64.to_bits());
    assert_eq!(read.value(1).to_bits(), 9_007_199_254_740_992_f64.to_bits());
    assert!(read.value(2).is_nan() && read.value(3).is_infinite());
    assert_eq!(read.value(4).to_bits(), 2.5_f64.to_bits());
    for (kind, value) in [
        ("float64", "1e400"),
        ("float32", "1e39"),
        ("float64", "\"inf\""),
        ("float32", "[]"),
    ] {
        assert!(
            misfit(json!(kind), value).contains("a number in the range of"),
            "{kind} {value}"
        );
    }
}

#[test]
fn texts_are_texts_and_json_is_what_stands_there() {
    let read = column(json!("utf8"), r#"[{"v": "a\u00e9\"\n"}, {"v": ""}]"#).expect("a column");
    assert_eq!(read.as_ref(), &StringArray::from(vec!["aé\"\n", ""]));
    for value in ["1", "{}", r#""\ud800""#] {
        assert!(
            misfit(json!("utf8"), value).contains("its type takes text"),
            "{value}"
        );
    }
    let json = json!({"type": "utf8", "format": "json"});
    let read = column(json, r#"[{"v": {"b": [1.50, null]}}, {"v": "x"}, {"v": null}]"#).expect("a column");
    let expected = [Some(r#"{"b": [1.50, null]}"#), Some("\"x\""), None];
    assert_eq!(read.as_ref(), &StringArray::from(expected.to_vec()));
}

#[test]
fn days_and_instants() {
    let read = column(json!("date32"), r#"[{"v": "1970-01-02"}]"#).expect("a column");
    assert_eq!(read.as_ref(), &Date32Array::from(vec![1]));
    assert!(misfit(json!("date32"), "\"1970-01-02T00:00:00Z\"").contains("a day such as"));
    let read = column(
        json!("timestamp(ms, UTC)"),
        r#"[{"v": "1970-01-01T01:00:00.5+01:00"}]"#,
    );
    let expected = TimestampMillisecondArray::from(vec![500]).with_timezone("UTC");
    assert_eq!(read.expect("a column").as_ref(), &expected);
    assert!(
        misfit(json!("timestamp(s, UTC)"), "\"1970-01-01T00:00:00.5Z\"").contains("no finer than seconds")
    );
    assert!(misfit(json!("timestamp(s, UTC)"), "\"1970-01-01T00:00:00\"").contains("with its offset"));
    let read = column(json!("timestamp(us)"), r#"[{"v": "1970-01-01 00:00:01"}]"#).expect("a column");
    assert_eq!(read.as_ref(), &TimestampMicrosecondArray::from(vec![1_000_000]));
    assert!(misfit(json!("timestamp(us)"), "\"1970-01-01T00:00:01Z\"").contains("without an offset"));
    let epoch = json!({"type": "timestamp(ms, UTC)", "format": "epoch_s"});
    let read = column(epoch.clone(), r#"[{"v": 1.25}, {"v": "2"}]"#).expect("a column");
    let expected = TimestampMillisecondArray::from(vec![1_250, 2_000]).with_timezone("UTC");
    assert_eq!(read.as_ref(), &expected);
    assert!(misfit(epoch, "0.0001").contains("no finer than milliseconds"));
}

#[test]
fn nested_values_are_nested_columns() {
    let records = r#"[
        {"v": [{"a": 1, "b": {"x": "0.10"}}, null, {"c": 3}]},
        {"v": []},
        {"v": null},
        {"v": [{"a": null, "b": {}}]}
    ]"#;
    let read = column(
        json!("list(struct(a: int8, b: map(utf8, decimal(3,2))))"),
        records,
    )
    .expect("a column");
    let lists = read.as_list::<i32>();
    let lengths: Vec<Option<usize>> = lists.iter().map(|list| list.map(|list| list.len())).collect();
    assert_eq!(lengths, [Some(3), Some(0), None, Some(1)]);
    let members = lists.values().as_struct();
    assert_eq!(
        members.column(0).as_ref(),
        &Int8Array::from(vec![Some(1), None, None, None])
    );
    assert!(members.is_null(1) && members.is_valid(2));
    let maps = members.column(1).as_map();
    assert_eq!(
        maps.iter()
            .map(|map| map.map_or(9, |map| map.len()))
            .collect::<Vec<_>>(),
        [1, 9, 9, 0]
    );
    assert_eq!(maps.values().as_primitive::<Decimal128Type>().value(0), 10);
    let inside = misfit(json!("list(struct(a: int8))"), r#"[{"a": 1}, {"a": 300}]"#);
    assert!(
        inside.contains("`v[].a` of record 1 on page 1 is a number"),
        "{inside}"
    );
    assert!(misfit(json!("map(utf8, int8)"), r#"{"a": 1, "a": 2}"#).contains("an object whose keys differ"));
    assert!(misfit(json!("struct(a: int8)"), "[]").contains("is an array, and its type takes an object"));
    assert!(misfit(json!("list(int8)"), "{}").contains("is an object, and its type takes an array"));
    let within = json!({"type": "list(timestamp(s, UTC))", "format": "epoch_s"});
    let read = column(within, r#"[{"v": [1, 2]}]"#).expect("a column");
    assert_eq!(
        read.as_list::<i32>()
            .values()
            .as_primitive::<TimestampSecondType>()
            .values(),
        &[1, 2]
    );
}

#[test]
fn paths_lead_to_what_is_in_a_record() {
    let at = |path: &str, records| column(json!({"type": "utf8", "path": path}), records);
    let records = r#"[{"a": {"b": [{"c": "x"}]}, "a.b": "y"}, {"a": 1}]"#;
    assert_eq!(
        at("a.b.0.c", records).expect("a column").as_ref(),
        &StringArray::from(vec![Some("x"), None])
    );
    assert_eq!(
        at("/a.b", records).expect("a column").as_ref(),
        &StringArray::from(vec![Some("y"), None])
    );
    assert_eq!(
        at("", r#"["x", "y"]"#).expect("a column").as_ref(),
        &StringArray::from(vec!["x", "y"])
    );
    assert_eq!(
        at("1", r#"[["x", "y"]]"#).expect("a column").as_ref(),
        &StringArray::from(vec!["y"])
    );
    let required = json!({"type": "int8", "path": "a.b", "required": true});
    let fault = column(required, r#"[{"a": {"b": 1}}, {"a": {"b": null}}]"#)
        .expect_err("a fault")
        .to_string();
    assert!(
        fault.contains("record 2 on page 1 has nothing at `/a/b`, and `v` is required"),
        "{fault}"
    );
}
