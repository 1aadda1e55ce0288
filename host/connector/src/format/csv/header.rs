//! Which field of a record is which column.

use tidegate_core::schema::Column;

use super::tokens::{Layout, Tokens};
use crate::format::config::CheckedFiles;
use crate::format::error::{FormatError, Result};
use crate::format::scan::count_lines;
use crate::format::splitter::Block;

/// The layout of a file whose header is a block of one record.
pub(super) fn read(config: &CheckedFiles, columns: &[Column], path: &str, header: &Block) -> Result<Layout> {
    let text = simdutf8::basic::from_utf8(&header.bytes).map_err(|_| FormatError::BadEncoding {
        path: path.to_owned(),
        line: header.line + blank_lines(&header.bytes),
        detail: " in the header",
    })?;
    let names = names(config, text);
    let mut slots = vec![None; names.len()];
    for (slot, column) in columns.iter().enumerate() {
        let mut found = names.iter().enumerate().filter(|(_, name)| **name == column.name);
        let Some((field, _)) = found.next() else {
            return Err(FormatError::ColumnMissing {
                path: path.to_owned(),
                column: column.name.clone(),
                found: names,
            });
        };
        if found.next().is_some() {
            return Err(FormatError::ColumnTwice {
                path: path.to_owned(),
                column: column.name.clone(),
            });
        }
        slots[field] = Some(slot);
    }
    Ok(layout(config, slots, columns.len()))
}

/// The layout of a file without a header: its fields are the columns, in order.
pub(super) fn by_position(config: &CheckedFiles, columns: &[Column]) -> Layout {
    layout(config, (0..columns.len()).map(Some).collect(), columns.len())
}

/// How many lines come before the first that is not blank.
fn blank_lines(bytes: &[u8]) -> u64 {
    let blank = bytes
        .iter()
        .take_while(|byte| matches!(byte, b'\r' | b'\n'))
        .count();
    count_lines(&bytes[..blank])
}

fn names(config: &CheckedFiles, text: &str) -> Vec<String> {
    // A layout that wants no field finds every record ragged, and says how many fields it has.
    let width = Tokens::new(text, &layout(config, Vec::new(), 0), 1)
        .ragged
        .first()
        .map_or(0, |record| record.fields);
    let all = layout(config, (0..width).map(Some).collect(), width);
    let tokens = Tokens::new(text, &all, 1);
    (0..width)
        .map(|slot| tokens.cell(text, 0, slot).to_owned())
        .collect()
}

fn layout(config: &CheckedFiles, slots: Vec<Option<usize>>, columns: usize) -> Layout {
    Layout {
        delimiter: config.delimiter,
        quote: config.quote,
        slots,
        columns,
    }
}
