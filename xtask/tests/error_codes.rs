//! Every stable code of the host is in docs/error-codes.md, and nothing is there that the host does not say.
//!
//! A code is a whole text literal of small letters, digits and `_` with dots between. `{what}` in a code that is put
//! together stands for any word.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

const PAGE: &str = "docs/error-codes.md";

/// Text literals that look like codes and are none. Say why.
const NOT_CODES: &[&str] = &[
    // Files of a project and of a registry.
    "tidegate.lock",
    "plugin.wasm",
    "plugin.wasm.minisig",
    "release.json",
    // Files between the host and a child process.
    "context.json",
    "messages.jsonl",
    // Annotations of an artifact in an OCI registry.
    "dev.tidegate.release",
    "dev.tidegate.minisig",
    "org.opencontainers.image.version",
    "org.opencontainers.image.description",
    // Keys of a plugin's manifest.
    "wishes.http",
    "wishes.secrets",
    // Files by which a plugin's language is known, and a Python module.
    "pyproject.toml",
    "package.json",
    "tidegate_sdk.build",
];

fn root() -> PathBuf {
    // Asked when run: where clones share a target folder, this may have been built in another one.
    PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("..")
}

/// Whether a text is a code, with or without `{what}` in it.
fn is_code(text: &str) -> bool {
    let word = |word: &str| {
        let plain = word.replace(['{', '}'], "");
        !plain.is_empty()
            && word.starts_with(|c: char| c.is_ascii_lowercase())
            && plain
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    text.contains('.') && text.split('.').all(word) && !NOT_CODES.contains(&text)
}

/// The codes in a source file, less its tests.
fn codes(source: &str) -> Vec<&str> {
    let tests = source.match_indices("#[cfg(test)]").find(|(at, _)| {
        let behind = source[*at..].lines().nth(1).unwrap_or_default();
        behind.ends_with("mod tests {")
    });
    let code = &source[..tests.map_or(source.len(), |(at, _)| at)];
    // What stands between any two quotes: between the end of a literal and the start of the next there is never a code.
    code.split('"').skip(1).filter(|text| is_code(text)).collect()
}

/// The codes that the page explains: the first cells of its tables.
fn documented(page: &str) -> Vec<&str> {
    page.lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .filter(|cell| is_code(cell))
        .collect()
}

/// Whether a code of the page is one that the sources make.
fn fits(made: &str, code: &str) -> bool {
    match made.split_once('{') {
        None => made == code,
        Some((start, rest)) => {
            let end = rest.split_once('}').map_or("", |(_, end)| end);
            code.len() > start.len() + end.len() && code.starts_with(start) && code.ends_with(end)
        }
    }
}

/// What is wrong between sources, as file and text, and the page.
fn faults(sources: &BTreeMap<String, String>, page: &str) -> Vec<String> {
    let documented = documented(page);
    let mut faults = Vec::new();
    let mut made = Vec::new();
    for (file, text) in sources {
        for code in codes(text) {
            if !documented.iter().any(|known| fits(code, known)) {
                faults.push(format!("`{code}` of {file} is not in {PAGE}"));
            }
            made.push(code);
        }
    }
    for (index, code) in documented.iter().enumerate() {
        if documented[..index].contains(code) {
            faults.push(format!("`{code}` is in {PAGE} twice"));
        }
        if !made.iter().any(|made| fits(made, code)) {
            faults.push(format!("`{code}` is in {PAGE}, and in no source of the host"));
        }
    }
    faults
}

/// The host's sources by their path, less files of tests.
fn sources() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let crates = fs::read_dir(root().join("host")).expect("the host's folder");
    for entry in crates {
        let folder = format!(
            "host/{}/src",
            entry.expect("a folder").file_name().to_string_lossy()
        );
        collect(&folder, &mut found);
    }
    assert!(found.len() > 50, "the scan found {} files only", found.len());
    found
}

fn collect(folder: &str, found: &mut BTreeMap<String, String>) {
    let Ok(entries) = fs::read_dir(root().join(folder)) else {
        return;
    };
    for entry in entries {
        let entry = entry.expect("a readable folder");
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{folder}/{name}");
        if entry.path().is_dir() {
            collect(&path, found);
        } else if name.ends_with(".rs") && name != "tests.rs" {
            let text = fs::read_to_string(entry.path()).unwrap_or_else(|error| panic!("{path}: {error}"));
            found.insert(path, text);
        }
    }
}

#[test]
fn every_code_is_documented_and_every_documented_code_exists() {
    let page = fs::read_to_string(root().join(PAGE)).expect("the page of codes");
    let faults = faults(&sources(), &page);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_code_is_told_from_other_texts() {
    for code in ["run.lost", "file.csv.bad_value", "schema.unknown_{what}"] {
        assert!(is_code(code), "{code}");
    }
    for other in [
        "run",
        "a.B",
        "1.0",
        ".git",
        "a..b",
        "{path}.json",
        "a b.c",
        "/x.y",
        "",
    ] {
        assert!(!is_code(other), "{other}");
    }
}

#[test]
fn what_is_missing_on_either_side_is_named() {
    let source = r#"
        fn a() { Error::new("known.one", "a message.") }
        fn b(what: &str) { format!("made.no_{what}"); tell("gone.astray", None) }
        #[cfg(test)]
        mod tests {
            const NONE: &str = "only.tested";
        }
    "#;
    let page = "| code | what |\n| `known.one` | x |\n| `made.no_tea` | x |\n| `old.news` | x |\n| `known.one` | y |";
    let sources = BTreeMap::from([("host/x/src/a.rs".to_owned(), source.to_owned())]);
    assert_eq!(
        faults(&sources, page),
        [
            "`gone.astray` of host/x/src/a.rs is not in docs/error-codes.md",
            "`old.news` is in docs/error-codes.md, and in no source of the host",
            "`known.one` is in docs/error-codes.md twice",
        ]
    );
}
