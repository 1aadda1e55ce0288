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

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use tidegate_core::plan::{Epoch, PartitionKey, RunId};

    use super::*;

    fn slice(key: &str, epoch: i64) -> SliceVersion {
        SliceVersion {
            asset: "orders".parse().unwrap(),
            partition: PartitionKey(key.into()),
            epoch: Epoch(epoch),
            run: RunId(uuid::Uuid::from_u128(epoch.unsigned_abs().into())),
            at: DateTime::UNIX_EPOCH,
            rows: 0,
            bytes: 0,
            code_version: None,
            inputs: None,
        }
    }

    #[test]
    fn an_input_is_told_by_which_materializations_there_are() {
        let name: AssetName = "orders".parse().unwrap();
        let of = |slices: &[SliceVersion]| input(&name, slices);
        let one = of(&[slice("a", 1)]);
        assert_eq!((one.slices, one.run), (1, Some(slice("a", 1).run)));
        assert_eq!(one, of(&[slice("a", 1)]));
        let two = of(&[slice("a", 1), slice("b", 1)]);
        assert_eq!((two.slices, two.run), (2, None));
        let others = [
            of(&[]),
            of(&[slice("a", 2)]),
            of(&[slice("b", 1)]),
            of(&[slice("a1", 1)]),
            two,
        ];
        assert!(others.iter().all(|other| other.version != one.version));
    }
}
