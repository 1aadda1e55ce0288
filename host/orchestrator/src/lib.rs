//! Runs, attempts and the local engine.
