//! The names of what an asset partition holds, the same in a folder and in a bucket:
//! `<asset>/[<partition>/]part-<epoch>-<number>.<ending>`, and `_manifest/<version>.json` beside the parts.

use std::fmt::Write as _;

use tidegate_core::plan::Epoch;

/// Where the manifests of a partition are.
pub(crate) const MANIFESTS: &str = "_manifest";

/// A partition's key as a name of one level: what is not a letter, digit, `.`, `-`, `=` or `_` is written as `%` and two
/// digits, and so is a dot or underscore in front, which would hide the level or pass for one of ours.
pub(crate) fn encode_key(key: &str) -> String {
    let mut name = String::with_capacity(key.len());
    for (index, byte) in key.bytes().enumerate() {
        let plain = byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'=')
            || (index > 0 && matches!(byte, b'.' | b'_'));
        if plain {
            name.push(char::from(byte));
        } else {
            let _ = write!(name, "%{byte:02X}");
        }
    }
    name
}

/// The name of an attempt's n-th part.
pub(crate) fn part_name(epoch: Epoch, number: u64, ending: &str) -> String {
    format!("part-{epoch}-{number}.{ending}")
}

/// The epoch and number that a part's name says, and its ending; none where it is no part's name.
pub(crate) fn parse_part(name: &str) -> Option<(Epoch, u64, &str)> {
    let (stem, ending) = name.strip_prefix("part-")?.split_once('.')?;
    let (epoch, number) = stem.split_once('-')?;
    let (epoch, number) = (Epoch(epoch.parse().ok()?), number.parse().ok()?);
    // A number can be written in several ways, and only one is ours.
    (part_name(epoch, number, ending) == name).then_some((epoch, number, ending))
}

/// The name of a manifest.
pub(crate) fn manifest_name(version: u64) -> String {
    format!("{version:020}.json")
}

/// The version that a manifest's name says, or none.
pub(crate) fn manifest_version(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".json")?;
    if digits.len() == 20 {
        digits.parse().ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_make_safe_and_different_names() {
        let keys = [
            "2013-01",
            "a/b",
            "a%2Fb",
            "..",
            ".x",
            "_manifest",
            "a_b.c=d",
            "é",
            "A",
            "a",
        ];
        let names: std::collections::BTreeSet<_> = keys.map(encode_key).into_iter().collect();
        assert_eq!(names.len(), keys.len());
        assert!(
            names
                .iter()
                .all(|name| !name.contains('/') && !name.starts_with(['.', '_']))
        );
        assert_eq!(encode_key("2013-01"), "2013-01");
        assert_eq!(encode_key("a/b"), "a%2Fb");
        assert_eq!(encode_key("a%2Fb"), "a%252Fb");
    }

    #[test]
    fn versions_sort_as_their_names() {
        assert_eq!(manifest_name(17), "00000000000000000017.json");
        assert_eq!(manifest_version("00000000000000000017.json"), Some(17));
        assert_eq!(manifest_version("17.json"), None);
        assert_eq!(manifest_version("00000000000000000017.json.1-2.tmp"), None);
    }

    #[test]
    fn parts_are_known_by_their_names() {
        assert_eq!(parse_part("part-7-12.csv.gz"), Some((Epoch(7), 12, "csv.gz")));
        for other in [
            "part-1.parquet",
            "part-1-x.parquet",
            "part-1-2",
            "part-01-2.csv",
            "data.csv",
        ] {
            assert_eq!(parse_part(other), None, "{other}");
        }
    }
}
