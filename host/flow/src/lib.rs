//! Runs one partition task: source, transforms, destination. The only data path.
//!
//! Each part is a task of its own, joined by short channels that hold a source back when what is behind it is slow.
//! Batches, refused rows and barriers travel in one order, so that what is in front of a barrier is in its checkpoint
//! and what is behind it is not.

mod check;
mod contract;
mod domain;
mod error;
mod inspect;
mod message;
mod progress;
mod pull;
mod quarantine;
mod read;
mod run;
mod sink;
mod slice;
mod step;
mod stream_step;

pub use check::{Declared, KeyStore, StreamBinding, bind_stream_check};
pub use contract::Conform;
pub use error::FlowError;
pub use progress::Progress;
pub use pull::can_pull;
pub use run::{BoundStep, Input, Parts, run};
