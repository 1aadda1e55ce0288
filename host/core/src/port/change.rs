//! What has to change at a destination before a load fits.

use serde::{Deserialize, Serialize};

/// One change at a destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// What differs, in words: `column \`x\` is new`.
    pub what: String,
    /// What makes it right, in the destination's language.
    pub statement: String,
    /// Who makes it.
    pub by: ChangeBy,
}

/// Who makes a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeBy {
    /// Any run: nothing is there that it could harm.
    Run,
    /// A run under `contract: evolve`, and `plan --apply` always: no value is lost.
    Evolve,
    /// A person: data could be lost.
    Hand,
}
