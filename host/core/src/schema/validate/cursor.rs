//! A source's cursor: only where reading again what was read does no harm, and nothing new can be missed.

use super::{Asset, Placed};
use crate::error::Error;
use crate::schema::Load;
use crate::types::LogicalType;

/// What is wrong with an asset's cursor.
pub(super) fn cursor(asset: &Placed<Asset>, errors: &mut Vec<Error>) {
    use LogicalType::{Date32, Int8, Int16, Int32, Int64, Timestamp, UInt8, UInt16, UInt32, UInt64};

    let Placed { value, document } = asset;
    let Some(cursor) = &value.source.cursor else {
        return;
    };
    let mut refuse = |pointer: &str, message: String, hint: &str| {
        errors.push(document.error("schema.cursor", pointer, message).hint(hint));
    };
    if value.destination.load != Load::Upsert {
        refuse(
            "/source/cursor",
            format!(
                "a cursor reads some rows again, which `load: {}` would not bear",
                value.destination.load.text()
            ),
            "write `load: upsert`, so that they take the place of those that are there",
        );
    }
    if value.partitions.is_some() {
        refuse(
            "/source/cursor",
            "an asset has slices or a cursor, not both".into(),
            "a slice is read whole each time it is materialized; leave one of the two out",
        );
    }
    if value.source.sql.is_some() {
        refuse(
            "/source/cursor",
            "SQL over assets has no cursor".into(),
            "compare the column in the query",
        );
    }
    let read = value.source.columns.as_ref().unwrap_or(&value.columns);
    let Some(column) = read.iter().find(|column| column.name == cursor.column) else {
        let names: Vec<&str> = read.iter().map(|column| column.name.as_str()).collect();
        let hint = format!("the columns that are read are {}", names.join(", "));
        return refuse(
            "/source/cursor/column",
            format!("no column `{}` is read", cursor.column),
            &hint,
        );
    };
    let (number, time) = (
        matches!(
            column.data_type,
            Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | UInt64
        ),
        matches!(column.data_type, Date32 | Timestamp(..)),
    );
    if !number && !time {
        refuse(
            "/source/cursor/column",
            format!(
                "`{}` of type {} cannot be a cursor",
                column.name, column.data_type
            ),
            "it must be a whole number, a date or a timestamp",
        );
    } else if cursor.lag.0 > 0 && !time {
        refuse(
            "/source/cursor/lag",
            format!("`{}` is no time, and has no lag", column.name),
            "leave it out",
        );
    }
    if column.nullable && !column.key {
        refuse(
            "/source/cursor/column",
            format!(
                "`{}` may be missing, and such rows would never be read",
                column.name
            ),
            "write `nullable: false` at the column that is read",
        );
    }
}
