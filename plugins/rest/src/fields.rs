//! The columns of a stream, and how records become them.

use json_columns::{Format as TextFormat, Kind, Row, Slot, Tree, read};
use tidegate_sdk::prelude::*;

use crate::column::{Value, array};
use crate::config::{Details, Format, List};
use crate::page::no_json;
use crate::{kind, path};

/// A column: what it is called, its type, and how its values are written.
struct Column {
    name: String,
    data_type: DataType,
    format: Option<Format>,
    required: bool,
    pointer: String,
}

/// The columns of a stream that are read.
pub(crate) struct Fields {
    columns: Vec<Column>,
    tree: Tree,
}

impl Fields {
    /// All columns of a stream; `at` makes a fault at a key of the stream's config.
    pub(crate) fn new(list: &List, at: impl Fn(&str, String) -> Fault) -> Result<Self, Fault> {
        let mut columns = Vec::new();
        for (name, field) in &list.fields {
            let Details {
                kind,
                path: place,
                format,
                required,
            } = field.details();
            let wrong = |why| at(&format!("fields{}", path::step(name)), why);
            let data_type = kind::data_type(&kind).map_err(wrong)?;
            if let Some(why) = format.and_then(|format| misplaced(format, &data_type)) {
                return Err(wrong(why));
            }
            columns.push(Column {
                pointer: place.map_or_else(|| path::step(name), |place| path::pointer(&place)),
                name: name.clone(),
                data_type,
                format,
                required,
            });
        }
        if columns.is_empty() {
            return Err(at("fields", "name at least one column".into()));
        }
        Self::of(columns, |column, why| {
            at(&format!("fields{}", path::step(column)), why)
        })
    }

    /// `wrong` makes a fault of a column.
    fn of(columns: Vec<Column>, wrong: impl Fn(&str, String) -> Fault) -> Result<Self, Fault> {
        let mut tree = Tree::default();
        for (index, column) in columns.iter().enumerate() {
            let added = tree.add(&column.pointer, index, true);
            added.map_err(|why| wrong(&column.name, why))?;
        }
        Ok(Self { columns, tree })
    }

    /// Those of these names alone: what nobody asked for is not read, and cannot be wrong.
    pub(crate) fn only(self, names: &[String]) -> Result<Self, Fault> {
        if let Some(name) = names
            .iter()
            .find(|name| self.columns.iter().all(|column| column.name != **name))
        {
            let known: Vec<&str> = self.columns.iter().map(|column| column.name.as_str()).collect();
            return Err(Fault::config(
                "",
                format!(
                    "the asset reads the column `{name}`, and `fields` of its stream has {}; name it there",
                    known.join(", ")
                ),
            ));
        }
        let wanted = self
            .columns
            .into_iter()
            .filter(|column| names.contains(&column.name));
        Self::of(wanted.collect(), |_, why| Fault::config("", why))
    }

    /// The pointer of a column.
    pub(crate) fn pointer(&self, name: &str) -> Option<&str> {
        let column = self.columns.iter().find(|column| column.name == name)?;
        Some(&column.pointer)
    }

    pub(crate) fn schema(&self) -> Schema {
        let fields = self.columns.iter();
        let fields =
            fields.map(|column| Field::new(&column.name, column.data_type.clone(), !column.required));
        Schema::new(fields.collect::<Vec<_>>())
    }

    /// Records as columns. `first` is the first one's place on the page, from 0; `page` is the page's number.
    pub(crate) fn rows<'a>(
        &self,
        records: impl ExactSizeIterator<Item = &'a str>,
        first: usize,
        page: u64,
    ) -> Result<RecordBatch, Fault> {
        let count = records.len();
        let mut row = Row::new(self.columns.iter().map(|_| (Kind::Json, TextFormat::default())));
        // The values of all records as they stand there, and where each column's lie.
        let mut text = String::new();
        let mut places: Vec<Vec<(usize, usize)>> = vec![Vec::with_capacity(count); self.columns.len()];
        for (record_number, record) in (first + 1..).zip(records) {
            if !record.starts_with(['{', '[']) && self.tree.texts.is_empty() {
                return Err(Fault::data(format!(
                    "record {record_number} on page {page} is no object, so it has no fields; where the records are plain values, \
                     write `path: \"\"` for the field that is the whole record"
                )));
            }
            row.clear();
            read(record, &self.tree, &mut row).map_err(|error| no_json(&error))?;
            for (index, (column, places)) in self.columns.iter().zip(&mut places).enumerate() {
                match row.slot(index) {
                    Slot::Text(start, end) => {
                        let begin = text.len();
                        text.push_str(&row.text()[start..end]);
                        places.push((begin, text.len()));
                    }
                    _ if column.required => {
                        return Err(Fault::data(format!(
                            "record {record_number} on page {page} has nothing at `{}`, and `{}` is required",
                            column.pointer, column.name
                        )));
                    }
                    _ => places.push((0, 0)),
                }
            }
        }
        let mut arrays = Vec::with_capacity(self.columns.len());
        for (column, places) in self.columns.iter().zip(&places) {
            let value = |(index, (start, end)): (usize, &(usize, usize))| Value {
                record: first + index,
                // No JSON is empty.
                json: (start < end).then(|| &text[*start..*end]),
            };
            let values: Vec<Value<'_>> = places.iter().enumerate().map(value).collect();
            let made = array(&column.data_type, column.format, &values);
            arrays.push(made.map_err(|misfit| misfit.fault(&column.name, page))?);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        Ok(RecordBatch::try_new_with_options(
            Arc::new(self.schema()),
            arrays,
            &options,
        )?)
    }
}

/// Why a format has nothing to do with a type; it reaches what the type holds.
fn misplaced(format: Format, data_type: &DataType) -> Option<String> {
    if format == Format::Json {
        return (!holds(data_type, &|held| *held == DataType::Utf8))
            .then(|| "`format: json` is for utf8".into());
    }
    let is_instant = |held: &DataType| matches!(held, DataType::Timestamp(_, Some(_)));
    (!holds(data_type, &is_instant)).then(|| {
        "a number since 1970 is an instant: such a `format` is for timestamps with a zone, as timestamp(ms, UTC)".into()
    })
}

fn holds(data_type: &DataType, is: &impl Fn(&DataType) -> bool) -> bool {
    match data_type {
        DataType::List(item) => holds(item.data_type(), is),
        DataType::Struct(members) => members.iter().any(|member| holds(member.data_type(), is)),
        DataType::Map(entries, _) => match entries.data_type() {
            // A map's keys are texts in any case.
            DataType::Struct(pair) => holds(pair[1].data_type(), is),
            _ => false,
        },
        plain => is(plain),
    }
}
