//! The columns that say which slice a row is in, held against those of the source.

use tidegate_core::Error;
use tidegate_core::plan::{Partitioning, SliceRule, Values, fits_column};
use tidegate_core::schema::{Asset, Column, Partitions, Placed};
use tidegate_core::types::LogicalType;
use tidegate_flow::FlowError;

use super::connect::placed;

/// Checks the columns that decide a row's slice, where some do.
pub(super) fn slice_columns(
    asset: &Placed<Asset>,
    rule: SliceRule,
    columns: &[Column],
) -> Result<(), Vec<Error>> {
    let declared = asset.value.partitions.as_ref();
    let slices = declared.and_then(|partitions| partitions.partitioning().ok().flatten());
    let (Some(declared), Some(slices), true) = (declared, slices, rule != SliceRule::Trusted) else {
        return Ok(());
    };
    let faults = [
        (true, fault_of_time(&slices, columns)),
        (false, fault_of_value(&slices, columns)),
    ];
    let errors: Vec<Error> = faults
        .into_iter()
        .filter_map(|(of_time, fault)| {
            let (column, why) = fault?;
            let error = FlowError::Slice { column, why };
            Some(placed(asset, &column_pointer(declared, of_time), error.into()))
        })
        .collect();
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

fn column_pointer(declared: &Partitions, of_time: bool) -> String {
    let (times, values) = declared.kinds();
    let kind = if of_time { times.first() } else { values.first() };
    format!("/partitions/{}/column", kind.copied().unwrap_or_default())
}

/// The column of the slices of time, and what keeps it from saying a row's.
fn fault_of_time(slices: &Partitioning, columns: &[Column]) -> Option<(String, String)> {
    let time = slices.time()?;
    let name = time.column.as_ref()?;
    let why = match columns.iter().find(|column| column.name == *name) {
        None => "is not among the source's columns".to_owned(),
        Some(column) => match column.data_type {
            LogicalType::Timestamp(..) => return None,
            LogicalType::Date32 if time.cadence.of_days() => return None,
            LogicalType::Date32 => "holds dates, which do not say which part of a day a row is in".to_owned(),
            ref other => format!("has the type {other}, and must hold times or dates"),
        },
    };
    Some((name.clone(), why))
}

/// The column of the slices by value, and what keeps it from saying a row's.
fn fault_of_value(slices: &Partitioning, columns: &[Column]) -> Option<(String, String)> {
    let values = slices.values()?;
    let name = values.column.as_ref()?;
    let Some(column) = columns.iter().find(|column| column.name == *name) else {
        return Some((name.clone(), "is not among the source's columns".to_owned()));
    };
    let data_type = &column.data_type;
    // Every type that can be told apart holds this.
    if !fits_column(data_type, "0") {
        let why = format!("has the type {data_type}, and must hold texts or whole numbers");
        return Some((name.clone(), why));
    }
    match &values.values {
        Values::Static(keys) => {
            let wrong = keys.iter().find(|key| !fits_column(data_type, key))?;
            let why = format!("has the type {data_type}, which does not hold `{wrong}`");
            Some((name.clone(), why))
        }
        Values::Dynamic(_) => None,
    }
}
