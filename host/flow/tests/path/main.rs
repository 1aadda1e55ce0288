//! The data path between a source, transforms and a destination that do what a test tells them.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without fails it")]

mod built_in;
mod checks;
mod doubles;
mod faults;
mod instances;
mod resume;
