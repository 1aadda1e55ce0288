//! A source of numbers, a destination that only counts, a check of missing values and a sensor of new numbers, as plugins
//! should be.

use tidegate_sdk::prelude::*;

/// What every role is told; each looks at its own part.
#[allow(clippy::struct_excessive_bools, reason = "each turns one way of working on")]
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The numbers end before this one.
    end: i64,
    /// Numbers a page at most.
    page: i64,
    /// Fails for now at the first try of every page.
    busy: bool,
    /// Gives up at this number; anything that is no number for never.
    breaks_at: String,
    /// The source gives no cursor.
    whole: bool,
    /// The destination cannot hold back what it was given.
    shows_at_once: bool,
    /// Missing values that the check allows.
    allowed: u64,
    /// The check only warns.
    warns: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            end: 100,
            page: 1_000,
            busy: false,
            breaks_at: String::new(),
            whole: false,
            shows_at_once: false,
            allowed: 0,
            warns: false,
        }
    }
}

/// 2024-01-01T00:00:00Z; the number `n` happened `n` minutes later.
const START_MS: i64 = 1_704_067_200_000;
const MINUTE_MS: i64 = 60_000;

/// The numbers from 0 on.
pub struct Numbers {
    config: Config,
    next: i64,
    end: i64,
    tried: bool,
}

fn columns() -> Schema {
    Schema::new(vec![
        Field::new("n", DataType::Int64, false),
        Field::new("label", DataType::Utf8, true),
        Field::new(
            "at",
            DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
            false,
        ),
    ])
}

impl Source for Numbers {
    type Config = Config;
    type Cursor = Option<i64>;

    fn check(config: &Config) -> Result<(), Fault> {
        if config.end < 0 {
            return Err(Fault::config("/end", "must not be negative"));
        }
        Ok(())
    }

    fn discover(_: &Config) -> Result<Vec<Stream>, Fault> {
        Ok(vec![
            Stream::new("numbers", columns())
                .description("A row a number.")
                .key(["n"])
                .incremental(),
        ])
    }

    fn open(config: Config, request: Request<Option<i64>>) -> Result<Self, Fault> {
        if request.stream != "numbers" {
            return Err(request.unknown_stream(&["numbers"]));
        }
        let (mut start, mut end) = (0, config.end);
        if let Some(slice) = &request.partition {
            let minutes = |ms: i64| (ms - START_MS).div_euclid(MINUTE_MS);
            start = minutes(slice.start_ms).max(0);
            end = end.min(minutes(slice.end_ms));
        }
        let next = request.cursor.flatten().unwrap_or(start);
        log::info(format!("reads {} columns from {next} on", request.columns.len()));
        Ok(Self {
            config,
            next,
            end,
            tried: false,
        })
    }

    fn next(&mut self, max_rows: usize) -> Result<Option<Chunk<Option<i64>>>, Fault> {
        if self.config.busy && !std::mem::replace(&mut self.tried, true) {
            return Err(Fault::Retryable {
                message: "busy".into(),
                after_ms: Some(5),
            });
        }
        self.tried = false;
        let from = self.next;
        let to = self.end.min(from + self.config.page.min(max_rows as i64));
        if let Ok(at) = self.config.breaks_at.parse::<i64>()
            && to > at
        {
            return Err(Fault::fatal(format!(
                "told to break at {}",
                self.config.breaks_at
            )));
        }
        if from >= to {
            return Ok(None);
        }
        self.next = to;
        let labels: StringArray = (from..to)
            .map(|n| (n % 10 != 0).then(|| format!("number {n}")))
            .collect();
        let at = TimestampMillisecondArray::from_iter_values((from..to).map(|n| START_MS + n * MINUTE_MS));
        let rows = RecordBatch::try_new(
            Arc::new(columns()),
            vec![
                Arc::new(Int64Array::from_iter_values(from..to)),
                Arc::new(labels),
                Arc::new(at.with_timezone("UTC")),
            ],
        )
        .map_err(|error| Fault::fatal(error.to_string()))?;
        Ok(Some(Chunk::new(rows, (!self.config.whole).then_some(to))))
    }
}

/// Counts what it is given, and says so in the log.
pub struct Counting {
    shows_at_once: bool,
    seen: Seen,
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
        log::info(format!(
            "opens {:?} key {} staged {}",
            load.mode,
            load.key.join(" "),
            load.staged.as_ref().map_or(0, |seen| seen.rows)
        ));
        Ok(Self {
            shows_at_once: config.shows_at_once,
            seen: load.staged.unwrap_or_default(),
        })
    }

    fn write(&mut self, batch: &Batch, token: &str) -> Result<(), Fault> {
        if token == self.seen.last_token {
            return Ok(());
        }
        let place = token.split_once('-').map_or("", |(_, place)| place);
        log::info(format!("writes {} rows, {place}", batch.rows()));
        self.seen.rows += batch.rows() as u64;
        token.clone_into(&mut self.seen.last_token);
        Ok(())
    }

    fn stage(&mut self) -> Result<Option<Seen>, Fault> {
        Ok((!self.shows_at_once).then(|| self.seen.clone()))
    }

    fn commit(&mut self) -> Result<Receipt, Fault> {
        Ok(Receipt {
            rows: self.seen.rows,
            bytes: None,
            location: "nowhere".into(),
        })
    }
}

/// Counts missing values of the first column that it is shown.
pub struct Missing {
    config: Config,
    counted: (u64, u64),
}

impl Check for Missing {
    type Config = Config;

    fn bind(config: Config, input: &Input) -> Result<Self, Fault> {
        input.expect_columns(1, "the column whose values must be there")?;
        Ok(Self {
            config,
            counted: (0, 0),
        })
    }

    fn observe(&mut self, batch: &Batch) -> Result<(), Fault> {
        self.counted.0 += batch.rows() as u64;
        self.counted.1 += batch.column(0).null_count() as u64;
        Ok(())
    }

    fn snapshot(&self) -> Result<Option<Vec<u8>>, Fault> {
        state::save(&self.counted)
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.counted = state::load(bytes)?;
        Ok(())
    }

    fn verdict(&mut self) -> Result<Verdict, Fault> {
        let (rows, missing) = self.counted;
        let verdict = Verdict::new(
            missing <= self.config.allowed,
            format!("{missing} values are missing"),
        )
        .measure("rows", rows as f64)
        .measure("missing", missing as f64);
        Ok(if self.config.warns {
            verdict.warning()
        } else {
            verdict
        })
    }
}

/// Asks for a run for each hundred numbers, and remembers.
pub struct Hundreds;

impl Sensor for Hundreds {
    type Config = Config;
    type Cursor = i64;

    fn evaluate(config: Config, cursor: Option<i64>) -> Result<Evaluation<i64>, Fault> {
        let (seen, there) = (cursor.unwrap_or(0), config.end / 100);
        if seen >= there {
            return Ok(Evaluation::skip(format!("no more than {there} hundreds")).cursor(seen));
        }
        let runs = (seen..there).map(|hundred| RunRequest::new(format!("hundred-{hundred}")));
        Ok(Evaluation::runs(runs).cursor(there))
    }
}

tidegate_sdk::export_plugin!(source: Numbers, destination: Counting, check: Missing, sensor: Hundreds);
