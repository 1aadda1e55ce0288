//! Hashes or masks columns of text, so that what goes on can be joined and counted but names nobody.
//!
//! Each entry of `columns` reads one granted column and writes one: a keyed hash, a hash, the last few characters, the
//! domain of an e-mail address, or a fixed text. A missing value stays missing.

mod method;

use arrow_buffer::{BooleanBufferBuilder, NullBuffer, OffsetBuffer, ScalarBuffer};
use method::{BadValue, Write};
use tidegate_sdk::prelude::*;

/// What the plugin may be told.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The key of `hmac_sha256`, and what `sha256` puts before each value. Give it as `${secret:NAME}`.
    salt: Option<String>,
    /// What to write, one column each.
    columns: Vec<Column>,
    /// What becomes of a row whose value the method cannot take.
    #[serde(default)]
    on_bad: OnBad,
}

/// A column to write.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// The column to read.
    name: String,
    /// The column to write; the one that is read unless told, which then is replaced.
    output: Option<String>,
    /// What becomes of a value.
    method: Method,
    /// Whether white space at both ends goes first.
    #[serde(default)]
    trim: bool,
    /// Whether letters become small ones first, those beyond ASCII too.
    #[serde(default)]
    lowercase: bool,
    /// How many characters `keep_last` leaves.
    keep: Option<u32>,
    /// What `redact` writes, and what `keep_last` writes for each character that goes; `[redacted]` and `*` unless
    /// told.
    replacement: Option<String>,
}

/// What becomes of a value.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// HMAC-SHA-256 under the salt, as 64 hexadecimal digits.
    HmacSha256,
    /// SHA-256 of the salt, if there is one, and the value, as 64 hexadecimal digits.
    Sha256,
    /// The last `keep` characters; a value of no more is masked whole.
    KeepLast,
    /// What stands behind the `@` of an e-mail address.
    KeepDomain,
    /// A fixed text.
    Redact,
}

/// What becomes of a row whose value the method cannot take.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnBad {
    /// It is refused.
    #[default]
    Reject,
    /// The written column is missing in it.
    Null,
}

/// The bound transform.
pub struct HashColumns {
    columns: Vec<Bound>,
    /// The granted columns that are read, each once.
    read: Vec<usize>,
    on_bad: OnBad,
}

struct Bound {
    /// A place in `HashColumns::read`.
    source: usize,
    output: String,
    trim: bool,
    lowercase: bool,
    write: Write,
}

impl Transform for HashColumns {
    type Config = Config;

    fn bind(config: Config, input: &Input) -> Result<Self, Fault> {
        if config.columns.is_empty() {
            return Err(Fault::config("/columns", "name at least one column"));
        }
        let mut read = Vec::new();
        let mut columns: Vec<Bound> = Vec::new();
        for (index, column) in config.columns.into_iter().enumerate() {
            let at = |key: &str| format!("/columns/{index}/{key}");
            let place = input
                .find(&column.name)
                .map_err(|fault| Fault::config(at("name"), fault.to_string()))?;
            input.expect(place, &DataType::Utf8)?;
            let source = read.iter().position(|known| *known == place).unwrap_or_else(|| {
                read.push(place);
                read.len() - 1
            });
            let write = Write::new(&column, config.salt.as_deref(), at)?;
            let output = column.output.unwrap_or(column.name);
            if columns.iter().any(|other| other.output == output) {
                let message = format!("`{output}` is written twice");
                return Err(Fault::config(at("output"), message));
            }
            columns.push(Bound {
                source,
                output,
                trim: column.trim,
                lowercase: column.lowercase,
                write,
            });
        }
        Ok(Self {
            columns,
            read,
            on_bad: config.on_bad,
        })
    }

    fn shape(&self) -> Shape {
        Shape::beside(
            self.columns
                .iter()
                .map(|column| made(&column.output, DataType::Utf8).from([self.read[column.source]])),
        )
    }

    fn process(&mut self, batch: &Batch) -> Result<Processed, Fault> {
        let read = self
            .read
            .iter()
            .map(|place| batch.string(*place))
            .collect::<Result<Vec<_>, _>>()?;
        let mut bad = Vec::new();
        let mut made = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            let (array, refused) = column.array(&read[column.source])?;
            bad.extend(refused.into_iter().map(|(row, why)| (row, why, &column.output)));
            made.push(array);
        }
        let mut done: Processed = Output::all(made).into();
        if self.on_bad == OnBad::Reject {
            bad.sort_by_key(|(row, ..)| *row);
            bad.dedup_by_key(|(row, ..)| *row);
            for (row, why, output) in bad {
                done.reject(row, why.code(), format!("for `{output}`: {}", why.message()));
            }
        }
        Ok(done)
    }
}

type Refused = Vec<(usize, BadValue)>;

impl Bound {
    /// The written column, and the rows whose value could not be taken, which are missing in it.
    fn array(&self, values: &StringArray) -> Result<(StringArray, Refused), Fault> {
        let mut offsets = Vec::with_capacity(values.len() + 1);
        let mut bytes = Vec::with_capacity(self.write.expected_bytes(values));
        let mut bad = Vec::new();
        let mut scratch = String::new();
        offsets.push(0);
        for row in 0..values.len() {
            if values.is_valid(row) {
                let text = self.normal(values.value(row), &mut scratch);
                if let Err(why) = self.write.append(text, &mut bytes) {
                    bad.push((row, why));
                }
            }
            let end = i32::try_from(bytes.len()).map_err(|_| {
                let message = format!("`{}` comes to more than 2 GiB in one batch", self.output);
                Fault::data(message)
            })?;
            offsets.push(end);
        }
        let nulls = without(values.nulls(), values.len(), &bad);
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        Ok((StringArray::try_new(offsets, bytes.into(), nulls)?, bad))
    }

    fn normal<'a>(&self, text: &'a str, scratch: &'a mut String) -> &'a str {
        let text = if self.trim { text.trim() } else { text };
        if !self.lowercase {
            return text;
        }
        scratch.clear();
        if text.is_ascii() {
            scratch.push_str(text);
            scratch.make_ascii_lowercase();
        } else {
            // Not `char::to_lowercase`: the small letter of a capital sigma hangs on what follows it.
            scratch.push_str(&text.to_lowercase());
        }
        scratch
    }
}

/// The missing values, with the bad ones among them.
fn without(nulls: Option<&NullBuffer>, rows: usize, bad: &Refused) -> Option<NullBuffer> {
    if bad.is_empty() {
        return nulls.cloned();
    }
    let mut valid = BooleanBufferBuilder::new(rows);
    match nulls {
        Some(nulls) => valid.append_buffer(nulls.inner()),
        None => valid.append_n(rows, true),
    }
    for (row, _) in bad {
        valid.set_bit(*row, false);
    }
    Some(valid.finish().into())
}

tidegate_sdk::export_transform!(HashColumns);

#[cfg(test)]
mod tests;
