use super::*;

fn batches() -> [RecordBatch; 2] {
    [
        record_batch!(
            ("amount", Float64, [Some(1.0), None, Some(f64::NAN), Some(-3.0)]),
            ("country", Utf8, [Some("de"), Some("fr"), None, Some("de")])
        ),
        record_batch!(("amount", Float64, [Some(8.0)]), ("country", Utf8, [Some("it")])),
    ]
    .map(|batch| batch.expect("a batch"))
}

fn verdict(columns: serde_json::Value) -> Verdict {
    let config = serde_json::json!({"columns": columns});
    testing::verdict::<Distribution>(config, &batches()).expect("a verdict")
}

#[test]
fn everything_is_measured() {
    let verdict =
        verdict(serde_json::json!([{"name": "amount", "distinct": {}}, {"name": "country", "distinct": {}}]));
    assert!(verdict.passed);
    let expected = [
        ("rows", 5.0),
        ("amount.null_share", 0.4),
        ("amount.min", -3.0),
        ("amount.max", 8.0),
        ("amount.mean", 2.0),
        ("amount.distinct", 3.0),
        ("country.null_share", 0.2),
        ("country.distinct", 3.0),
    ];
    assert_eq!(
        verdict.measures,
        expected.map(|(name, value)| (name.to_owned(), value))
    );
}

#[test]
fn bounds_are_kept_or_named() {
    let within = serde_json::json!([{
        "name": "amount", "null_share": {"at_most": 0.4}, "min": {"at_least": -3}, "max": {"at_most": 8},
        "mean": {"at_least": 2, "at_most": 2}, "distinct": {"at_least": 3, "at_most": 3},
    }]);
    assert!(verdict(within).passed);
    for (key, bounds, message) in [
        (
            "null_share",
            serde_json::json!({"at_most": 0.39}),
            "amount.null_share is 0.4, above 0.39",
        ),
        (
            "min",
            serde_json::json!({"at_least": 0}),
            "amount.min is -3, below 0",
        ),
        (
            "max",
            serde_json::json!({"at_least": 9}),
            "amount.max is 8, below 9",
        ),
        (
            "mean",
            serde_json::json!({"at_most": 1.5}),
            "amount.mean is 2, above 1.5",
        ),
        (
            "distinct",
            serde_json::json!({"at_least": 4}),
            "amount.distinct is 3, below 4",
        ),
    ] {
        let verdict = verdict(serde_json::json!([{"name": "amount", key: bounds}]));
        assert_eq!((verdict.passed, verdict.message.as_str()), (false, message));
        assert_eq!(verdict.severity, Severity::Error);
    }
}

#[test]
fn a_warning_blocks_nothing() {
    let config =
        serde_json::json!({"severity": "warn", "columns": [{"name": "amount", "min": {"at_least": 0}}]});
    let verdict = testing::verdict::<Distribution>(config, &batches()).expect("a verdict");
    assert_eq!((verdict.passed, verdict.severity), (false, Severity::Warn));
}

#[test]
fn of_nothing_there_is_nothing_to_measure() {
    let empty = batches()[0].slice(0, 0);
    let config = serde_json::json!({"columns": [{"name": "amount", "mean": {"at_least": 1}, "null_share": {"at_most": 0}}]});
    let verdict = testing::verdict::<Distribution>(config, &[empty]).expect("a verdict");
    assert!(verdict.passed);
    assert_eq!(verdict.measures, [("rows".to_owned(), 0.0)]);
}

#[test]
fn numbers_of_all_types_are_measured() {
    let decimals = Decimal128Array::from(vec![Some(150), None, Some(-50)]).with_precision_and_scale(5, 2);
    let arrays: [ArrayRef; 4] = [
        Arc::new(Int64Array::from(vec![Some(i64::MAX), None, Some(0)])),
        Arc::new(UInt8Array::from(vec![Some(255), None, Some(0)])),
        Arc::new(Float32Array::from(vec![Some(0.5), None, Some(-0.5)])),
        Arc::new(decimals.expect("decimals")),
    ];
    let means = [9_223_372_036_854_775_807_f64 / 2.0, 127.5, 0.0, 0.5];
    for (array, mean) in arrays.into_iter().zip(means) {
        let config = serde_json::json!({"columns": [{"name": "n", "distinct": {"at_least": 2, "at_most": 2},
            "mean": {"at_least": mean, "at_most": mean}, "null_share": {"at_least": 0.33, "at_most": 0.34}}]});
        let batch = RecordBatch::try_from_iter([("n", array)]).expect("a batch");
        let verdict = testing::verdict::<Distribution>(config, &[batch]).expect("a verdict");
        assert!(verdict.passed, "{}", verdict.message);
    }
}

#[test]
fn a_state_of_something_else_is_refused() {
    let input = Input::new(batches()[0].schema());
    let bind = |config: serde_json::Value| {
        Distribution::bind(serde_json::from_value(config).expect("a config"), &input).expect("bound")
    };
    let amount = bind(serde_json::json!({"columns": [{"name": "amount"}]}));
    let mut country = bind(serde_json::json!({"columns": [{"name": "country", "distinct": {}}]}));
    let state = amount.snapshot().expect("a snapshot").expect("a state");
    assert!(country.restore(&state).is_err());
    let mut state = country.snapshot().expect("a snapshot").expect("a state");
    assert!(country.restore(&state).is_ok());
    state[100] = 255;
    assert!(country.restore(&state).is_err());
}

#[test]
fn wrong_configs_are_refused_at_their_place() {
    let fault = |columns: serde_json::Value| {
        let config = serde_json::json!({"columns": columns});
        testing::verdict::<Distribution>(config, &batches())
            .expect_err("a fault")
            .to_string()
    };
    let at = |key: &str| format!("invalid config at /columns{key}: ");
    assert!(fault(serde_json::json!([])).starts_with(&at("")));
    assert!(fault(serde_json::json!([{"name": "x"}])).starts_with(&at("/0/name")));
    assert!(fault(serde_json::json!([{"name": "amount"}, {"name": "amount"}])).starts_with(&at("/1/name")));
    let one = |key: &str, bounds: serde_json::Value| serde_json::json!([{"name": "country", key: bounds}]);
    assert!(fault(one("null_share", serde_json::json!({"at_most": 20}))).starts_with(&at("/0/null_share")));
    assert!(fault(one("mean", serde_json::json!({"at_most": 20}))).starts_with(&at("/0/mean")));
    assert!(
        fault(one("distinct", serde_json::json!({"at_least": 2, "at_most": 1})))
            .starts_with(&at("/0/distinct"))
    );
    assert!(fault(one("distinct", serde_json::json!({"max": 1}))).contains("unknown field `max`"));
}
