//! Reads Parquet files, row group by row group.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{DataType, SchemaRef};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::file::metadata::RowGroupMetaData;
use tidegate_core::port::{SourceBatch, Watermark};
use tidegate_core::schema::Column;

use super::cursor::{FileCursor, Position};
use super::error::{FormatError, Result};
use super::origin::{ChunkFile, Origin, Origins};
use super::source::{Outlet, Read};
use super::types::{converts, describe};

/// What a Parquet source reads.
pub(super) struct ParquetFiles {
    pub(super) columns: Vec<Column>,
    pub(super) schema: SchemaRef,
    pub(super) files: Origins,
    /// Where to go on in the first of the files.
    pub(super) resume: Option<FileCursor>,
    pub(super) batch_rows: usize,
    pub(super) watermark: Option<Watermark>,
    /// Whether a nullable column that a file does not have is null there: a file from before it was added.
    pub(super) fill_missing: bool,
}

/// Which column of a file is which column of the source.
struct Columns {
    path: String,
    schema: SchemaRef,
    /// For each column of the source, its place among the columns that are read, or none where the file has none.
    places: Vec<Option<usize>>,
}

impl ParquetFiles {
    /// Reads every file to its end.
    pub(super) fn read(mut self, outlet: &Outlet) -> Read {
        let mut resume = self.resume.take();
        while let Some(file) = self.files.next() {
            self.read_file(file?.as_ref(), resume.take(), outlet)?;
        }
        Ok(())
    }

    fn read_file(&self, origin: &dyn Origin, resume: Option<FileCursor>, outlet: &Outlet) -> Read {
        let shown = origin.name();
        let (stamp, chunks) = origin.open_chunks()?;
        let bad = |error| chunks.explain(error);
        let file = ChunkFile(Arc::clone(&chunks));
        let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()).map_err(bad)?;
        let (columns, projection) = self.columns_of(&shown, &metadata)?;
        let columns = Arc::new(columns);
        let mut records = resume.as_ref().map_or(0, |cursor| cursor.records);
        let (first_group, mut row) = match resume.map(|cursor| cursor.position) {
            Some(Position::Rows { row_group, row }) => (row_group, row),
            _ => (0, 0),
        };
        for row_group in first_group..metadata.metadata().num_row_groups() {
            chunks.plan(&ranges(metadata.metadata().row_group(row_group), &projection))?;
            let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file.clone(), metadata.clone())
                .with_projection(projection.clone())
                .with_row_groups(vec![row_group])
                .with_batch_size(self.batch_rows)
                .with_offset(row)
                .build()
                .map_err(bad)?;
            for batch in reader {
                let batch = batch.map_err(|error| bad(error.into()))?;
                let first_record = records;
                records += batch.num_rows() as u64;
                row += batch.num_rows();
                let cursor = FileCursor {
                    path: shown.clone(),
                    stamp: stamp.clone(),
                    position: Position::Rows { row_group, row },
                    records,
                    watermark: self.watermark.clone(),
                };
                let columns = Arc::clone(&columns);
                outlet.parse(move || {
                    Ok(SourceBatch {
                        batch: columns.convert(&batch, first_record)?,
                        cursor: cursor.encode()?,
                        rejects: None,
                    })
                })?;
            }
            row = 0;
        }
        origin.verify(&stamp)?;
        Ok(())
    }

    /// Finds the source's columns in a file, and checks their types.
    fn columns_of(&self, path: &str, metadata: &ArrowReaderMetadata) -> Result<(Columns, ProjectionMask)> {
        let file_fields = metadata.schema().fields();
        let mut roots = Vec::new();
        for (column, field) in self.columns.iter().zip(self.schema.fields()) {
            let found = file_fields
                .iter()
                .position(|file_field| file_field.name() == field.name());
            match found {
                Some(root) if converts(file_fields[root].data_type(), field.data_type()) => {
                    roots.push(Some(root));
                }
                Some(root) => {
                    return Err(FormatError::TypeMismatch {
                        path: path.to_owned(),
                        column: column.name.clone(),
                        found: describe(file_fields[root].data_type()),
                        wanted: column.data_type.to_string(),
                    });
                }
                None if self.fill_missing && field.is_nullable() => roots.push(None),
                None => {
                    return Err(FormatError::ColumnMissing {
                        path: path.to_owned(),
                        column: column.name.clone(),
                        found: file_fields.iter().map(|field| field.name().clone()).collect(),
                    });
                }
            }
        }
        // Projected columns come in the file's order.
        let mut read: Vec<usize> = roots.iter().flatten().copied().collect();
        read.sort_unstable();
        read.dedup();
        let places = roots
            .into_iter()
            .map(|root| read.binary_search(&root?).ok())
            .collect();
        let projection = ProjectionMask::roots(metadata.parquet_schema(), read);
        let schema = Arc::clone(&self.schema);
        Ok((
            Columns {
                path: path.to_owned(),
                schema,
                places,
            },
            projection,
        ))
    }
}

impl Columns {
    fn convert(&self, batch: &RecordBatch, first_record: u64) -> Result<RecordBatch> {
        let rows = batch.num_rows();
        let mut arrays = Vec::with_capacity(self.places.len());
        for (field, place) in self.schema.fields().iter().zip(&self.places) {
            let array = match place {
                Some(place) => self.convert_column(batch.column(*place), field.name(), field.data_type())?,
                None => new_null_array(field.data_type(), rows),
            };
            if !field.is_nullable() && array.null_count() > 0 {
                let row = (0..rows).find(|row| array.is_null(*row)).unwrap_or_default();
                return Err(FormatError::NullInRow {
                    path: self.path.clone(),
                    row: first_record + row as u64 + 1,
                    column: field.name().clone(),
                });
            }
            arrays.push(array);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)
            .map_err(|error| self.bad(&error))
    }

    fn convert_column(&self, array: &ArrayRef, name: &str, wanted: &DataType) -> Result<ArrayRef> {
        if array.data_type() == wanted {
            return Ok(Arc::clone(array));
        }
        // A value that does not fit is an error, not a null.
        let options = CastOptions {
            safe: false,
            ..CastOptions::default()
        };
        cast_with_options(array, wanted, &options).map_err(|error| FormatError::BadParquet {
            path: self.path.clone(),
            reason: format!("column `{name}`: {error}"),
        })
    }

    fn bad(&self, error: &arrow_schema::ArrowError) -> FormatError {
        FormatError::BadParquet {
            path: self.path.clone(),
            reason: error.to_string(),
        }
    }
}

/// Where the columns that are read lie in a row group.
fn ranges(row_group: &RowGroupMetaData, projection: &ProjectionMask) -> Vec<Range<u64>> {
    let columns = row_group.columns().iter().enumerate();
    columns
        .filter(|(leaf, _)| projection.leaf_included(*leaf))
        .filter_map(|(_, column)| {
            // A damaged footer may say anything; what it says wrong, the reader itself will refuse.
            let start = column
                .dictionary_page_offset()
                .unwrap_or(column.data_page_offset());
            let start = u64::try_from(start).ok()?;
            let length = u64::try_from(column.compressed_size()).ok()?;
            Some(start..start.checked_add(length)?)
        })
        .collect()
}
