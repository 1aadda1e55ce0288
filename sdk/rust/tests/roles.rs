//! Plugins of each role, run natively through `testing`: what the contract wants is found, and so is what breaks it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use serde_json::json;
use tidegate_sdk::check::Severity;
use tidegate_sdk::prelude::*;
use tidegate_sdk::sensor::Outcome;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Count {
    rows: i64,
}

/// Counts from 0. `FORGETS` makes a reader that takes no notice of its cursor.
struct Numbers<const FORGETS: bool> {
    at: i64,
    end: i64,
}

impl<const FORGETS: bool> Source for Numbers<FORGETS> {
    type Config = Count;
    type Cursor = i64;

    fn check(_: &Count) -> Result<(), Fault> {
        Ok(())
    }

    fn discover(_: &Count) -> Result<Vec<Stream>, Fault> {
        let columns = Schema::new(vec![Field::new("n", DataType::Int64, false)]);
        Ok(vec![Stream::new("numbers", columns).key(["n"]).incremental()])
    }

    fn open(config: Count, request: Request<i64>) -> Result<Self, Fault> {
        Ok(Self {
            at: request.cursor.filter(|_| !FORGETS).unwrap_or(0),
            end: config.rows,
        })
    }

    fn next(&mut self, max_rows: usize) -> Result<Option<Chunk<i64>>, Fault> {
        let end = self.end.min(self.at + max_rows as i64);
        if end == self.at {
            return Ok(None);
        }
        let numbers = Int64Array::from_iter_values(self.at..end);
        // More columns than asked for, in another order: the SDK picks.
        let rows = RecordBatch::try_from_iter([
            (
                "double",
                Arc::new(numbers.unary::<_, Int64Type>(|n| n * 2)) as ArrayRef,
            ),
            ("n", Arc::new(numbers) as ArrayRef),
        ])?;
        self.at = end;
        Ok(Some(Chunk::new(rows, end)))
    }
}

#[test]
fn a_source_is_read_to_its_end_and_from_each_cursor() {
    let rows = testing::read_from_each_cursor::<Numbers<false>>(json!({"rows": 10}), "numbers", 3).unwrap();
    let numbers = rows.column(0).as_primitive::<Int64Type>();
    assert_eq!(numbers.values(), &(0..10).collect::<Vec<_>>()[..]);
    assert_eq!(rows.num_columns(), 1);
    let empty = testing::read::<Numbers<false>>(json!({"rows": 0}), "numbers", 3).unwrap();
    assert_eq!(empty.num_rows(), 0);
}

#[test]
fn a_source_that_forgets_its_cursor_is_found() {
    let fault =
        testing::read_from_each_cursor::<Numbers<true>>(json!({"rows": 10}), "numbers", 3).unwrap_err();
    assert!(fault.to_string().contains("reading on from 3"), "{fault}");
}

#[test]
fn a_stream_that_is_not_there_and_a_wrong_config_are_faults_of_the_config() {
    let fault = testing::read::<Numbers<false>>(json!({"rows": 1}), "letters", 3).unwrap_err();
    assert!(fault.to_string().contains("`letters`"), "{fault}");
    let fault = testing::read::<Numbers<false>>(json!({"rows": 1, "size": 2}), "numbers", 3).unwrap_err();
    assert!(fault.to_string().contains("unknown field `size`"), "{fault}");
}

/// Sums a column. `FORGETS` makes one whose snapshot is empty.
struct Total<const FORGETS: bool>(i64);

#[derive(Deserialize, JsonSchema)]
struct Most {
    most: i64,
}

struct AtMost<const FORGETS: bool> {
    most: i64,
    total: Total<FORGETS>,
}

impl<const FORGETS: bool> Check for AtMost<FORGETS> {
    type Config = Most;

    fn bind(config: Most, input: &Input) -> Result<Self, Fault> {
        input.expect(0, &DataType::Int64)?;
        Ok(Self {
            most: config.most,
            total: Total(0),
        })
    }

    fn observe(&mut self, batch: &Batch) -> Result<(), Fault> {
        self.total.0 += batch.primitive::<Int64Type>(0)?.iter().flatten().sum::<i64>();
        Ok(())
    }

    fn snapshot(&self) -> Result<Option<Vec<u8>>, Fault> {
        if FORGETS {
            Ok(None)
        } else {
            state::save(&self.total.0)
        }
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), Fault> {
        self.total.0 = state::load(state)?;
        Ok(())
    }

    fn verdict(&mut self) -> Result<Verdict, Fault> {
        let total = self.total.0;
        let verdict = Verdict::new(total <= self.most, format!("the total is {total}")).warning();
        Ok(verdict.measure("total", total as f64))
    }
}

fn batches() -> [RecordBatch; 2] {
    [
        record_batch!(("n", Int64, [1, 2])).unwrap(),
        record_batch!(("n", Int64, [3])).unwrap(),
    ]
}

#[test]
fn a_check_sees_all_batches_whether_resumed_or_not() {
    let verdict = testing::verdict::<AtMost<false>>(json!({"most": 5}), &batches()).unwrap();
    assert!(!verdict.passed);
    assert_eq!(verdict.severity, Severity::Warn);
    assert_eq!(verdict.measures, [("total".to_owned(), 6.0)]);
    let fault = testing::verdict::<AtMost<true>>(json!({"most": 5}), &batches()).unwrap_err();
    assert!(fault.to_string().contains("goes on from its snapshot"), "{fault}");
}

/// Looks for numbers that it was told of.
struct Upto;

impl Sensor for Upto {
    type Config = Count;
    type Cursor = i64;

