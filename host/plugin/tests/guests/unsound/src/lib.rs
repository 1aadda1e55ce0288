//! Breaks one rule of the contract that only more than one call shows, as its config says: `reads: [n]` of int64,
//! `writes: [made]`, the number doubled.

use std::collections::HashSet;

use tidegate_sdk::prelude::*;

/// Which rule to break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// None: everything is as it must be.
    None,
    /// What comes out depends on the time.
    Clock,
    /// What comes out depends on random numbers, as the order of a hash set does.
    Random,
    /// It counts rows, and says that it has no state.
    Forgets,
    /// It has state, and does not take it over.
    Ignores,
    /// It has no state, and what comes out depends on where batches end.
    Batches,
    /// It rejects a row and keeps it.
    Counts,
    /// It traps on a batch without rows.
    Empty,
    /// It answers a fault to a batch without rows.
    Emptiness,
    /// It traps on a batch of one row.
    Single,
    /// It asks for more memory than there is on a large batch.
    Memory,
    /// It traps on a missing value.
    Nulls,
    /// It traps on a key of the config that it does not know.
    Unknown,
    /// It traps on a value of the config that has another type.
    Config,
    /// It traps where a column is missing.
    Missing,
    /// It traps on a column too many.
    Extra,
    /// It traps on a column of another type.
    Types,
    /// It makes a column that nobody was told of.
    Unseen,
}

/// The config.
#[derive(Deserialize, JsonSchema)]
pub struct Config {
    /// The rule.
    breaks: serde_json::Value,
    /// Whatever else there is.
    #[serde(flatten)]
    rest: serde_json::Map<String, serde_json::Value>,
}

/// The bound transform.
pub struct Unsound {
    rule: Rule,
    rows: i64,
}

impl Transform for Unsound {
    type Config = Config;

    fn bind(config: Config, input: &Input) -> Result<Self, Fault> {
        let rule = match serde_json::from_value(config.breaks.clone()) {
            Ok(rule) => rule,
            // The others of its kind are told apart by a second key.
            Err(error) => {
                assert!(
                    !config.rest.contains_key("trap"),
                    "no such rule: {}",
                    config.breaks
                );
                return Err(Fault::config("/breaks", error.to_string()));
            }
        };
        assert!(
            rule != Rule::Unknown || config.rest.is_empty(),
            "no such key: {:?}",
            config.rest
        );
        let fields = input.schema().fields();
        assert!(rule != Rule::Missing || !fields.is_empty(), "there is no column");
        assert!(rule != Rule::Extra || fields.len() < 2, "there are more columns");
        input.expect_columns(1, "a number")?;
        if rule != Rule::Types {
            input.expect(0, &DataType::Int64)?;
        }
        Ok(Self { rule, rows: 0 })
    }

    fn shape(&self) -> Shape {
        let double = made("made", DataType::Int64).from([0]);
        match self.rule {
            Rule::Unseen => Shape::beside([double, made("other", DataType::Int64).from([0])]),
            _ => Shape::beside([double]),
        }
    }

    fn process(&mut self, batch: &Batch) -> Result<Processed, Fault> {
        let numbers = batch.column(0).as_primitive::<Int64Type>().clone();
        let double = numbers.unary::<_, Int64Type>(|number| number.wrapping_mul(2));
        let rows = batch.rows();
        match self.rule {
            Rule::Empty => assert!(rows > 0, "a batch without rows"),
            Rule::Emptiness if rows == 0 => return Err(Fault::data("a batch without rows")),
            Rule::Single => assert!(rows != 1, "a batch of one row"),
            Rule::Nulls => assert!(numbers.null_count() == 0, "a missing value"),
            Rule::Memory if rows > 1_000 => {
                let held = vec![1_u8; 1 << 30];
                std::hint::black_box(&held);
            }
            _ => {}
        }
        let one = |value: i64| vec![value; rows].into_iter().map(Some).collect::<Int64Array>();
        let values = match self.rule {
            Rule::Clock => {
                let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
                one(now.map_or(0, |since| since.as_secs() as i64))
            }
            Rule::Random => {
                let order: HashSet<i64> = (0..64).collect();
                one(order.into_iter().next().unwrap_or_default())
            }
            Rule::Forgets | Rule::Ignores => (self.rows..self.rows + rows as i64).map(Some).collect(),
            Rule::Batches => (0..rows as i64).map(Some).collect(),
            _ => double.clone(),
        };
        self.rows += rows as i64;
        let mut done: Processed = match self.rule {
            Rule::Unseen => Output::all([values, double]).into(),
            Rule::Counts => Output::take((0..rows as u32).collect(), [values]).into(),
            _ => Output::all([values]).into(),
        };
        if self.rule == Rule::Counts && rows > 0 {
            done.reject(0, "unsound.kept", "rejected and kept");
        }
        Ok(done)
    }

    fn snapshot(&self) -> Result<Option<Vec<u8>>, Fault> {
        Ok((self.rule == Rule::Ignores).then(|| self.rows.to_le_bytes().to_vec()))
    }

    fn restore(&mut self, _: &[u8]) -> Result<(), Fault> {
        Ok(())
    }
}

tidegate_sdk::export_transform!(Unsound);
