//! Blocks of JSON Lines to batches.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_json::ReaderBuilder;
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use arrow_select::concat::concat_batches;
use tidegate_core::schema::Column;

use super::config::{CheckedFiles, OnBadRow};
use super::error::{FormatError, Result, shorten};
use super::rejects::{BadRow, Lines, Parsed, nullable, settle};
use super::scan::{Dialect, Scan, Step};
use super::splitter::Block;
use super::values;

/// Parses the blocks of one JSON Lines file.
pub(super) struct JsonlParser {
    path: String,
    columns: Vec<Column>,
    schema: SchemaRef,
    /// What JSON is decoded to: numbers, instants and booleans as their text, so that no digit is lost on the way.
    decoded: SchemaRef,
    on_bad_row: OnBadRow,
}

impl JsonlParser {
    pub(super) fn new(config: &CheckedFiles, columns: &[Column], schema: SchemaRef, path: String) -> Self {
        let decoded = schema.fields().iter().map(|field| {
            let data_type = match field.data_type() {
                data_type if values::is_scalar(data_type) => DataType::Utf8,
                nested => nested.clone(),
            };
            Field::new(field.name(), data_type, true)
        });
        Self {
            path,
            columns: columns.to_vec(),
            decoded: Arc::new(Schema::new(decoded.collect::<Vec<_>>())),
            schema,
            on_bad_row: config.on_bad_row,
        }
    }

    /// Parses one block.
    pub(super) fn parse(&self, block: &Block) -> Result<Parsed> {
        let decoded = match self.decode(&block.bytes, block.records) {
            Ok(batch) => Decoded {
                batch,
                starts: None,
                bad: Vec::new(),
            },
            Err(_) => self.decode_each(block)?,
        };
        let texts = &decoded.batch;
        let (arrays, cells) = self.arrays(texts)?;
        let options = RecordBatchOptions::new().with_row_count(Some(texts.num_rows()));
        let batch = RecordBatch::try_new_with_options(nullable(&self.schema), arrays, &options)
            .map_err(FormatError::internal)?;
        if cells.is_empty() && decoded.bad.is_empty() {
            return settle(&batch, &self.schema, Vec::new(), self.on_bad_row);
        }
        let starts = decoded.starts.unwrap_or_else(|| starts(&block.bytes));
        let mut found: BTreeMap<usize, (Option<usize>, Bad)> = decoded
            .bad
            .into_iter()
            .map(|(start, bad)| (start, (None, bad)))
            .collect();
        found.extend(
            cells
                .into_iter()
                .map(|(row, bad)| (starts[row], (Some(row), bad))),
        );
        let mut lines = Lines::new(&block.bytes, block.line);
        let bad = found.into_iter().map(|(start, (row, bad))| {
            let line = lines.at(start);
            let record = &block.bytes[start..];
            let end = memchr::memchr(b'\n', record).unwrap_or(record.len());
            BadRow {
                row,
                line,
                record: String::from_utf8_lossy(record[..end].trim_ascii_end()).into_owned(),
                error: self.describe(line, bad),
            }
        });
        settle(&batch, &self.schema, bad.collect(), self.on_bad_row)
    }

    /// So many records, decoded; fails unless each is one object with the right types.
    fn decode(&self, bytes: &[u8], records: usize) -> Result<RecordBatch, ArrowError> {
        // Room for one more, so that two objects in one line are seen.
        let mut decoder = ReaderBuilder::new(Arc::clone(&self.decoded))
            .with_batch_size(records + 1)
            .with_coerce_primitive(true)
            .build_decoder()?;
        let read = decoder.decode(bytes)?;
        let batch = decoder.flush()?;
        match batch {
            Some(batch) if read == bytes.len() && batch.num_rows() == records => Ok(batch),
            _ => Err(ArrowError::JsonError("a line must hold one whole object".into())),
        }
    }

    /// Record by record.
    fn decode_each(&self, block: &Block) -> Result<Decoded> {
        let (mut good, mut found, mut bad) = (Vec::new(), Vec::new(), Vec::new());
        for start in starts(&block.bytes) {
            let line = &block.bytes[start..];
            let line = &line[..memchr::memchr(b'\n', line).map_or(line.len(), |end| end + 1)];
            match self.decode(line, 1) {
                Ok(batch) => {
                    good.push(batch);
                    found.push(start);
                }
                Err(_) if simdutf8::basic::from_utf8(line).is_err() => bad.push((start, Bad::Encoding)),
                Err(error) => bad.push((start, Bad::Json(reason(&error)))),
            }
        }
        let batch = concat_batches(&self.decoded, &good).map_err(FormatError::internal)?;
        Ok(Decoded {
            batch,
            starts: Some(found),
            bad,
        })
    }

    /// Every column in its own type, and the first value of each row that is not of its type.
    fn arrays(&self, texts: &RecordBatch) -> Result<(Vec<ArrayRef>, BTreeMap<usize, Bad>)> {
        let mut cells = BTreeMap::new();
        let mut rows = Vec::new();
        let mut arrays = Vec::with_capacity(texts.num_columns());
        for (slot, field) in self.schema.fields().iter().enumerate() {
            let column = texts.column(slot);
            let array = if values::is_scalar(field.data_type()) && field.data_type() != &DataType::Utf8 {
                let column = column.as_string::<i32>();
                let array = values::parse(field.data_type(), column.iter(), column.len(), 0, &mut rows)?;
                for row in rows.drain(..) {
                    cells
                        .entry(row)
                        .or_insert_with(|| Bad::Value(slot, column.value(row).to_owned()));
                }
                array
            } else {
                Arc::clone(column)
            };
            if !field.is_nullable() && array.null_count() > 0 {
                for row in (0..array.len()).filter(|row| array.is_null(*row)) {
                    cells.entry(row).or_insert(Bad::Null(slot));
                }
            }
            arrays.push(array);
        }
        Ok((arrays, cells))
    }

    fn describe(&self, line: u64, bad: Bad) -> FormatError {
        let path = self.path.clone();
        match bad {
            Bad::Json(reason) => FormatError::BadRecord { path, line, reason },
            Bad::Value(slot, value) => FormatError::BadRecord {
                path,
                line,
                reason: format!(
                    "`{}` in column `{}` is not {}",
                    shorten(&value),
                    self.columns[slot].name,
                    self.columns[slot].data_type
                ),
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

/// The records of a block, before their values are looked at.
struct Decoded {
    batch: RecordBatch,
    /// Where the record of each row starts, unless every record is a row.
    starts: Option<Vec<usize>>,
    /// Where the records that are no objects start, and why they are not.
    bad: Vec<(usize, Bad)>,
}

/// What is wrong with a record.
enum Bad {
    Json(String),
    Value(usize, String),
    Null(usize),
    Encoding,
}

/// Where each record starts.
fn starts(bytes: &[u8]) -> Vec<usize> {
    let mut scan = Scan::new(Dialect::Lines);
    let mut starts = Vec::new();
    while scan.step(bytes, true) == Step::Record {
        starts.push(scan.record_start());
    }
    starts
}

/// What Arrow says is wrong, without its own prefix, in one line.
fn reason(error: &ArrowError) -> String {
    let text = error.to_string();
    let text = text.strip_prefix("Json error: ").unwrap_or(&text);
    shorten(text.lines().next().unwrap_or_default())
}
