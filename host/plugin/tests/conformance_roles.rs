//! The conformance suite over sources, destinations, checks and sensors: those that keep the contract, and one that
//! breaks one rule after the other.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without fails it")]

use std::sync::Arc;

use tidegate_core::schema::{Limits, Millis};
use tidegate_plugin::conformance::{Example, Finding, Outcome, Subject, conformance};
use tidegate_plugin::{Plugin, Runtime};

mod support;
use support::{Lines, cache, guests};

async fn findings(name: &str, example: &str) -> Vec<Finding> {
    let subject = Subject {
        runtime: Runtime::new(&cache()).unwrap(),
        plugin: Arc::new(Plugin::read(&guests().join(format!("{name}.wasm"))).unwrap()),
        limits: Limits {
            // Debug builds on busy machines are slow.
            time_per_batch: Millis(30_000),
            ..Limits::default()
        },
        log: Arc::<Lines>::default(),
    };
    let example = Example::parse("example", example, &subject.plugin.manifest.roles)
        .unwrap_or_else(|errors| panic!("{errors}"));
    conformance(&subject, &[example]).await
}

fn failed(findings: &[Finding]) -> Vec<(&str, &str)> {
    let failed = findings
        .iter()
        .filter(|finding| finding.outcome == Outcome::Failed);
    failed
        .map(|finding| (finding.case, finding.message.as_str()))
        .collect()
}

/// Of the cases only those named fail; each with these words.
async fn breaks(rule: &str, example: &str, expected: &[(&str, &str)]) {
    let findings = findings(
        "guest-unsound-roles",
        &format!("config: {{breaks: {rule}}}\n{example}"),
    )
    .await;
    let found = failed(&findings);
    let cases: Vec<&str> = found.iter().map(|(case, _)| *case).collect();
    let wanted: Vec<&str> = expected.iter().map(|(case, _)| *case).collect();
    assert_eq!(cases, wanted, "{rule}: {found:?}");
    for ((_, message), (_, words)) in found.iter().zip(expected) {
        assert!(message.contains(words), "{rule}: {message}");
    }
    assert!(
        findings.iter().any(|finding| finding.outcome == Outcome::Passed),
        "{rule}"
    );
}

const SOURCE: &str = "stream: numbers\noutput: {columns: [{name: double, type: int64, nullable: false}], \
                      rows: [[0], [2], [4], [6], [8], [10], [12], [14], [16], [18]]}\n";
const DESTINATION: &str =
    "columns: [{name: n, type: int64}]\ninput: [[[1], [2]], [[3]], [[4], [5]]]\nreceipt: {rows: 5}\n";
const CHECK: &str = "columns: [{name: n, type: int64}]\ninput: [[[1], [2]], [[3]]]\nverdict: {passed: true, measures: {rows: 3}}\n";
const SENSOR: &str = "outcome: {runs: [{key: look-0}]}\n";

#[tokio::test]
async fn what_breaks_nothing_passes() {
    for example in [SOURCE, DESTINATION, CHECK, SENSOR] {
        breaks("none", example, &[]).await;
    }
}

#[tokio::test]
async fn a_source_that_cannot_be_gone_on_from_is_found() {
    let repeated = (
        "resume",
        "from the cursor behind row 0: row 0, column `n`: expected 1, found 0",
    );
    breaks("cursor", SOURCE, &[repeated]).await;
    let lost = (
        "small pages",
        "1 rows at a time: row 5, column `n`: expected 5, found 6",
    );
    let findings = findings(
        "guest-unsound-roles",
        &format!("config: {{breaks: pages}}\n{SOURCE}"),
    )
    .await;
    assert!(failed(&findings).contains(&lost), "{findings:?}");
    let found = ["output", "columns", "small pages", "resume"]
        .map(|case| (case, "`discover` names no stream `numbers`"));
    breaks("unlisted", SOURCE, &found).await;
}

#[tokio::test]
async fn a_destination_that_doubles_or_loses_rows_is_found() {
    let doubled = (
        "repeated write",
        "with every write repeated: expected 5 rows loaded, found 10",
    );
    breaks("tokens", DESTINATION, &[doubled]).await;
    let lost = (
        "resume",
        "taken over in front of batch 1: expected 5 rows loaded, found 3",
    );
    breaks("staged", DESTINATION, &[lost]).await;
    breaks(
        "commits",
        DESTINATION,
        &[("repeated commit", "the second commit")],
    )
    .await;
    breaks("nothing", DESTINATION, &[("no rows", "nothing was written")]).await;
}

#[tokio::test]
async fn a_check_that_forgets_and_a_sensor_that_remembers_are_found() {
    let forgot = (
        "resume",
        "taken over behind batch 0: expected passed: true, [(\"rows\", 3.0)]",
    );
    breaks("forgets", CHECK, &[forgot]).await;
    breaks(
        "looks",
        SENSOR,
        &[("no memory", "the second look of one instance")],
    )
    .await;
    breaks("round", SENSOR, &[("cursor", "look 0 from its own cursor")]).await;
}

#[tokio::test]
async fn what_comes_of_an_example_must_be_what_it_says() {
    let cases = [
        (
            SOURCE.replace("[4]", "[5]"),
            "row 2, column `double`: expected 5, found 4",
        ),
        (
            DESTINATION.replace("rows: 5", "rows: 6"),
            "expected 6 rows loaded, found 5",
        ),
        (
            CHECK.replace("rows: 3", "rows: 4"),
            "measure `rows`: expected 4, found 3",
        ),
        (
            CHECK.replace("passed: true", "passed: false"),
            "expected passed: false, found true (counted)",
        ),
        (
            SENSOR.replace("look-0", "look-1"),
            "expected the runs [\"look-1\"], found [\"look-0\"]",
        ),
        ("outcome: {skip: nothing}\n".to_owned(), "expected OutcomeDecl"),
    ];
    for (example, words) in cases {
        let findings = findings(
            "guest-unsound-roles",
            &format!("config: {{breaks: none}}\n{example}"),
        )
        .await;
        let found = failed(&findings);
        assert!(
            found[0].0 == "output" && found[0].1.starts_with(words),
            "{found:?}"
        );
    }
}

#[tokio::test]
async fn a_source_without_cursors_and_a_destination_that_shows_at_once_keep_the_contract() {
    let source = "config: {end: 3, whole: true}\nstream: numbers\n\
                  output: {columns: [{name: n, type: int64}], rows: [[0], [1], [2]]}\n";
    let found = findings("guest-roles", source).await;
    assert_eq!(failed(&found), []);
    let resume = found.iter().find(|finding| finding.case == "resume").unwrap();
    assert_eq!(
        (resume.outcome, resume.message.as_str()),
        (Outcome::Skipped, "it answers no cursor to go on from")
    );
    let found = findings(
        "guest-roles",
        &format!("config: {{shows_at_once: true}}\n{DESTINATION}"),
    )
    .await;
    assert_eq!(failed(&found), []);
    let resume = found.iter().find(|finding| finding.case == "resume").unwrap();
    assert_eq!(resume.message, "cannot hold back, so every load began anew");
}
