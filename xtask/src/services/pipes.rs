//! The Python of the tests of operational jobs: it has the package `dagster-pipes`.

use std::path::PathBuf;

use super::folder;
use crate::venv;

/// The variable in which tests look for it.
pub(crate) const PYTHON_VARIABLE: &str = "TIDEGATE_TEST_PIPES_PYTHON";

/// What is installed, by its hashes.
const REQUIREMENTS: &str = "xtask/src/services/pipes-requirements.txt";

/// The Python, installed where it is missing.
pub(crate) fn python() -> Result<PathBuf, String> {
    Ok(venv::with(&folder().join("pipes"), REQUIREMENTS)?.join("python"))
}
