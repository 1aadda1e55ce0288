//! The conformance suite over every built plugin that has examples, and the suite itself over a plugin that breaks one
//! rule after the other.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without fails it")]

use std::path::PathBuf;
use std::sync::Arc;

use tidegate_core::schema::{ByteSize, Limits, Millis};
use tidegate_plugin::conformance::{Example, Finding, Outcome, Subject, conformance};
use tidegate_plugin::{Plugin, Runtime};

mod support;
use support::{Host, Lines, cache, guests};

fn subject(name: &str) -> Subject {
    Subject {
        runtime: Runtime::new(&cache()).unwrap(),
        plugin: Arc::new(Plugin::read(&guests().join(format!("{name}.wasm"))).unwrap()),
        limits: Limits {
            // Debug builds on busy machines are slow.
            time_per_batch: Millis(30_000),
            ..Limits::default()
        },
        log: Arc::<Lines>::default(),
    }
}

fn failed(findings: &[Finding]) -> Vec<(&str, &str)> {
    let failed = findings
        .iter()
        .filter(|finding| finding.outcome == Outcome::Failed);
    failed
        .map(|finding| (finding.case, finding.message.as_str()))
        .collect()
}

/// Tries the guest that breaks a rule, with three rows in two batches, doubled.
async fn unsound(config: &str) -> Vec<Finding> {
    let text = format!(
        "config: {config}\ncolumns: [{{name: n, type: int64}}]\ninput: [[[1], [2]], [[null], [4]]]\n\
         output: {{columns: [{{name: made, type: int64}}], rows: [[2], [4], [null], [8]]}}\n"
    );
    let subject = subject("guest-unsound");
    let example = Example::parse("doubled", &text, &subject.plugin.manifest.roles).unwrap();
    conformance(&subject, &[example]).await
}

/// The rule is broken, and of the cases only those named fail; each with these words.
async fn breaks(config: &str, expected: &[(&str, &str)]) {
    let findings = unsound(config).await;
    let found = failed(&findings);
    let cases: Vec<&str> = found.iter().map(|(case, _)| *case).collect();
    let wanted: Vec<&str> = expected.iter().map(|(case, _)| *case).collect();
    assert_eq!(cases, wanted, "{config}: {found:?}");
    for ((_, message), (_, words)) in found.iter().zip(expected) {
        assert!(message.contains(words), "{config}: {message}");
    }
}

#[tokio::test]
async fn every_built_plugin_keeps_the_contract() {
    let folder = guests().join("..");
    let mut tried = Vec::new();
    let mut entries: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for entry in entries {
        let examples = entry.join("examples");
        let name = entry.file_name().unwrap().to_string_lossy().into_owned();
        if !examples.exists() || !guests().join(format!("{name}.wasm")).exists() {
            continue;
        }
        let subject = subject(&name);
        let examples = Example::read_folder(&examples, &subject.plugin.manifest.roles)
            .unwrap_or_else(|errors| panic!("{name}: {errors}"));
        let findings = conformance(&subject, &examples).await;
        assert_eq!(failed(&findings), [], "{name}");
        assert!(
            findings.iter().any(|finding| finding.outcome == Outcome::Passed),
            "{name}"
        );
        tried.push(name);
    }
    for known in [
        "clean-tail-number",
        "delay-class",
        "keep-present",
        "local-instants",
    ] {
        assert!(
            tried.iter().any(|name| name == known),
            "{known} was not tried, but {tried:?}"
        );
    }
}

#[tokio::test]
async fn a_plugin_that_breaks_nothing_passes_every_case() {
    let findings = unsound("{breaks: none}").await;
    assert_eq!(failed(&findings), []);
    let passed = findings
        .iter()
        .filter(|finding| finding.outcome == Outcome::Passed);
    assert_eq!(passed.count(), 14, "{findings:?}");
}

#[tokio::test]
async fn what_comes_out_must_be_what_the_example_says() {
    let subject = subject("guest-unsound");
    let example = |output: &str| {
        let text = format!(
            "config: {{breaks: none}}\ncolumns: [{{name: n, type: int64}}]\ninput: [[[1], [2]]]\n{output}\n"
        );
        Example::parse("wrong", &text, &subject.plugin.manifest.roles).unwrap()
    };
    let cases = [
        (
            "output: {columns: [{name: made, type: int64}], rows: [[2], [5]]}",
            "row 1, column `made`: expected 5, found 4",
        ),
        (
            "output: {columns: [{name: made, type: int64}], rows: [[2]]}",
            "expected 1 rows, found 2",
        ),
        (
            "output: {columns: [{name: made, type: int32}], rows: [[2], [4]]}",
            "column `made`: expected int32, found int64",
        ),
        (
            "output: {columns: [{name: made, type: int64}, {name: m, type: int64}], rows: [[2, 1], [4, 1]]}",
            "there is no column `m`; the columns are n, made",
        ),
        (
            "output: {columns: [{name: made, type: int64}], rows: [[2], [4]], rejects: [{batch: 0, row: 1, code: x}]}",
            "rejects: expected batch 0 row 1 x, found none",
        ),
        ("fault: no", "expected a fault with `no`, and 2 rows came out"),
    ];
    for (output, words) in cases {
        let findings = conformance(&subject, &[example(output)]).await;
        assert_eq!(findings[0].outcome, Outcome::Failed, "{output}");
        assert_eq!(findings[0].message, words);
    }
}

