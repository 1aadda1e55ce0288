//! Which columns an asset reads, where it does not say so.

use tidegate_core::schema::{Asset, Column, Reads};

/// The columns to read from a resource: those that `source.columns` names, else the asset's own that no transform
/// writes before one reads them. A value may be missing in each: the contract is looked at where rows are loaded.
pub(crate) fn source_columns(asset: &Asset) -> Vec<Column> {
    let named = asset.source.columns.clone();
    let mut columns = named.unwrap_or_else(|| {
        asset
            .columns
            .iter()
            .filter(|column| from_source(asset, &column.name))
            .cloned()
            .collect()
    });
    for column in &mut columns {
        column.nullable = true;
        column.key = false;
    }
    columns
}

fn from_source(asset: &Asset, name: &str) -> bool {
    for step in &asset.transforms {
        if matches!(&step.reads, Reads::Columns(reads) if reads.iter().any(|read| read == name)) {
            return true;
        }
        if step.writes.iter().any(|write| write == name) {
            return false;
        }
    }
    true
}
