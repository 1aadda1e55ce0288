//! What an asset says of how new it must be.

use super::{Asset, Placed};
use crate::error::Error;
use crate::plan::TimetableError;

/// What is wrong with an asset's freshness policy.
pub(super) fn freshness(asset: &Placed<Asset>, errors: &mut Vec<Error>) {
    let Placed { value, document } = asset;
    let Some(decl) = &value.freshness else { return };
    if decl.within.is_none() && decl.cron.is_none() {
        errors.push(
            document
                .error(
                    "schema.freshness",
                    "/freshness",
                    "it does not say how new the asset must be",
                )
                .hint("write `within: 26h`, or `cron: \"0 8 * * *\"` for deadlines, or both"),
        );
    }
    if decl.within.is_some_and(|within| within.0 == 0) {
        errors.push(document.error(
            "schema.freshness",
            "/freshness/within",
            "nothing is ever new enough",
        ));
    }
    if let Err(error) = decl.policy() {
        let pointer = match &error {
            TimetableError::Zone(_) => "/freshness/timezone",
            TimetableError::Cron(..) | TimetableError::Empty => "/freshness/cron",
        };
        errors.push(document.error("schema.freshness", pointer, error.to_string()));
    }
}
