//! What sources may not contain, and how long and what they may be called.

use crate::none;
use crate::tree::{Source, sources};

/// Lines of a file at most; of one that holds tests, which are mostly cases, more.
const MAX_LINES: usize = 500;
const MAX_TEST_LINES: usize = 800;

/// Names that say nothing of what is inside.
const EMPTY_NAMES: &[&str] = &["util", "utils", "common", "manager", "helper", "helpers", "misc"];

/// A text that sources may not have, where it may stand all the same, and why.
struct Rule {
    text: &'static str,
    within: &'static [&'static str],
    but: &'static [&'static str],
    why: &'static str,
}

const RULES: &[Rule] = &[
    Rule {
        text: "todo!(",
        within: &[""],
        but: &[],
        why: "what is not done does not go in",
    },
    Rule {
        text: "unimplemented!(",
        within: &[""],
        but: &[],
        why: "what is not done does not go in",
    },
    Rule {
        text: "unbounded_channel",
        within: &[""],
        but: &[],
        why: "every channel has a bound, or memory has none",
    },
    Rule {
        text: "env::var",
        within: &["host/"],
        but: &["host/cli/"],
        why: "only the command line reads the environment",
    },
    Rule {
        text: "wasmtime::",
        within: &["host/", "sdk/"],
        but: &["host/plugin/"],
        why: "only `plugin` names wasmtime",
    },
    Rule {
        text: "sqlx::",
        within: &["host/", "sdk/"],
        but: &["host/state/", "host/connector/src/postgres/"],
        why: "only `state` and the Postgres connector name sqlx",
    },
    Rule {
        text: "datafusion::",
        within: &["host/", "sdk/"],
        but: &["host/sql/", "host/engine-ballista/"],
        why: "only `sql` and `engine-ballista` name datafusion",
    },
    Rule {
        text: "Utc::now",
        within: &["host/core/"],
        but: &[],
        why: "the core is told the time",
    },
    Rule {
        text: "SystemTime::now",
        within: &["host/core/"],
        but: &[],
        why: "the core is told the time",
    },
    Rule {
        text: "Instant::now",
        within: &["host/core/"],
        but: &[],
        why: "the core is told the time",
    },
];

/// Whether a file is of tests or benchmarks, which may do what a shipped one may not.
fn is_test(path: &str) -> bool {
    path.split('/')
        .any(|part| matches!(part, "tests" | "benches" | "build.rs" | "tests.rs"))
}

fn forbidden(source: &Source) -> Vec<String> {
    let starts = |starts: &[&str]| starts.iter().any(|start| source.path.starts_with(start));
    let mut violations = Vec::new();
    // These rules' own words stand in this folder.
    if source.ending() != Some("rs") || source.path.starts_with("xtask/tests/dependency_rules/") {
        return violations;
    }
    for (index, line) in source.text.lines().enumerate() {
        let code = line.trim_start();
        if code.starts_with("//") {
            continue;
        }
        for rule in RULES {
            let shipped_only = rule.within != [""];
            if code.contains(rule.text)
                && starts(rule.within)
                && !starts(rule.but)
                && !(shipped_only && is_test(&source.path))
            {
                let Source { path, .. } = source;
                violations.push(format!("{path}:{}: `{}`: {}", index + 1, rule.text, rule.why));
            }
        }
    }
    violations
}

fn too_long(source: &Source) -> Option<String> {
    let lines = source.text.lines().count();
    let allowed = if is_test(&source.path) {
        MAX_TEST_LINES
    } else {
        MAX_LINES
    };
    let code = matches!(source.ending(), Some("rs" | "py"));
    (code && lines > allowed).then(|| {
        format!(
            "{}: {lines} lines, and {allowed} are allowed: split it",
            source.path
        )
    })
}

/// Files, folders and modules with a name that says nothing.
fn empty_names(source: &Source) -> Vec<String> {
    let empty = |name: &str| {
        name.split(['_', '-', '.'])
            .any(|word| EMPTY_NAMES.contains(&word))
    };
    let Source { path, text } = source;
    let mut violations = Vec::new();
    if path.split('/').any(empty) {
        violations.push(format!("{path}: name it after what is in it"));
    }
    for (index, line) in text.lines().enumerate() {
        let declared = line
            .split_once("mod ")
            .filter(|(before, _)| before.trim().is_empty() || before.trim_start().starts_with("pub"));
        let name = declared.map(|(_, name)| name.trim_end_matches([' ', '{', ';']));
        if let Some(name) = name.filter(|name| empty(name)) {
            violations.push(format!(
                "{path}:{}: module `{name}`: name it after what is in it",
                index + 1
            ));
        }
    }
    violations
}

#[test]
fn sources_contain_nothing_forbidden() {
    let violations: Vec<String> = sources().iter().flat_map(forbidden).collect();
    none(&violations);
}

#[test]
fn no_file_is_too_long() {
    let violations: Vec<String> = sources().iter().filter_map(too_long).collect();
    none(&violations);
}

#[test]
fn files_and_modules_are_named_after_what_is_in_them() {
    let violations: Vec<String> = sources().iter().flat_map(empty_names).collect();
    none(&violations);
}

#[test]
fn the_rules_find_what_breaks_them() {
    let file = |path: &str, text: &str| Source {
        path: path.to_owned(),
        text: text.to_owned(),
    };
    let read = "fn f() {\n    std::env::var(\"X\");\n}";
    let found = forbidden(&file("host/flow/src/run.rs", read));
    let said = ["host/flow/src/run.rs:2: `env::var`: only the command line reads the environment"];
    assert_eq!(found, said);
    for allowed in [
        "host/cli/src/main.rs",
        "host/state/tests/contract/support.rs",
        "host/state/build.rs",
    ] {
        assert!(forbidden(&file(allowed, read)).is_empty(), "{allowed}");
    }
    assert!(forbidden(&file("host/flow/src/run.rs", "// no env::var here")).is_empty());
    assert_eq!(
        forbidden(&file("host/flow/tests/x.rs", "unbounded_channel()")).len(),
        1
    );
    assert_eq!(
        forbidden(&file("host/flow/src/x.rs", "use wasmtime::Engine;")).len(),
        1
    );
    assert_eq!(forbidden(&file("host/core/src/x.rs", "Utc::now()")).len(), 1);

    let long = "\n".repeat(501);
    assert!(too_long(&file("host/flow/src/run.rs", &long)).is_some());
    assert!(too_long(&file("host/flow/tests/run.rs", &long)).is_none());
    assert!(too_long(&file("host/flow/tests/run.rs", &"\n".repeat(801))).is_some());

    assert_eq!(empty_names(&file("host/flow/src/string_utils.rs", "")).len(), 1);
    assert_eq!(empty_names(&file("host/flow/src/common/mod.rs", "")).len(), 1);
    let modules = "mod commonest;\npub(crate) mod helpers;\n// mod util;";
    assert_eq!(empty_names(&file("host/flow/src/lib.rs", modules)).len(), 1);
}
