//! Whether a resource can be used, found out before a run does.

use serde::Serialize;

/// What a resource is asked to be good for.
#[derive(Debug, Clone, Copy)]
pub struct AskHealth<'a> {
    /// The resource, checked and with its secrets.
    pub resource: &'a serde_json::Value,
    /// Whether sources read from it.
    pub reads: bool,
    /// Whether destinations write to it.
    pub writes: bool,
    /// How long the other side may keep silent, where the resource does not say less.
    pub silence_ms: u64,
}

/// A resource that can be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Health {
    /// What answered, for people, such as `PostgreSQL 15.8`.
    pub about: String,
    /// What is odd about it, and stands in nobody's way.
    pub warnings: Vec<String>,
}
