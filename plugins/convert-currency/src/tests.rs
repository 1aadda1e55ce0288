use super::*;

fn config() -> serde_json::Value {
    serde_json::json!({"base": "EUR", "output": "eur", "rates": {"USD": "0.92", "JPY": "0.0061"}})
}

fn decimals(values: Vec<Option<i128>>) -> ArrayRef {
    let array = Decimal128Array::from(values)
        .with_precision_and_scale(12, 2)
        .expect("decimals");
    Arc::new(array)
}

fn amounts(amounts: ArrayRef, currencies: Vec<Option<&str>>) -> RecordBatch {
    let currencies: ArrayRef = Arc::new(StringArray::from(currencies));
    RecordBatch::try_from_iter([("amount", amounts), ("currency", currencies)]).expect("a batch")
}

fn converted(batch: &RecordBatch) -> Vec<Option<i128>> {
    batch.column(0).as_primitive::<Decimal128Type>().iter().collect()
}

#[test]
fn decimals_are_exact() {
    let input = amounts(
        decimals(vec![
            Some(1_00),
            Some(12_345_67),
            Some(-10_50),
            None,
            Some(9_999_999_999_99),
            Some(1_25),
        ]),
        vec![
            Some("USD"),
            Some("JPY"),
            Some("USD"),
            None,
            Some("EUR"),
            Some("USD"),
        ],
    );
    let done = testing::run::<ConvertCurrency>(config(), &input).expect("amounts");
    assert_eq!(
        converted(&done),
        // 75.308587 and -9.66 and 1.15
        [
            Some(92),
            Some(75_31),
            Some(-9_66),
            None,
            Some(9_999_999_999_99),
            Some(1_15)
        ]
    );
    assert_eq!(done.schema().field(0).data_type(), &DataType::Decimal128(12, 2));
}

#[test]
fn the_outputs_digits_can_be_told() {
    let mut config = config();
    config["precision"] = 20.into();
    config["scale"] = 6.into();
    let input = amounts(decimals(vec![Some(12_345_67)]), vec![Some("JPY")]);
    let done = testing::run::<ConvertCurrency>(config, &input).expect("amounts");
    assert_eq!(converted(&done), [Some(75_308_587)]);
    assert_eq!(done.schema().field(0).data_type(), &DataType::Decimal128(20, 6));
}

#[test]
fn rates_can_be_quoted_as_the_central_bank_does() {
    let config = serde_json::json!({"base": "EUR", "output": "eur", "quote": "units_per_base", "rates": {"USD": "1.08"}});
    let input = amounts(
        decimals(vec![Some(1_08), Some(1_00)]),
        vec![Some("USD"), Some("USD")],
    );
    let done = testing::run::<ConvertCurrency>(config, &input).expect("amounts");
    assert_eq!(converted(&done), [Some(1_00), Some(93)]);
}

#[test]
fn floats_are_multiplied() {
    let floats: ArrayRef = Arc::new(Float64Array::from(vec![
        Some(100.0),
        None,
        Some(f64::MAX),
        Some(f64::NAN),
    ]));
    let input = amounts(floats, vec![Some("USD"), Some("XXX"), Some("BIG"), Some("USD")]);
    let mut config = config();
    config["rates"]["BIG"] = "10".into();
    let (done, rejects) = testing::run_with_rejects::<ConvertCurrency>(config, &input).expect("amounts");
    let values: Vec<_> = done.column(0).as_primitive::<Float64Type>().iter().collect();
    assert_eq!(values, [Some(92.0), None]);
    let codes: Vec<_> = rejects
        .iter()
        .map(|reject| (reject.row, reject.code.as_str()))
        .collect();
    assert_eq!(codes, [(2, "currency.overflow"), (3, "currency.overflow")]);
}

#[test]
fn rows_without_a_rate_are_refused() {
    let input = amounts(
        decimals(vec![Some(1), Some(1), Some(1), Some(1), None]),
        vec![Some("usd"), None, Some("USD\0"), Some("A CURRENCY"), Some("XXX")],
    );
    let (done, rejects) = testing::run_with_rejects::<ConvertCurrency>(config(), &input).expect("amounts");
    assert_eq!(converted(&done), [None]);
    let codes: Vec<_> = rejects.iter().map(|reject| reject.code.as_str()).collect();
    let unknown = "currency.unknown";
    assert_eq!(codes, [unknown, "currency.missing", unknown, unknown]);
    let input = amounts(decimals(vec![Some(9_999_999_999_99)]), vec![Some("BIG")]);
    let mut config = config();
    config["rates"]["BIG"] = "1.01".into();
    let (_, rejects) = testing::run_with_rejects::<ConvertCurrency>(config, &input).expect("amounts");
    assert_eq!(rejects[0].code, "currency.overflow");
}

