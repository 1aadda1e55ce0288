//! Whether a component keeps the contract: an author's examples, and what is made of them.
//!
//! [`conformance`] runs each [`Example`] and the cases that follow from it, whatever the plugin is written in, and
//! answers a [`Finding`] each. Nothing of a plugin's is trusted: a trap, a breach of a limit and a wrong answer are
//! findings like any other. docs/plugins/testing.md lists the cases.

mod check;
mod columns;
mod configs;
mod destination;
mod difference;
mod example;
mod finding;
mod run;
mod sensor;
mod source;
mod subject;
mod transform;
mod values;
mod writer;

pub use example::{
    Example, Expected, OutcomeDecl, ReceiptDecl, RejectDecl, Rows, RunDecl, Trial, VerdictDecl,
};
pub use finding::{Finding, Outcome};
pub use subject::Subject;

/// Tries a plugin with examples. Findings stand in the order of the examples, and of the cases within one.
pub async fn conformance(subject: &Subject, examples: &[Example]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for example in examples {
        match &example.trial {
            Trial::Transform {
                schema,
                input,
                expected,
            } => {
                let case = transform::Case {
                    subject,
                    config: &example.config,
                    schema,
                    input,
                };
                findings.extend(case.findings(&example.name, expected).await);
            }
            Trial::Source {
                stream,
                cursor,
                expected,
            } => {
                let case = source::Case {
                    subject,
                    config: &example.config,
                    stream,
                    cursor: cursor.as_deref(),
                };
                findings.extend(case.findings(&example.name, expected).await);
            }
            Trial::Destination {
                schema,
                input,
                expected,
            } => {
                let case = destination::Case {
                    subject,
                    config: &example.config,
                    schema,
                    input,
                };
                findings.extend(case.findings(&example.name, expected).await);
            }
            Trial::Check {
                schema,
                input,
                expected,
            } => {
                let case = check::Case {
                    subject,
                    config: &example.config,
                    schema,
                    input,
                };
                findings.extend(case.findings(&example.name, expected).await);
            }
            Trial::Sensor { cursor, expected } => {
                let case = sensor::Case {
                    subject,
                    config: &example.config,
                    cursor: cursor.as_deref(),
                };
                findings.extend(case.findings(&example.name, expected).await);
            }
        }
    }
    findings.iter_mut().for_each(without_http);
    findings
}

/// What a plugin cannot do without HTTP, which is not granted here, is no failure of its own.
fn without_http(finding: &mut Finding) {
    if finding.outcome == Outcome::Failed && finding.message.contains("plugin.http_refused: ") {
        finding.outcome = Outcome::Skipped;
        finding.message = format!("it needs HTTP, which is not granted here: {}", finding.message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_refused_request_is_no_failure() {
        let outcome = |message: &str| {
            let mut finding = Finding::new("x", "output", Err(message.to_owned()));
            without_http(&mut finding);
            finding.outcome
        };
        assert_eq!(
            outcome("plugin.http_refused: the host refuses GET https://x/"),
            Outcome::Skipped
        );
        assert_eq!(outcome("plugin.trap: panicked"), Outcome::Failed);
        assert_eq!(outcome("row 0, column `a`: expected 1, found 2"), Outcome::Failed);
    }
}
