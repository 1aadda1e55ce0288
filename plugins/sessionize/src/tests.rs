use super::*;

const MINUTE: i64 = 60_000;

fn config() -> serde_json::Value {
    serde_json::json!({"gap": "30m"})
}

/// Rows of users at minutes.
fn rows(rows: &[(&str, i64)]) -> RecordBatch {
    let users: StringArray = rows.iter().map(|(user, _)| Some(*user)).collect();
    let times: TimestampMillisecondArray = rows.iter().map(|(_, minute)| Some(minute * MINUTE)).collect();
    let columns: [(&str, ArrayRef); 2] = [
        ("user", Arc::new(users)),
        ("at", Arc::new(times.with_timezone("UTC"))),
    ];
    RecordBatch::try_from_iter(columns).expect("a batch")
}

fn bound(config: serde_json::Value) -> Sessionize {
    testing::bind_to(config, &rows(&[]).schema()).expect("bound")
}

/// Start in minutes and number of each row that goes on, and its id.
fn placed(bound: &mut Sessionize, input: &RecordBatch) -> Vec<(i64, i64, String)> {
    let (done, _) = testing::process(bound, input).expect("sessions");
    let starts = done.column(1).as_primitive::<TimestampMillisecondType>();
    let numbers = done.column(2).as_primitive::<Int64Type>();
    let ids = done.column(0).as_string::<i32>();
    let row = |row| {
        (
            starts.value(row) / MINUTE,
            numbers.value(row),
            ids.value(row).to_owned(),
        )
    };
    (0..done.num_rows()).map(row).collect()
}

fn numbers(bound: &mut Sessionize, input: &RecordBatch) -> Vec<(i64, i64)> {
    placed(bound, input)
        .into_iter()
        .map(|(start, number, _)| (start, number))
        .collect()
}

#[test]
fn a_gap_ends_a_session_and_each_user_has_their_own() {
    let input = rows(&[("a", 0), ("b", 10), ("a", 30), ("a", 60), ("b", 41), ("a", 91)]);
    let mut bound = bound(serde_json::json!({"gap": "30m", "tolerance": "20m"}));
    assert_eq!(
        numbers(&mut bound, &input),
        [(0, 1), (10, 1), (0, 2), (0, 3), (41, 1), (91, 1)]
    );
}

#[test]
fn ids_are_those_of_user_and_start() {
    let ids = |config, input: &RecordBatch| -> Vec<String> {
        placed(&mut bound(config), input)
            .into_iter()
            .map(|(_, _, id)| id)
            .collect()
    };
    let first = ids(config(), &rows(&[("a", 0), ("b", 0), ("a", 1), ("a", 60)]));
    assert_eq!(first[0], first[2]);
    assert_ne!(first[0], first[1]);
    assert_ne!(first[0], first[3]);
    // `(printf a; head -c 16 /dev/zero) | sha256sum | head -c 32`
    assert_eq!(first[0], "bd5886cac9b2dc4c2e349e902d4469a2");
    assert_eq!(first[3], ids(config(), &rows(&[("a", 60)]))[0]);
    assert_ne!(
        first[0],
        ids(serde_json::json!({"gap": "30m", "salt": "s"}), &rows(&[("a", 0)]))[0]
    );
}

#[test]
fn ids_do_not_hang_on_the_unit_of_the_time() {
    let user = || Arc::new(Int64Array::from(vec![7])) as ArrayRef;
    let id = |time: ArrayRef| {
        let input = RecordBatch::try_from_iter([("user", user()), ("at", time)]).expect("a batch");
        let done = testing::run::<Sessionize>(config(), &input).expect("sessions");
        assert_eq!(
            done.schema().field(1).data_type(),
            input.schema().field(1).data_type()
        );
        done.column(0).as_string::<i32>().value(0).to_owned()
    };
    let second = id(Arc::new(TimestampSecondArray::from(vec![5])));
    assert_eq!(
        second,
        id(Arc::new(
            TimestampMicrosecondArray::from(vec![5_000_000]).with_timezone("UTC")
        ))
    );
    assert_eq!(
        second,
        id(Arc::new(TimestampNanosecondArray::from(vec![5_000_000_000])))
    );
}

#[test]
fn a_late_row_joins_its_session_or_is_refused() {
    let input = rows(&[
        ("a", 100),
        ("a", 95),
        ("b", 91),
        ("a", 89),
        ("a", 120),
        ("a", 110),
        ("a", 109),
    ]);
    let mut bound = bound(serde_json::json!({"gap": "30m", "tolerance": "10m"}));
    let (_, rejects) = testing::process(&mut bound, &input).expect("sessions");
    let refused: Vec<_> = rejects
        .iter()
        .map(|reject| (reject.row, reject.code.as_str()))
        .collect();
    assert_eq!(refused, [(3, "session.late"), (6, "session.late")]);
    assert_eq!(
        numbers(&mut bound, &rows(&[("a", 120), ("b", 121)])),
        [(100, 5), (91, 2)]
    );
}