#[tokio::test]
async fn a_plugin_that_is_not_deterministic_is_found() {
    let when = "at another time, with other random numbers: row 0, column `made`";
    for rule in ["clock", "random"] {
        let findings = unsound(&format!("{{breaks: {rule}}}")).await;
        let found = failed(&findings);
        assert!(
            found
                .iter()
                .any(|(case, message)| *case == "deterministic" && message.starts_with(when)),
            "{found:?}"
        );
    }
}

#[tokio::test]
async fn state_that_is_not_handed_over_is_found() {
    let wrong = ("output", "row 0, column `made`: expected 2, found 0");
    let lost = (
        "resume",
        "taken over behind batch 0: row 2, column `made`: expected 2, found 0",
    );
    breaks("{breaks: forgets}", &[wrong, lost]).await;
    breaks("{breaks: ignores}", &[wrong, lost]).await;
    let cut = (
        "split",
        "in batches of 1 row: row 1, column `made`: expected 1, found 0",
    );
    breaks("{breaks: batches}", &[wrong, cut]).await;
}

#[tokio::test]
async fn batches_that_a_plugin_cannot_take_are_found() {
    breaks("{breaks: empty}", &[("no rows", "a batch without rows")]).await;
    breaks("{breaks: emptiness}", &[("no rows", "plugin.data")]).await;
    let single = "a batch of one row";
    breaks("{breaks: single}", &[("one row", single), ("split", single)]).await;
    breaks("{breaks: memory}", &[("many rows", "plugin.memory_limit")]).await;
    let findings = unsound("{breaks: nulls}").await;
    assert!(
        failed(&findings)
            .iter()
            .any(|(case, message)| *case == "nulls" && message.contains("plugin.trap"))
    );
    let findings = unsound("{breaks: counts}").await;
    assert!(
        failed(&findings)
            .iter()
            .any(|(case, message)| *case == "output" && message.contains("plugin.contract"))
    );
}

#[tokio::test]
async fn bindings_that_trap_are_found() {
    breaks("{breaks: unknown}", &[("unknown config key", "plugin.trap")]).await;
    breaks("{breaks: config, trap: yes}", &[("wrong config", "plugin.trap")]).await;
    breaks("{breaks: missing}", &[("missing column", "plugin.trap")]).await;
    breaks("{breaks: extra}", &[("extra column", "plugin.trap")]).await;
    breaks(
        "{breaks: types}",
        &[(
            "every type",
            "the column `n` as boolean: expected a fault or rows, found plugin.trap",
        )],
    )
    .await;
    breaks(
        "{breaks: unseen}",
        &[("output", "the plugin makes the column `other`")],
    )
    .await;
}

#[tokio::test]
async fn examples_that_cannot_be_read_say_where() {
    let roles = ["transform".to_owned()];
    let cases = [
        (
            "columns: [{name: n, type: int8}]\ninput: [[[1], [300]]]\noutput: {columns: [], rows: []}\n",
            "/input/0/1",
            2,
        ),
        (
            "columns: [{name: n, type: int8}]\noutput:\n  columns: [{name: m, type: utf8}]\n  rows:\n    - [1]\n",
            "rows",
            5,
        ),
        (
            "columns: []\nouput: {columns: [], rows: []}\n",
            "did you mean `output`?",
            2,
        ),
        ("columns: []\n", "the key `output` is missing", 1),
        (
            "columns: []\nfault: x\noutput: {columns: [], rows: []}\n",
            "not both",
            2,
        ),
    ];
    for (text, words, line) in cases {
        let errors = Example::parse("bad", text, &roles).unwrap_err();
        let shown = errors.0[0].render();
        assert!(shown.contains(&format!("bad.yaml:{line}:")), "{words}: {shown}");
    }
}

#[tokio::test]
async fn plugins_that_make_rows_and_hold_some_back_are_tried_too() {
    let host = Host::new();
    let subject = subject("guest-dedupe");
    let text = "columns: [{name: key, type: int64}]\ninput: [[[1], [1], [2]], [[2], [null], [3], [1]]]\n\
                output: {columns: [{name: key, type: int64}], rows: [[1], [2], [null], [3]]}\n";
    let example = Example::parse("first", text, &subject.plugin.manifest.roles).unwrap();
    let findings = conformance(&subject, &[example]).await;
    assert_eq!(failed(&findings), []);
    let of = |case: &str| findings.iter().find(|finding| finding.case == case).unwrap();
    assert_eq!(of("resume").message, "1 break, 16 bytes of state");
    assert_eq!(of("split").outcome, Outcome::Skipped);
    let memory = Limits {
        memory: ByteSize(1 << 16),
        ..Limits::default()
    };
    let small = Subject {
        limits: memory,
        runtime: host.runtime,
        ..subject
    };
    let example = Example::parse("first", text, &small.plugin.manifest.roles).unwrap();
    let findings = conformance(&small, &[example]).await;
    assert!(
        failed(&findings)[0].1.contains("plugin.memory_limit"),
        "{findings:?}"
    );
}
