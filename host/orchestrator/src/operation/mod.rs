//! Steps of operational jobs: which may be done, and what each does.
//!
//! A step is an item of its run, as a slice of an asset is: attempts, fences, retries and logs are the same. What is its own
//! stands here: its order ([`order`]), and what an attempt does ([`attempt`]).

mod attempt;
mod exec;
mod guard;
mod lines;
mod order;
mod pipes;
mod query;
mod request;
mod select;
mod step;

pub(crate) use order::StepOrder;
pub(crate) use step::StepWork;