#[test]
fn what_is_missing_has_no_session() {
    let users = StringArray::from(vec![None, Some("a")]);
    let times = TimestampSecondArray::from(vec![Some(1), None]);
    let columns: [(&str, ArrayRef); 2] = [("user", Arc::new(users)), ("at", Arc::new(times))];
    let input = RecordBatch::try_from_iter(columns).expect("a batch");
    let (done, rejects) = testing::run_with_rejects::<Sessionize>(config(), &input).expect("sessions");
    assert_eq!((done.num_rows(), rejects.len()), (0, 2));
    assert_eq!(rejects[0].code, "session.missing");
    let config = serde_json::json!({"gap": "30m", "on_missing": "null"});
    let done = testing::run::<Sessionize>(config, &input).expect("sessions");
    assert!(done.columns().iter().all(|column| column.null_count() == 2));
}

#[test]
fn the_state_goes_on_in_another_instance() {
    let mut first = bound(config());
    let before = placed(&mut first, &rows(&[("a", 0), ("b", 5)]));
    let state = first.snapshot().expect("a snapshot").expect("a state");
    let mut second = bound(config());
    second.restore(&state).expect("restored");
    let after = placed(&mut second, &rows(&[("a", 20), ("b", 40)]));
    assert_eq!(after[0], (0, 2, before[0].2.clone()));
    assert_eq!((after[1].0, after[1].1), (40, 1));
    let (_, rejects) = testing::process(&mut second, &rows(&[("a", 39)])).expect("sessions");
    assert_eq!(rejects.len(), 1);
    assert!(second.restore(&state[1..]).is_err());
    assert!(second.restore(&[]).is_err());
}

#[test]
fn sessions_that_ended_are_forgotten() {
    let mut bound = bound(serde_json::json!({"gap": "30m", "max_sessions": 2}));
    for minute in 0..100 {
        let user = format!("user {minute}");
        numbers(&mut bound, &rows(&[(&user, minute * 31)]));
    }
    let open = rows(&[("a", 10_000), ("b", 10_001), ("c", 10_002)]);
    let fault = testing::process(&mut bound, &open).expect_err("a fault");
    assert!(
        fault
            .to_string()
            .contains("more than 2 sessions are open at once")
    );
}

#[test]
fn times_at_the_ends_do_not_overflow() {
    let ends = TimestampNanosecondArray::from(vec![i64::MIN, i64::MAX]);
    let users = StringArray::from(vec!["a", "a"]);
    let columns: [(&str, ArrayRef); 2] = [("user", Arc::new(users)), ("at", Arc::new(ends))];
    let input = RecordBatch::try_from_iter(columns).expect("a batch");
    let done = testing::run::<Sessionize>(config(), &input).expect("sessions");
    assert_eq!(done.column(2).as_primitive::<Int64Type>().values(), &[1, 1]);
}

#[test]
fn wrong_configs_and_columns_are_refused_at_their_place() {
    for (config, pointer) in [
        (serde_json::json!({"gap": "30"}), "/gap"),
        (serde_json::json!({"gap": "0s"}), "/gap"),
        (serde_json::json!({"gap": "1s", "tolerance": "2s"}), "/tolerance"),
        (
            serde_json::json!({"gap": "1s", "max_sessions": 0}),
            "/max_sessions",
        ),
        (
            serde_json::json!({"gap": "1s", "session_started_at": "session_id"}),
            "/session_started_at",
        ),
        (
            serde_json::json!({"gap": "1s", "session_sequence": "session_id"}),
            "/session_sequence",
        ),
    ] {
        let fault = testing::run::<Sessionize>(config, &rows(&[]))
            .expect_err("a fault")
            .to_string();
        assert!(
            fault.starts_with(&format!("invalid config at {pointer}: ")),
            "{fault}"
        );
    }
    let seconds = record_batch!(("user", Utf8, ["a"]), ("at", Int64, [1])).expect("a batch");
    let fault = testing::run::<Sessionize>(config(), &seconds).expect_err("a fault");
    assert!(matches!(fault, Fault::InvalidSchema(_)));
    let users: ArrayRef = Arc::new(BooleanArray::from(vec![true]));
    let times: ArrayRef = Arc::new(TimestampSecondArray::from(vec![1]));
    let input = RecordBatch::try_from_iter([("user", users), ("at", times)]).expect("a batch");
    let fault = testing::run::<Sessionize>(config(), &input).expect_err("a fault");
    assert!(matches!(fault, Fault::InvalidSchema(_)));
    let whole = serde_json::json!({"gap": "1500ms"});
    let columns = record_batch!(("user", Utf8, ["a"])).expect("a batch");
    let times: ArrayRef = Arc::new(TimestampSecondArray::from(vec![1]));
    let input =
        RecordBatch::try_from_iter([("user", columns.column(0).clone()), ("at", times)]).expect("a batch");
    let fault = testing::run::<Sessionize>(whole, &input)
        .expect_err("a fault")
        .to_string();
    assert!(fault.contains("not a whole number of the time's unit"));
}
