//! Fails where a larger share of a column's values is missing than `most`. It looks at each column of `reads`.

use tidegate_sdk::prelude::*;

/// What `config` of the check holds.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The largest share of missing values that is all right, 0 to 1.
    most: f64,
}

/// The bound check.
pub struct Missing {
    most: f64,
    names: Vec<String>,
    seen: Seen,
}

/// What was seen so far.
#[derive(Serialize, Deserialize)]
struct Seen {
    rows: usize,
    /// Missing values of each column.
    missing: Vec<usize>,
}

impl Check for Missing {
    type Config = Config;

    fn bind(config: Config, input: &Input) -> Result<Self, Fault> {
        if !(0.0..=1.0).contains(&config.most) {
            return Err(Fault::config(
                "/most",
                format!("{} is no share from 0 to 1", config.most),
            ));
        }
        let names: Vec<String> = input
            .schema()
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect();
        Ok(Self {
            most: config.most,
            seen: Seen {
                rows: 0,
                missing: vec![0; names.len()],
            },
            names,
        })
    }

    fn observe(&mut self, batch: &Batch) -> Result<(), Fault> {
        self.seen.rows += batch.rows();
        for (column, missing) in self.seen.missing.iter_mut().enumerate() {
            *missing += batch.column(column).null_count();
        }
        Ok(())
    }

    fn snapshot(&self) -> Result<Option<Vec<u8>>, Fault> {
        state::save(&self.seen)
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), Fault> {
        self.seen = state::load(state)?;
        Ok(())
    }

    fn verdict(&mut self) -> Result<Verdict, Fault> {
        let shares: Vec<f64> = self
            .seen
            .missing
            .iter()
            .map(|&missing| share(missing, self.seen.rows))
            .collect();
        let bad: Vec<String> = self
            .names
            .iter()
            .zip(&shares)
            .filter(|(_, share)| **share > self.most)
            .map(|(name, share)| format!("`{name}` {:.1} %", share * 100.0))
            .collect();
        let message = if bad.is_empty() {
            format!(
                "at most {:.1} % of each column's values are missing",
                self.most * 100.0
            )
        } else {
            format!(
                "more than {:.1} % of values are missing: {}",
                self.most * 100.0,
                bad.join(", ")
            )
        };
        let verdict = Verdict::new(bad.is_empty(), message);
        let measures = self.names.iter().zip(shares);
        Ok(measures.fold(verdict, |verdict, (name, share)| {
            verdict.measure(format!("{name}.missing"), share)
        }))
    }
}

/// The share of some in all; of nothing, none.
fn share(some: usize, all: usize) -> f64 {
    if all == 0 { 0.0 } else { some as f64 / all as f64 }
}

tidegate_sdk::export_check!(Missing);

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(most: f64) -> Result<Verdict, Fault> {
        let batches = [
            record_batch!(("id", Int64, [1, 2]), ("name", Utf8, [Some("a"), None]))?,
            record_batch!(("id", Int64, [3, 4]), ("name", Utf8, [Some("c"), Some("d")]))?,
        ];
        testing::verdict::<Missing>(serde_json::json!({"most": most}), &batches)
    }

    #[test]
    fn the_share_of_all_batches_decides() -> Result<(), Fault> {
        assert!(verdict(0.25)?.passed);
        let failed = verdict(0.2)?;
        assert!(
            !failed.passed && failed.message.contains("`name` 25.0 %"),
            "{}",
            failed.message
        );
        assert_eq!(failed.measures[1], ("name.missing".to_owned(), 0.25));
        Ok(())
    }

    #[test]
    fn a_share_beyond_one_is_refused() {
        let fault = verdict(1.5).err();
        assert_eq!(fault, Some(Fault::config("/most", "1.5 is no share from 0 to 1")));
    }
}
