//! The rules of the workspace, held by tests: which crate may know which, what sources may not contain, and under which
//! licences dependencies come.

mod licences;
mod manifests;
mod sources;
mod tree;

/// Fails with every violation, each naming its file and rule.
fn none(violations: &[String]) {
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}
