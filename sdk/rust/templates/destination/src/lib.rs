//! Shows the first rows of each batch in the log of the run, and keeps nothing: to see what would be loaded.

use tidegate_sdk::prelude::*;

/// What `config` of the resource holds.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// How many rows of each batch are shown.
    #[serde(default = "default_rows")]
    rows: usize,
}

fn default_rows() -> usize {
    5
}

/// What a later attempt at the same load goes on from.
#[derive(Serialize, Deserialize, Default, Clone)]
pub struct Seen {
    /// The token of the batch that came last. Batches come in order, so a repeated one is this.
    last: Option<String>,
    rows: u64,
}

/// A writer of one load.
pub struct Show {
    config: Config,
    asset: String,
    seen: Seen,
}

impl Destination for Show {
    type Config = Config;
    type Staged = Seen;

    fn check(config: &Config) -> Result<(), Fault> {
        if config.rows > 50 {
            // The host keeps 100 lines of a call.
            return Err(Fault::config("/rows", "at most 50 rows of a batch can be shown"));
        }
        Ok(())
    }

    fn open(config: Config, load: Load<Seen>) -> Result<Self, Fault> {
        Self::check(&config)?;
        Ok(Self {
            config,
            asset: load.asset,
            seen: load.staged.unwrap_or_default(),
        })
    }

    fn write(&mut self, batch: &Batch, token: &str) -> Result<(), Fault> {
        if self.seen.last.as_deref() == Some(token) {
            return Ok(());
        }
        let rows = batch.to_record_batch();
        for row in 0..rows.num_rows().min(self.config.rows) {
            log::info(format!("{}: {:?}", self.asset, rows.slice(row, 1).columns()));
        }
        self.seen.rows += batch.rows() as u64;
        self.seen.last = Some(token.to_owned());
        Ok(())
    }

    fn stage(&mut self) -> Result<Option<Seen>, Fault> {
        Ok(Some(self.seen.clone()))
    }

    fn commit(&mut self) -> Result<Receipt, Fault> {
        Ok(Receipt {
            rows: self.seen.rows,
            bytes: None,
            location: "the log of the run".to_owned(),
        })
    }
}

tidegate_sdk::export_destination!(Show);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_counted_once_however_often_they_come() -> Result<(), Fault> {
        let batches = [
            record_batch!(("id", Int64, [1, 2]), ("name", Utf8, [Some("a"), None]))?,
            record_batch!(("id", Int64, [3]), ("name", Utf8, [Some("c")]))?,
        ];
        let config = || serde_json::json!({"rows": 1});
        assert_eq!(testing::load::<Show>(config(), &batches)?.rows, 3);
        assert_eq!(testing::load_with_repeats::<Show>(config(), &batches)?.rows, 3);
        Ok(())
    }

    #[test]
    fn more_rows_than_the_log_takes_are_refused() -> Result<(), Fault> {
        let batch = record_batch!(("id", Int64, [1]))?;
        let fault = testing::load::<Show>(serde_json::json!({"rows": 51}), &[batch]).err();
        assert_eq!(
            fault,
            Some(Fault::config("/rows", "at most 50 rows of a batch can be shown"))
        );
        Ok(())
    }
}
