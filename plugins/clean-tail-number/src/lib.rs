//! Cleans aircraft tail numbers: `reads: [tailnum]`, `writes: [tailnum]`.
//!
//! Spaces go and letters become capitals. What is then no number that the FAA can have given is rejected: `N`, a digit
//! from 1 to 9, then up to four more, of which the last one or two may be letters other than `I` and `O`
//! (14 CFR 45.23 and 47.15). A missing number stays missing.

use tidegate_sdk::prelude::*;

/// What the plugin may be told.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The column to write.
    #[serde(default = "default_output")]
    output: String,
}

fn default_output() -> String {
    "tailnum".into()
}

/// The bound transform.
pub struct CleanTailNumber(Config);

impl Transform for CleanTailNumber {
    type Config = Config;

    fn bind(config: Config, input: &Input) -> Result<Self, Fault> {
        input.expect_columns(1, "the tail number")?;
        input.expect(0, &DataType::Utf8)?;
        Ok(Self(config))
    }

    fn shape(&self) -> Shape {
        Shape::beside([made(&self.0.output, DataType::Utf8).from([0])])
    }

    fn process(&mut self, batch: &Batch) -> Result<Processed, Fault> {
        let numbers = batch.string(0)?;
        let mut bad = Vec::new();
        let mut clean = builder::StringBuilder::with_capacity(numbers.len(), numbers.values().len());
        let mut text = String::new();
        for (row, number) in numbers.iter().enumerate() {
            let Some(number) = number else {
                clean.append_null();
                continue;
            };
            text.clear();
            text.extend(
                number
                    .chars()
                    .filter(|c| !c.is_whitespace())
                    .map(|c| c.to_ascii_uppercase()),
            );
            if !possible(&text) {
                bad.push((row, format!("`{text}` is no number that the FAA gives")));
            }
            clean.append_value(&text);
        }
        let mut done: Processed = Output::all([clean.finish()]).into();
        for (row, message) in bad {
            done.reject(row, "tail_number.invalid", message);
        }
        Ok(done)
    }
}

/// Whether the FAA can have given a number.
fn possible(number: &str) -> bool {
    let letter = |c: &u8| c.is_ascii_uppercase() && !matches!(c, b'I' | b'O');
    match number.as_bytes() {
        [b'N', rest @ ..] if (1..=5).contains(&rest.len()) => {
            let digits = rest.iter().take_while(|c| c.is_ascii_digit()).count();
            let letters = &rest[digits..];
            digits > 0 && rest[0] != b'0' && letters.len() <= 2 && letters.iter().all(letter)
        }
        _ => false,
    }
}

tidegate_sdk::export_transform!(CleanTailNumber);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_cleaned_and_impossible_ones_rejected() {
        let input = record_batch!((
            "tailnum",
            Utf8,
            [
                Some(" n102uw "),
                None,
                Some("D942DN"),
                Some("N1"),
                Some("N0AB"),
                Some("N1234AB"),
                Some("N12IO")
            ]
        ))
        .expect("a batch");
        let (clean, rejects) =
            testing::run_with_rejects::<CleanTailNumber>(serde_json::json!({}), &input).expect("a result");
        let clean: Vec<_> = clean.column(0).as_string::<i32>().iter().collect();
        assert_eq!(clean, [Some("N102UW"), None, Some("N1")]);
        assert_eq!(
            rejects.iter().map(|reject| reject.row).collect::<Vec<_>>(),
            [2, 4, 5, 6]
        );
        assert_eq!(rejects[0].message, "`D942DN` is no number that the FAA gives");
    }
}
