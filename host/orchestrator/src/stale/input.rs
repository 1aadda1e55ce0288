//! How the assets before another stand: what is kept with a materialization, and compared later.

use std::borrow::Borrow;
use std::fmt::Write as _;

use tidegate_core::plan::{AssetName, Digest};
use tidegate_core::port::{Input, SliceVersion};

/// How an asset stands by the newest materializations of some of its slices, in the order of their keys. No clock is asked:
/// an epoch is given out once.
pub(crate) fn input<V: Borrow<SliceVersion>>(asset: &AssetName, slices: &[V]) -> Input {
    let mut text = String::new();
    for slice in slices {
        let slice = slice.borrow();
        // A NUL stands in no key, so no two lists make one text.
        let _ = write!(text, "{}\0{}\0", slice.partition.0, slice.epoch);
    }
    let run = match slices {
        [one] => Some(one.borrow().run),
        _ => None,
    };
    Input {
        asset: asset.clone(),
        slices: slices.len() as u64,
        version: Digest::of(text.as_bytes()),
        run,
    }
}