    fn evaluate(config: Count, cursor: Option<i64>) -> Result<Evaluation<i64>, Fault> {
        let from = cursor.unwrap_or(0);
        if from == config.rows {
            return Ok(Evaluation::skip("nothing new").cursor(from));
        }
        let runs = (from..config.rows).map(|n| RunRequest::new(n.to_string()).tag("n", n.to_string()));
        Ok(Evaluation::runs(runs).cursor(config.rows))
    }
}

#[test]
fn a_sensor_goes_on_from_its_cursor() {
    let first = testing::evaluate::<Upto>(json!({"rows": 2}), None).unwrap();
    let Outcome::Runs(runs) = &first.outcome else {
        panic!("{first:?}");
    };
    let keys: Vec<&str> = runs.iter().map(|run| run.key.as_str()).collect();
    assert_eq!(keys, ["0", "1"]);
    let second = testing::evaluate::<Upto>(json!({"rows": 2}), first.cursor.as_ref()).unwrap();
    assert_eq!(second.outcome, Outcome::Skip("nothing new".to_owned()));
}

thread_local! {
    /// What lies at the other side: committed rows, by the token of their batch.
    static STORE: std::cell::RefCell<std::collections::BTreeMap<String, Vec<i64>>> = const { std::cell::RefCell::new(std::collections::BTreeMap::new()) };
}

/// Holds back what is written until commit. `DOUBLES` makes one that takes no notice of tokens.
struct Store<const DOUBLES: bool>(Vec<(String, Vec<i64>)>);

impl<const DOUBLES: bool> Destination for Store<DOUBLES> {
    type Config = serde_json::Map<String, serde_json::Value>;
    type Staged = Vec<(String, Vec<i64>)>;

    fn check(_: &Self::Config) -> Result<(), Fault> {
        Ok(())
    }

    fn open(_: Self::Config, load: Load<Self::Staged>) -> Result<Self, Fault> {
        assert_eq!(load.mode, LoadMode::Append);
        Ok(Self(load.staged.unwrap_or_default()))
    }

    fn write(&mut self, batch: &Batch, token: &str) -> Result<(), Fault> {
        let values = batch
            .to_record_batch()
            .column(0)
            .as_primitive::<Int64Type>()
            .values()
            .to_vec();
        let token = if DOUBLES {
            format!("{token}-{}", self.0.len())
        } else {
            token.to_owned()
        };
        if self.0.iter().all(|(known, _)| *known != token) {
            self.0.push((token, values));
        }
        Ok(())
    }

    fn stage(&mut self) -> Result<Option<Self::Staged>, Fault> {
        Ok(Some(self.0.clone()))
    }

    fn commit(&mut self) -> Result<Receipt, Fault> {
        STORE.with_borrow_mut(|store| store.extend(self.0.iter().cloned()));
        Ok(Receipt {
            rows: self.0.iter().map(|(_, rows)| rows.len() as u64).sum(),
            bytes: None,
            location: "memory".to_owned(),
        })
    }
}

#[test]
fn a_load_comes_to_the_same_with_repeats_unless_tokens_are_ignored() {
    let whole = testing::load::<Store<false>>(json!({}), &batches()).unwrap();
    let repeated = testing::load_with_repeats::<Store<false>>(json!({}), &batches()).unwrap();
    assert_eq!((whole.rows, &repeated), (3, &whole));
    let rows = STORE.with_borrow(|store| store.values().flatten().copied().collect::<Vec<_>>());
    assert_eq!(rows, [1, 2, 3]);
    let doubled = testing::load_with_repeats::<Store<true>>(json!({}), &batches()).unwrap();
    assert_eq!(doubled.rows, 6);
}

/// Holds rows back until the end. `FORGETS` makes one without a snapshot.
struct Held<const FORGETS: bool>(Vec<i64>);

impl<const FORGETS: bool> Transform for Held<FORGETS> {
    type Config = serde_json::Map<String, serde_json::Value>;

    fn bind(_: Self::Config, _: &Input) -> Result<Self, Fault> {
        Ok(Self(Vec::new()))
    }

    fn shape(&self) -> Shape {
        Shape::instead([made("n", DataType::Int64).from([0])])
    }

    fn process(&mut self, batch: &Batch) -> Result<Processed, Fault> {
        self.0.extend(batch.primitive::<Int64Type>(0)?.values());
        Ok(Processed::nothing().absorbing())
    }

    fn finish(&mut self) -> Result<Vec<Output>, Fault> {
        Ok(vec![Output::rows(
            self.0.len(),
            [Int64Array::from(self.0.clone())],
        )])
    }

    fn snapshot(&self) -> Result<Option<Vec<u8>>, Fault> {
        if FORGETS { Ok(None) } else { state::save(&self.0) }
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), Fault> {
        self.0 = state::load(state)?;
        Ok(())
    }
}

#[test]
fn a_transform_gives_what_it_held_and_must_save_it() {
    let rows = testing::run_all::<Held<false>>(json!({}), &batches()).unwrap();
    assert_eq!(rows.column(0).as_primitive::<Int64Type>().values(), &[1, 2, 3]);
    let fault = testing::run_all::<Held<true>>(json!({}), &batches()).unwrap_err();
    assert!(fault.to_string().contains("goes on from its snapshot"), "{fault}");
}

#[test]
fn the_schema_of_several_roles_is_any_of_theirs() {
    use tidegate_sdk::export;
    let count = export::source::schema::<Numbers<false>>();
    let same = export::schema([count.clone(), export::sensor::schema::<Upto>()]);
    assert_eq!(same, count.as_value().to_string());
    let both: serde_json::Value =
        serde_json::from_str(&export::schema([count, export::check::schema::<AtMost<false>>()])).unwrap();
    assert_eq!(both["anyOf"][1]["title"], "Most");
}
