//! Which columns an asset reads, where it does not say so.

use tidegate_core::schema::{Asset, Column, Reads};

/// The columns to read from a resource: those that `source.columns` names, as it names them, else the asset's own that
/// no transform writes before one reads them. In the latter a value may be missing whatever the asset says: the contract
/// is looked at where rows are loaded, and refuses a row there, not the batch here.
pub(crate) fn source_columns(asset: &Asset) -> Vec<Column> {
    if let Some(named) = &asset.source.columns {
        return named.clone();
    }
    let mut columns: Vec<Column> = asset
        .columns
        .iter()
        .filter(|column| from_source(asset, &column.name))
        .cloned()
        .collect();
    for column in &mut columns {
        column.nullable = true;
        column.key = false;
    }
    columns
}

fn from_source(asset: &Asset, name: &str) -> bool {
    for step in &asset.transforms {
        if matches!(step.reads(), Reads::Columns(reads) if reads.iter().any(|read| read == name)) {
            return true;
        }
        if step.writes.iter().any(|write| write == name) {
            return false;
        }
    }
    true
}
