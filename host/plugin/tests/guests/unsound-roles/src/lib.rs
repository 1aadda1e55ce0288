//! A source of ten numbers, a destination that counts, a check of rows and a sensor of tens, each of which breaks one rule
//! that only more than one call shows, as its config says.

use std::sync::atomic::{AtomicI64, Ordering};

use tidegate_sdk::prelude::*;

/// What every role is told; each looks at its own rules.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    breaks: Rule,
}

/// Which rule to break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// None: everything is as it must be.
    None,
    /// The source: its cursor stands in front of the last row.
    Cursor,
    /// The source: a page of one row loses a row.
    Pages,
    /// The source: it does not list the stream that it reads.
    Unlisted,
    /// The destination: rows written again under their token are counted again.
    Tokens,
    /// The destination: what was staged is not taken over.
    Staged,
    /// The destination: a second commit fails.
    Commits,
    /// The destination: it traps where nothing was written.
    Nothing,
    /// The check: it remembers rows, and says that it remembers nothing.
    Forgets,
    /// The sensor: it remembers looks beside its cursor.
    Looks,
    /// The sensor: it does not take its own cursor.
    Round,
}

/// How many numbers there are.
const END: i64 = 10;

/// The numbers from 0 on.
pub struct Numbers {
    rule: Rule,
    next: i64,
}

impl Source for Numbers {
    type Config = Config;
    type Cursor = i64;

    fn check(_: &Config) -> Result<(), Fault> {
        Ok(())
    }

    fn discover(config: &Config) -> Result<Vec<Stream>, Fault> {
        let columns = Schema::new(vec![
            Field::new("n", DataType::Int64, false),
            Field::new("double", DataType::Int64, false),
        ]);
        let name = if config.breaks == Rule::Unlisted {
            "others"
        } else {
            "numbers"
        };
        Ok(vec![Stream::new(name, columns).incremental()])
    }

    fn open(config: Config, request: Request<i64>) -> Result<Self, Fault> {
        Ok(Self {
            rule: config.breaks,
            next: request.cursor.unwrap_or(0),
        })
    }

    fn next(&mut self, max_rows: usize) -> Result<Option<Chunk<i64>>, Fault> {
        if self.rule == Rule::Pages && max_rows == 1 && self.next == 5 {
            self.next += 1;
        }
        let (from, to) = (self.next, END.min(self.next + max_rows as i64));
        if from >= to {
            return Ok(None);
        }
        self.next = to;
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from_iter_values(from..to)),
            Arc::new(Int64Array::from_iter_values((from..to).map(|n| n * 2))),
        ];
        let names = ["n", "double"].into_iter().zip(columns);
        let rows = RecordBatch::try_from_iter(names).map_err(|error| Fault::fatal(error.to_string()))?;
        let cursor = if self.rule == Rule::Cursor { to - 1 } else { to };
        Ok(Some(Chunk::new(rows, cursor)))
    }
}

/// Counts what it is given.
pub struct Counting {
    rule: Rule,
    seen: Seen,
    committed: bool,
}

/// What was written so far.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Seen {
    rows: u64,
    last_token: String,
}

impl Destination for Counting {
    type Config = Config;
    type Staged = Seen;

    fn check(_: &Config) -> Result<(), Fault> {
        Ok(())
    }

    fn open(config: Config, load: Load<Seen>) -> Result<Self, Fault> {
        let staged = load.staged.filter(|_| config.breaks != Rule::Staged);
        Ok(Self {
            rule: config.breaks,
            seen: staged.unwrap_or_default(),
            committed: false,
        })
    }

    fn write(&mut self, batch: &Batch, token: &str) -> Result<(), Fault> {
        if token != self.seen.last_token || self.rule == Rule::Tokens {
            self.seen.rows += batch.rows() as u64;
        }
        token.clone_into(&mut self.seen.last_token);
        Ok(())
    }

    fn stage(&mut self) -> Result<Option<Seen>, Fault> {
        Ok(Some(self.seen.clone()))
    }

    fn commit(&mut self) -> Result<Receipt, Fault> {
        assert!(
            self.rule != Rule::Nothing || !self.seen.last_token.is_empty(),
            "nothing was written"
        );
        if self.rule == Rule::Commits && std::mem::replace(&mut self.committed, true) {
            return Err(Fault::fatal("was committed"));
        }
        Ok(Receipt {
            rows: self.seen.rows,
            bytes: None,
            location: "nowhere".into(),
        })
    }
}

/// Counts rows.
pub struct Rows {
    rule: Rule,
    rows: u64,
}

impl Check for Rows {
    type Config = Config;

    fn bind(config: Config, _: &Input) -> Result<Self, Fault> {
        Ok(Self {
            rule: config.breaks,
            rows: 0,
        })
    }

    fn observe(&mut self, batch: &Batch) -> Result<(), Fault> {
        self.rows += batch.rows() as u64;
        Ok(())
    }

    fn snapshot(&self) -> Result<Option<Vec<u8>>, Fault> {
        match self.rule {
            Rule::Forgets => Ok(None),
            _ => state::save(&self.rows),
        }
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.rows = state::load(bytes)?;
        Ok(())
    }

    fn verdict(&mut self) -> Result<Verdict, Fault> {
        Ok(Verdict::new(self.rows > 0, "counted").measure("rows", self.rows as f64))
    }
}

/// Looks of this instance.
static LOOKS: AtomicI64 = AtomicI64::new(0);

/// Asks for a run at each look.
pub struct Looks;

impl Sensor for Looks {
    type Config = Config;
    type Cursor = i64;

    fn evaluate(config: Config, cursor: Option<i64>) -> Result<Evaluation<i64>, Fault> {
        let looks = LOOKS.fetch_add(1, Ordering::Relaxed);
        let seen = cursor.unwrap_or(0);
        assert!(config.breaks != Rule::Round || seen == 0, "a cursor of {seen}");
        let number = if config.breaks == Rule::Looks { looks } else { seen };
        Ok(Evaluation::runs([RunRequest::new(format!("look-{number}"))]).cursor(seen + 1))
    }
}

tidegate_sdk::export_plugin!(source: Numbers, destination: Counting, check: Rows, sensor: Looks);
