//! The HTTP API: what a project is, what runs there were and go on, and how new ones are asked for.
//!
//! A file for each resource. Every answer that is not a success is `application/problem+json` (`problem.rs`); who may ask
//! for what is `access/`; `docs/api.md` is the guide, and the document under `/api/v1/openapi.json` the reference.

mod access;
mod assets;
mod body;
mod health;
mod idempotency;
mod jobs;
mod launch;
mod openapi;
mod problem;
mod router;
mod run;
mod server;
mod wait;

pub use access::{Auth, NewToken};
pub use openapi::document;
pub use server::{Api, ApiConfig, ApiError};
