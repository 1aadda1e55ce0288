//! Under which licences dependencies come.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::none;
use crate::tree::{MANIFESTS, packages};

/// Licences, by their SPDX names, that let an Apache-2.0 program be given on as such.
const ALLOWED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Whether an SPDX expression can be met by allowed licences. `OR` binds weaker than `AND`; an old `/` is an `OR`.
fn allowed(expression: &str) -> bool {
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    any(&mut rest) == Some(true) && rest.is_empty()
}

/// Licences of which one must do; none if it cannot be read.
fn any(words: &mut &[&str]) -> Option<bool> {
    let mut met = all(words)?;
    while let Some(after) = words.strip_prefix(&["OR"]) {
        *words = after;
        met |= all(words)?;
    }
    Some(met)
}

/// Licences of which each must do.
fn all(words: &mut &[&str]) -> Option<bool> {
    let mut met = one(words)?;
    while let Some(after) = words.strip_prefix(&["AND"]) {
        *words = after;
        met &= one(words)?;
    }
    Some(met)
}

fn one(words: &mut &[&str]) -> Option<bool> {
    let (first, after) = words.split_first()?;
    *words = after;
    if *first == "(" {
        let met = any(words)?;
        *words = words.strip_prefix(&[")"])?;
        return Some(met);
    }
    if let ["WITH", exception, after @ ..] = *words {
        let name = format!("{first} WITH {exception}");
        *words = after;
        return Some(ALLOWED.contains(&name.as_str()));
    }
    Some(ALLOWED.contains(first))
}

fn refused(packages: &[Value]) -> BTreeSet<String> {
    let text = |value: &Value| value.as_str().unwrap_or("none named").to_owned();
    packages
        .iter()
        .filter(|package| !package["license"].as_str().is_some_and(allowed))
        .map(|package| {
            let (name, version) = (text(&package["name"]), text(&package["version"]));
            let licence = text(&package["license"]);
            format!("Cargo.lock: {name} {version}: its licence ({licence}) is not among the allowed ones")
        })
        .collect()
}

#[test]
fn every_dependency_has_an_allowed_licence() {
    for manifest in MANIFESTS {
        none(&refused(&packages(manifest, true)).into_iter().collect::<Vec<_>>());
    }
}

#[test]
fn the_rule_finds_what_breaks_it() {
    for good in [
        "MIT",
        "MIT/Apache-2.0",
        "GPL-3.0 OR MIT",
        "(MIT OR Apache-2.0) AND Unicode-3.0",
        "Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT",
    ] {
        assert!(allowed(good), "{good}");
    }
    for bad in [
        "GPL-3.0",
        "MIT AND GPL-3.0",
        "(MIT OR ISC) AND SSPL-1.0",
        "MIT OR",
        "(MIT",
        "",
        "MIT WITH X",
    ] {
        assert!(!allowed(bad), "{bad}");
    }
    let package = serde_json::json!({"name": "x", "version": "1.0.0", "license": null});
    let said = "Cargo.lock: x 1.0.0: its licence (none named) is not among the allowed ones";
    assert_eq!(refused(&[package]).into_iter().collect::<Vec<_>>(), [said]);
}
