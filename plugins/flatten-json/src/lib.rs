//! Takes typed columns out of a column of JSON: `reads: [json]`, `writes`: the columns that the config names, each by a
//! JSON pointer (RFC 6901).
//!
//! A document is read once, from front to back; what no pointer leads to is skipped and never kept. What is not there,
//! or is `null`, is missing. A value of another type than its column's refuses the row, or is missing, as the config
//! says. Numbers of 64 bits stay exact.

use json_columns::{Builder, Format, Kind, Row, Slot, Tree, data_type, read, wanted};
use tidegate_sdk::prelude::*;

/// What to take.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The columns to write.
    columns: Vec<Column>,
    /// What becomes of a row whose text is no JSON.
    #[serde(default)]
    on_bad_json: OnBad,
    /// What becomes of a value of another type than its column's.
    #[serde(default)]
    on_wrong_type: OnBad,
}

/// A column to write.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Its name.
    name: String,
    /// Where its value stands in the document, such as `/user/id` or `/items/0/price`; empty for the whole document.
    pointer: String,
    /// Its type.
    #[serde(rename = "type")]
    kind: Kind,
    /// How a timestamp is written.
    format: Option<Format>,
    /// Whether a row without a value is refused.
    #[serde(default)]
    required: bool,
}

/// What becomes of what cannot be taken.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnBad {
    /// The row is refused.
    #[default]
    Reject,
    /// The value is missing; all of the row's, where the text is no JSON.
    Null,
}

/// The bound transform.
pub struct FlattenJson {
    columns: Vec<Column>,
    tree: Tree,
    on_bad_json: OnBad,
    on_wrong_type: OnBad,
}

impl Transform for FlattenJson {
    type Config = Config;

    fn bind(config: Config, input: &Input) -> Result<Self, Fault> {
        input.expect_columns(1, "the JSON")?;
        input.expect(0, &DataType::Utf8)?;
        if config.columns.is_empty() {
            return Err(Fault::config("/columns", "name at least one column"));
        }
        let mut tree = Tree::default();
        for (index, column) in config.columns.iter().enumerate() {
            let at = |key: &str| format!("/columns/{index}/{key}");
            if config.columns[..index]
                .iter()
                .any(|other| other.name == column.name)
            {
                let message = format!("`{}` is written twice", column.name);
                return Err(Fault::config(at("name"), message));
            }
            if column.format.is_some() && column.kind != Kind::Timestamp {
                return Err(Fault::config(at("format"), "`format` is for timestamps alone"));
            }
            tree.add(&column.pointer, index, column.kind == Kind::Json)
                .map_err(|message| Fault::config(at("pointer"), message))?;
        }
        Ok(Self {
            columns: config.columns,
            tree,
            on_bad_json: config.on_bad_json,
            on_wrong_type: config.on_wrong_type,
        })
    }

    fn shape(&self) -> Shape {
        Shape::beside(
            self.columns
                .iter()
                .map(|column| made(&column.name, data_type(column.kind)).from([0])),
        )
    }

    fn process(&mut self, batch: &Batch) -> Result<Processed, Fault> {
        let documents = batch.string(0)?;
        let mut builders: Vec<Builder> = self
            .columns
            .iter()
            .map(|column| Builder::new(column.kind, documents.len()))
            .collect();
        let mut row = Row::new(
            self.columns
                .iter()
                .map(|column| (column.kind, column.format.unwrap_or_default())),
        );
        let mut refused = Vec::new();
        for index in 0..documents.len() {
            row.clear();
            let mut refusal = None;
            if documents.is_valid(index)
                && let Err(error) = read(documents.value(index), &self.tree, &mut row)
            {
                row.clear();
                refusal = (self.on_bad_json == OnBad::Reject).then_some(Refusal::BadJson(error));
            }
            if let Some(refusal) = refusal.or_else(|| self.refusal(&row)) {
                refused.push((index, refusal));
            }
            for (column, builder) in builders.iter_mut().enumerate() {
                builder.append(row.slot(column), row.text());
            }
        }
        let mut done: Processed = Output::all(builders.into_iter().map(Builder::finish)).into();
        for (index, refusal) in refused {
            let (code, message) = self.told(&refusal);
            done.reject(index, code, message);
        }
        Ok(done)
    }
}

/// Why a row is refused.
enum Refusal {
    BadJson(serde_json::Error),
    /// The column of this place has a value of another type: what it is.
    WrongType(usize, &'static str),
    /// The column of this place has no value and must have one.
    Missing(usize),
}

impl FlattenJson {
    /// The first of the row's columns that cannot be written.
    fn refusal(&self, row: &Row) -> Option<Refusal> {
        let reject_types = self.on_wrong_type == OnBad::Reject;
        self.columns
            .iter()
            .enumerate()
            .find_map(|(index, column)| match row.slot(index) {
                Slot::Wrong(found) if reject_types => Some(Refusal::WrongType(index, found)),
                Slot::Wrong(_) | Slot::Missing if column.required => Some(Refusal::Missing(index)),
                _ => None,
            })
    }

    fn told(&self, refusal: &Refusal) -> (&'static str, String) {
        match refusal {
            Refusal::BadJson(error) => {
                // The category and the place: the error's own text may quote the document.
                let what = match error.classify() {
                    serde_json::error::Category::Eof => "it ends too early",
                    _ => "it is not what JSON allows there",
                };
                let message = format!(
                    "no JSON: line {}, column {}: {what}",
                    error.line(),
                    error.column()
                );
                ("json.bad", message)
            }
            Refusal::WrongType(index, found) => {
                let column = &self.columns[*index];
                let message = format!(
                    "for `{}`: at `{}` stands {found}, not {}",
                    column.name,
                    column.pointer,
                    wanted(column.kind, column.format.unwrap_or_default())
                );
                ("json.type", message)
            }
            Refusal::Missing(index) => {
                let column = &self.columns[*index];
                let message = format!("for `{}`: nothing stands at `{}`", column.name, column.pointer);
                ("json.missing", message)
            }
        }
    }
}

tidegate_sdk::export_transform!(FlattenJson);

#[cfg(test)]
mod tests;
