//! Which texts of a new table are dictionaries (`LowCardinality`), unless the schema says.

use std::collections::HashSet;

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;

use super::table::TableDefinition;

/// A text column becomes a dictionary where so few of its first values differ: ClickHouse advises it up to 10,000
/// (<https://clickhouse.com/docs/sql-reference/data-types/lowcardinality>), and the first rows are few.
const DICTIONARY_VALUES: usize = 1_000;
/// And where a value comes at least so often.
const DICTIONARY_REPEATS: usize = 10;

/// Makes texts of few values dictionaries, as the first rows have them.
pub(super) fn choose_dictionaries(table: &mut TableDefinition, first: &RecordBatch) {
    for column in &mut table.columns {
        let Some(values) = first.column_by_name(&column.name) else {
            continue;
        };
        if !column.may_be_dictionary || values.data_type() != &DataType::Utf8 {
            continue;
        }
        let values = values.as_string::<i32>();
        let mut distinct = HashSet::new();
        let few = values.iter().flatten().all(|value| {
            distinct.insert(value);
            distinct.len() <= DICTIONARY_VALUES
        });
        if few && distinct.len() * DICTIONARY_REPEATS <= values.len() - values.null_count() {
            column.data_type = format!("LowCardinality({})", column.data_type);
        }
    }
}
