//! How each column is encoded.

use std::collections::HashSet;

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use crate::format::config::ColumnCompression;

/// Rows that are looked at to choose a column's encoding.
const SAMPLE_ROWS: usize = 4_096;

/// The properties of a file whose first rows are these.
pub(crate) fn encodings(compression: ColumnCompression, first: &RecordBatch) -> WriterProperties {
    let compression = match compression {
        ColumnCompression::Snappy => Compression::SNAPPY,
        ColumnCompression::Zstd => Compression::ZSTD(ZstdLevel::default()),
        ColumnCompression::Lz4 => Compression::LZ4_RAW,
        ColumnCompression::None => Compression::UNCOMPRESSED,
    };
    let mut properties = WriterProperties::builder()
        .set_created_by(concat!("tidegate ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(compression)
        // Of the whole row group: what readers skip by. Statistics of each page cost more than they save.
        .set_statistics_enabled(EnabledStatistics::Chunk);
    for (field, column) in first.schema().fields().iter().zip(first.columns()) {
        if !repeats(column.slice(0, column.len().min(SAMPLE_ROWS)).as_ref()) {
            let path = ColumnPath::from(vec![field.name().clone()]);
            properties = properties.set_column_dictionary_enabled(path, false);
        }
    }
    properties.build()
}

/// Whether values repeat so much that a dictionary of them pays; told only of numbers, times and text, `true` else.
fn repeats(column: &dyn Array) -> bool {
    let data = column.to_data();
    let fixed = |width: usize| {
        let values = data
            .buffers()
            .first()
            .map_or(&[][..], |buffer| &buffer.as_slice()[data.offset() * width..]);
        few(values.chunks_exact(width).take(column.len()))
    };
    match column.data_type() {
        DataType::Utf8 => few(column.as_string::<i32>().iter().flatten().map(str::as_bytes)),
        other => match other.primitive_width() {
            Some(width) => fixed(width),
            None => true,
        },
    }
}

/// Whether at most half of the values are distinct.
fn few<'a>(values: impl Iterator<Item = &'a [u8]>) -> bool {
    let mut count = 0;
    let distinct: HashSet<&[u8]> = values.inspect(|_| count += 1).collect();
    distinct.len() * 2 <= count
}
