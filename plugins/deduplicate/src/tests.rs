use super::*;

fn config() -> serde_json::Value {
    serde_json::json!({})
}

fn kept(bound: &mut Deduplicate, input: &RecordBatch) -> usize {
    testing::process(bound, input).expect("rows").0.num_rows()
}

fn of(column: impl Array + 'static) -> RecordBatch {
    RecordBatch::try_from_iter([("key", Arc::new(column) as ArrayRef)]).expect("a batch")
}

#[test]
fn the_first_row_of_each_key_goes_on_over_batches() {
    let first = record_batch!(("id", Int64, [1, 2, 1]), ("name", Utf8, ["a", "b", "a"])).expect("a batch");
    let second = record_batch!(("id", Int64, [1, 2, 2]), ("name", Utf8, ["a", "a", "b"])).expect("a batch");
    let mut bound = testing::bind_to::<Deduplicate>(config(), &first.schema()).expect("bound");
    assert_eq!((kept(&mut bound, &first), kept(&mut bound, &second)), (2, 1));
}

#[test]
fn values_do_not_run_into_each_other() {
    let batch = record_batch!(
        ("a", Utf8, [Some("ab"), Some("a"), None, Some("")]),
        ("b", Utf8, [Some("c"), Some("bc"), Some(""), None])
    );
    let batch = batch.expect("a batch");
    let config = serde_json::json!({"nulls": "equal"});
    let mut bound = testing::bind_to::<Deduplicate>(config, &batch.schema()).expect("bound");
    assert_eq!(kept(&mut bound, &batch), 4);
    assert_eq!(kept(&mut bound, &batch), 0);
}

#[test]
fn every_key_type_is_told_apart() {
    let instants = TimestampMicrosecondArray::from(vec![1, 2, 1]).with_timezone("UTC");
    let decimals = Decimal128Array::from(vec![1, -1, 1]);
    let bytes = FixedSizeBinaryArray::try_from_iter([[0_u8, 1], [1, 0], [0, 1]].into_iter()).expect("bytes");
    for batch in [
        of(BooleanArray::from(vec![true, false, true])),
        of(Int8Array::from(vec![1, -1, 1])),
        of(UInt64Array::from(vec![u64::MAX, 0, u64::MAX])),
        of(Float64Array::from(vec![0.0, 1.0, -0.0])),
        of(Float32Array::from(vec![f32::NAN, 1.0, -f32::NAN])),
        of(Date32Array::from(vec![1, 2, 1])),
        of(instants),
        of(decimals),
        of(bytes),
        of(BinaryArray::from(vec![b"a".as_slice(), b"", b"a"])),
        of(StringArray::from(vec!["a", "", "a"])),
    ] {
        let mut bound = testing::bind_to::<Deduplicate>(config(), &batch.schema()).expect("bound");
        assert_eq!(
            kept(&mut bound, &batch),
            2,
            "{}",
            batch.schema().field(0).data_type()
        );
        assert_eq!(
            kept(&mut bound, &batch.slice(1, 2)),
            0,
            "{}",
            batch.schema().field(0).data_type()
        );
    }
}

#[test]
fn rows_without_a_key_are_kept_or_equal_or_refused() {
    for input in [
        record_batch!(("id", Int64, [None, Some(-1), None])).expect("a batch"),
        record_batch!(("id", Utf8, [None, Some(""), None])).expect("a batch"),
    ] {
        let run = |nulls: &str| {
            let config = serde_json::json!({"nulls": nulls});
            testing::run_with_rejects::<Deduplicate>(config, &input).expect("rows")
        };
        assert_eq!(run("keep").0.num_rows(), 3);
        assert_eq!(run("equal").0.num_rows(), 2);
        let (rows, rejects) = run("reject");
        assert_eq!((rows.num_rows(), rejects.len(), rejects[1].row), (1, 2, 2));
        assert_eq!(rejects[0].code, "key.missing");
    }
}

#[test]
fn the_state_goes_on_in_another_instance() {
    let input = of(StringArray::from(vec!["a", "b"]));
    let mut first = testing::bind_to::<Deduplicate>(config(), &input.schema()).expect("bound");
    assert_eq!(kept(&mut first, &input), 2);
    let state = first.snapshot().expect("a snapshot").expect("a state");
    let mut second = testing::bind_to::<Deduplicate>(config(), &input.schema()).expect("bound");
    second.restore(&state).expect("restored");
    assert_eq!(kept(&mut second, &input), 0);
    assert!(second.restore(&state[1..]).is_err());
    let narrow = serde_json::json!({"max_keys": 1});
    let mut narrow = testing::bind_to::<Deduplicate>(narrow, &input.schema()).expect("bound");
    assert!(narrow.restore(&state).is_err());
}

#[test]
fn one_key_too_many_is_a_fault() {
    let config = serde_json::json!({"max_keys": 2});
    let full = of(Int64Array::from(vec![1, 2, 2, 1]));
    let mut bound = testing::bind_to::<Deduplicate>(config, &full.schema()).expect("bound");
    assert_eq!(kept(&mut bound, &full), 2);
    let fault = testing::process(&mut bound, &of(Int64Array::from(vec![1, 3]))).expect_err("a fault");
    assert!(fault.to_string().contains("more than 2 different keys"));
}

#[test]
fn wrong_configs_and_columns_are_refused() {
    let input = of(Int64Array::from(vec![1]));
    for wrong in [0, 1_000_001] {
        let config = serde_json::json!({"max_keys": wrong});
        let fault = testing::run::<Deduplicate>(config, &input).expect_err("a fault");
        assert!(fault.to_string().starts_with("invalid config at /max_keys: "));
    }
    let list = ListArray::from_iter_primitive::<Int64Type, _, _>([Some([Some(1)])]);
    let fault = testing::run::<Deduplicate>(config(), &of(list)).expect_err("a fault");
    assert!(matches!(fault, Fault::InvalidSchema(_)));
}
