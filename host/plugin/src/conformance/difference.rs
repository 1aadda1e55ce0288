//! Where what was found is not what was expected.

use arrow_array::RecordBatch;
use tidegate_core::types::LogicalType;

use super::run::{Came, Refused};
use super::subject::ROW;
use super::values::shown;

/// Where the named columns of some rows differ from those that must come: types first, then each value.
pub(crate) fn from_expected(expected: &RecordBatch, found: &RecordBatch) -> Option<String> {
    for field in expected.schema().fields() {
        let name = field.name();
        let Ok(column) = found.schema().field_with_name(name).cloned() else {
            let schema = found.schema();
            let names: Vec<&str> = schema
                .fields()
                .iter()
                .map(|field| field.name().as_str())
                .collect();
            let names: Vec<&str> = names.into_iter().filter(|name| *name != ROW).collect();
            return Some(format!(
                "there is no column `{name}`; the columns are {}",
                names.join(", ")
            ));
        };
        let (wanted, got) = (
            LogicalType::from_arrow(field.data_type()),
            LogicalType::from_arrow(column.data_type()),
        );
        if wanted != got {
            let text = |logical: Option<LogicalType>| {
                logical.map_or("no type of a schema".into(), |one| one.to_string())
            };
            return Some(format!(
                "column `{name}`: expected {}, found {}",
                text(wanted),
                text(got)
            ));
        }
    }
    let rows = expected.num_rows().min(found.num_rows());
    for row in 0..rows {
        for (field, wanted) in expected.schema().fields().iter().zip(expected.columns()) {
            let Some(got) = found.column_by_name(field.name()) else {
                continue;
            };
            let (wanted, got) = (shown(wanted, row), shown(got, row));
            if wanted != got {
                return Some(format!(
                    "row {row}, column `{}`: expected {wanted}, found {got}",
                    field.name()
                ));
            }
        }
    }
    counted(expected.num_rows(), found.num_rows())
}

/// Where two runs differ that must be the same.
pub(crate) fn between(expected: &Came, found: &Came) -> Option<String> {
    rows(&expected.rows, &found.rows).or_else(|| refused(&expected.refused, &found.refused))
}

/// Where two batches differ that must be the same.
pub(crate) fn rows(expected: &RecordBatch, found: &RecordBatch) -> Option<String> {
    if expected == found {
        return None;
    }
    if expected.schema() != found.schema() {
        return Some("the columns behind the plugin are others".into());
    }
    for row in 0..expected.num_rows().min(found.num_rows()) {
        for (index, field) in expected.schema().fields().iter().enumerate() {
            let (wanted, got) = (expected.column(index), found.column(index));
            if wanted.slice(row, 1) != got.slice(row, 1) {
                return Some(format!(
                    "row {row}, column `{}`: expected {}, found {}",
                    field.name(),
                    shown(wanted, row),
                    shown(got, row)
                ));
            }
        }
    }
    counted(expected.num_rows(), found.num_rows())
}

fn counted(expected: usize, found: usize) -> Option<String> {
    (expected != found).then(|| format!("expected {expected} rows, found {found}"))
}

fn refused(expected: &[Refused], found: &[Refused]) -> Option<String> {
    let first = expected.iter().zip(found).find(|(wanted, got)| wanted != got);
    if let Some(((row, code, message), (other, found, words))) = first {
        return Some(format!(
            "refused rows: expected row {row} with {code} ({message}), found row {other} with {found} ({words})"
        ));
    }
    (expected.len() != found.len())
        .then(|| format!("expected {} refused rows, found {}", expected.len(), found.len()))
}
