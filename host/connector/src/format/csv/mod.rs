//! Blocks of CSV to batches.

mod header;
mod nulls;
mod tokens;

use std::collections::BTreeMap;

use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{DataType, SchemaRef};
use tidegate_core::schema::Column;

use self::nulls::Nulls;
use self::tokens::{Layout, Tokens};
use super::config::{CheckedFiles, OnBadRow};
use super::error::{FormatError, Result, shorten};
use super::rejects::{BadRow, Lines, Parsed, nullable, settle};
use super::scan::{Dialect, Scan, Step};
use super::splitter::{Block, Splitter};
use super::values;

/// Parses the blocks of one CSV file.
pub(super) struct CsvParser {
    path: String,
    layout: Layout,
    columns: Vec<Column>,
    schema: SchemaRef,
    nulls: Nulls,
    on_bad_row: OnBadRow,
}

impl CsvParser {
    /// What ends a record.
    pub(super) fn dialect(config: &CheckedFiles) -> Dialect {
        Dialect::Csv {
            delimiter: config.delimiter,
            quote: config.quote,
        }
    }

    /// Reads the header off a file that was just opened, where it has one.
    pub(super) fn open(
        config: &CheckedFiles,
        columns: &[Column],
        schema: SchemaRef,
        splitter: &mut Splitter,
    ) -> Result<Self> {
        let path = splitter.path();
        let layout = if config.header {
            let Some(block) = splitter.next_block(1)? else {
                return Err(FormatError::Empty { path });
            };
            header::read(config, columns, &path, &block)?
        } else {
            header::by_position(config, columns)
        };
        Ok(Self {
            path,
            layout,
            columns: columns.to_vec(),
            schema,
            nulls: Nulls::new(&config.nulls),
            on_bad_row: config.on_bad_row,
        })
    }

    /// Parses one block.
    pub(super) fn parse(&self, block: &Block) -> Result<Parsed> {
        let cleaned;
        let (text, not_utf8) = if let Ok(text) = simdutf8::basic::from_utf8(&block.bytes) {
            (text, Vec::new())
        } else {
            let records;
            (cleaned, records) = clean(&block.bytes, &self.layout);
            (cleaned.as_str(), records)
        };
        let tokens = Tokens::new(text, &self.layout, block.records);
        let (arrays, cells) = self.arrays(text, &tokens)?;
        let batch = RecordBatch::try_new_with_options(
            nullable(&self.schema),
            arrays,
            &RecordBatchOptions::new().with_row_count(Some(tokens.rows())),
        )
        .map_err(FormatError::internal)?;
        let bad_rows = if cells.is_empty() && not_utf8.is_empty() && tokens.ragged.is_empty() {
            Vec::new()
        } else {
            self.bad_rows(block, text, &tokens, &cells, &not_utf8)
        };
        settle(&batch, &self.schema, bad_rows, self.on_bad_row)
    }

    /// Every column as an array, and the cells that are not of its type, by row; the first such cell of a row.
    fn arrays(&self, text: &str, tokens: &Tokens) -> Result<(Vec<ArrayRef>, BTreeMap<usize, Bad>)> {
        let mut cells = BTreeMap::new();
        let mut rows = Vec::new();
        let mut arrays = Vec::with_capacity(self.columns.len());
        for (slot, field) in self.schema.fields().iter().enumerate() {
            let text_column = field.data_type() == &DataType::Utf8;
            let values = tokens
                .column(text, slot)
                .map(|value| self.nulls.value(value, text_column));
            let bytes = if text_column { tokens.column_bytes(slot) } else { 0 };
            let array = values::parse(field.data_type(), values, tokens.rows(), bytes, &mut rows)?;
            for row in rows.drain(..) {
                cells.entry(row).or_insert(Bad::Value(slot));
            }
            if !field.is_nullable() && array.null_count() > 0 {
                for row in (0..array.len()).filter(|row| array.is_null(*row)) {
                    cells.entry(row).or_insert(Bad::Null(slot));
                }
            }
            arrays.push(array);
        }
        Ok((arrays, cells))
    }

    /// Every record that cannot be read, in order, with why.
    fn bad_rows(
        &self,
        block: &Block,
        text: &str,
        tokens: &Tokens,
        cells: &BTreeMap<usize, Bad>,
        not_utf8: &[usize],
    ) -> Vec<BadRow> {
        let mut found: BTreeMap<usize, (Option<usize>, Bad)> = BTreeMap::new();
        for (row, bad) in cells {
            found.insert(tokens.starts[*row], (Some(*row), *bad));
        }
        for record in &tokens.ragged {
            found.insert(record.start, (None, Bad::Ragged(record.fields)));
        }
        for start in not_utf8 {
            found.insert(*start, (tokens.starts.binary_search(start).ok(), Bad::Encoding));
        }
        let mut lines = Lines::new(&block.bytes, block.line);
        found
            .into_iter()
            .map(|(start, (row, bad))| {
                let line = lines.at(start);
                BadRow {
                    row,
                    line,
                    record: String::from_utf8_lossy(record(&block.bytes[start..], &self.layout)).into_owned(),
                    error: self.describe(line, bad, |slot| tokens.cell(text, row.unwrap_or_default(), slot)),
                }
            })
            .collect()
    }

    fn describe<'a>(&self, line: u64, bad: Bad, value: impl Fn(usize) -> &'a str) -> FormatError {
        let path = self.path.clone();
        match bad {
            Bad::Ragged(found) => FormatError::RaggedRow {
                path,
                line,
                wanted: self.layout.slots.len(),
                found,
            },
            Bad::Value(slot) => FormatError::BadValue {
                path,
                line,
                column: self.columns[slot].name.clone(),
                value: shorten(value(slot)),
                wanted: self.columns[slot].data_type.to_string(),
            },
            Bad::Null(slot) => FormatError::NullValue {
                path,
                line,
                column: self.columns[slot].name.clone(),
            },
            Bad::Encoding => FormatError::BadEncoding {
                path,
                line,
                detail: "",
            },
        }
    }
}

/// What is wrong with a record.
#[derive(Debug, Clone, Copy)]
enum Bad {
    Ragged(usize),
    Value(usize),
    Null(usize),
    Encoding,
}

fn dialect(layout: &Layout) -> Dialect {
    Dialect::Csv {
        delimiter: layout.delimiter,
        quote: layout.quote,
    }
}

/// The text with all that is not ASCII struck out of the records that are not UTF-8, and where those records start.
fn clean(bytes: &[u8], layout: &Layout) -> (String, Vec<usize>) {
    let mut cleaned = bytes.to_vec();
    let mut records = Vec::new();
    let mut scan = Scan::new(dialect(layout));
    while scan.step(bytes, true) == Step::Record {
        let record = scan.record_start()..scan.end();
        if simdutf8::basic::from_utf8(&bytes[record.clone()]).is_err() {
            records.push(record.start);
            for byte in &mut cleaned[record] {
                if !byte.is_ascii() {
                    *byte = b'?';
                }
            }
        }
    }
    (String::from_utf8_lossy(&cleaned).into_owned(), records)
}

/// The record that bytes start with, without its line end.
fn record<'a>(bytes: &'a [u8], layout: &Layout) -> &'a [u8] {
    let mut scan = Scan::new(dialect(layout));
    let mut end = match scan.step(bytes, true) {
        Step::Record => scan.end(),
        _ => bytes.len(),
    };
    while end > 0 && matches!(bytes[end - 1], b'\r' | b'\n') {
        end -= 1;
    }
    &bytes[..end]
}
