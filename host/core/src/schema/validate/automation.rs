//! Conditions under which assets are materialized by themselves.

use crate::error::Error;
use crate::schema::{Asset, Placed};

/// Everything wrong with an asset's condition.
pub(super) fn automation(asset: &Placed<Asset>, errors: &mut Vec<Error>) {
    let Placed { value, document } = asset;
    let faults = value.automation.as_ref().map(|condition| condition.faults(value));
    for (below, message, fix) in faults.unwrap_or_default() {
        let pointer = format!("/automation{below}");
        errors.push(document.error("schema.automation", &pointer, message).hint(fix));
    }
}