fn dated() -> serde_json::Value {
    serde_json::json!({"base": "EUR", "output": "eur", "rates": {"DKK": "0.134"}, "dated_rates": {"USD": [
        {"from": "2024-01-01", "rate": "0.9"},
        {"from": "2024-02-01", "until": "2024-03-01", "rate": "0.8"},
        {"from": "2024-04-01", "rate": "0.7"},
    ]}})
}

fn with_dates(dates: ArrayRef) -> RecordBatch {
    let rows = dates.len();
    let usd: ArrayRef = Arc::new(StringArray::from(vec!["USD"; rows]));
    let amounts = decimals(vec![Some(10_00); rows]);
    RecordBatch::try_from_iter([("amount", amounts), ("currency", usd), ("date", dates)]).expect("a batch")
}

#[test]
fn the_rate_is_that_of_the_date() {
    // 2023-12-31, 2024-01-01, -01-31, -02-01, -02-29, -03-01, -04-01, 2050-01-01.
    let days = [19_722, 19_723, 19_753, 19_754, 19_782, 19_783, 19_814, 29_220];
    let dates: ArrayRef = Arc::new(Date32Array::from(days.to_vec()));
    let instants = days.map(|day| i64::from(day) * 86_400_000 + 86_399_999).to_vec();
    let instants: ArrayRef = Arc::new(TimestampMillisecondArray::from(instants).with_timezone("UTC"));
    for dates in [dates, instants] {
        let input = with_dates(dates);
        let (done, rejects) = testing::run_with_rejects::<ConvertCurrency>(dated(), &input).expect("amounts");
        assert_eq!(converted(&done), [9_00, 9_00, 8_00, 8_00, 7_00, 7_00].map(Some));
        let codes: Vec<_> = rejects
            .iter()
            .map(|reject| (reject.row, reject.code.as_str()))
            .collect();
        assert_eq!(codes, [(0, "currency.no_rate"), (5, "currency.no_rate")]);
    }
    let missing = with_dates(Arc::new(Date32Array::from(vec![None])));
    let (_, rejects) = testing::run_with_rejects::<ConvertCurrency>(dated(), &missing).expect("amounts");
    assert_eq!(rejects[0].code, "currency.no_date");
}

#[test]
fn wrong_configs_are_refused_at_their_place() {
    let decimal = amounts(decimals(vec![]), vec![]);
    let fault = |path: &str, value: serde_json::Value| {
        let mut config = config();
        config[path] = value;
        testing::run::<ConvertCurrency>(config, &decimal)
            .expect_err("a fault")
            .to_string()
    };
    let at = |pointer: &str| format!("invalid config at {pointer}: ");
    assert!(fault("base", "E/R".into()).starts_with(&at("/base")));
    assert!(fault("rates", serde_json::json!({"USD": "x"})).starts_with(&at("/rates/USD")));
    assert!(fault("rates", serde_json::json!({"U/D": "1"})).starts_with(&at("/rates/U~1D")));
    assert!(fault("rates", serde_json::json!({"EUR": "1"})).starts_with(&at("/rates/EUR")));
    assert!(fault("precision", 39.into()).starts_with(&at("/precision")));
    assert!(fault("scale", 13.into()).starts_with(&at("/scale")));
    assert!(fault("scale", (-1).into()).starts_with(&at("/scale")));
    let input = with_dates(Arc::new(Date32Array::from(Vec::<i32>::new())));
    let fault = |usd: serde_json::Value| {
        let mut config = dated();
        config["dated_rates"]["USD"] = usd;
        testing::run::<ConvertCurrency>(config, &input)
            .expect_err("a fault")
            .to_string()
    };
    assert!(fault(serde_json::json!([])).starts_with(&at("/dated_rates/USD")));
    let from = |first: &str, until: &str, second: &str| serde_json::json!([{"from": first, "until": until, "rate": "1"}, {"from": second, "rate": "2"}]);
    assert!(
        fault(from("2024-13-01", "2024-02-01", "2024-02-01")).starts_with(&at("/dated_rates/USD/0/from"))
    );
    assert!(
        fault(from("2024-01-01", "2024-01-01", "2024-02-01")).starts_with(&at("/dated_rates/USD/0/until"))
    );
    assert!(
        fault(from("2024-01-01", "2024-03-01", "2024-02-01")).starts_with(&at("/dated_rates/USD/1/from"))
    );
    let mut twice = dated();
    twice["rates"]["USD"] = "1".into();
    let fault = testing::run::<ConvertCurrency>(twice, &input)
        .expect_err("a fault")
        .to_string();
    assert!(fault.starts_with(&at("/dated_rates/USD")));
}

#[test]
fn columns_of_other_types_are_refused() {
    for input in [
        record_batch!(("amount", Int64, [1]), ("currency", Utf8, ["EUR"])),
        record_batch!(("amount", Float64, [1.0]), ("currency", Int32, [1])),
        record_batch!(("amount", Float64, [1.0])),
    ] {
        let fault = testing::run::<ConvertCurrency>(config(), &input.expect("a batch")).expect_err("a fault");
        assert!(matches!(fault, Fault::InvalidSchema(_)));
    }
}
