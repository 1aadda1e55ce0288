//! What launches runs by itself: jobs are what is launched, schedules and sensors say when.
//!
//! A [`Wanted`] is what a document asks for. The duties [`Schedules`] and [`Sensors`] make ticks of it: each is one
//! transaction under the leader's fence, so that none is lost or doubled whenever a process dies.

mod by_hand;
mod known;
mod look;
mod maintenance;
mod overlap;
mod schedules;
mod sensors;
mod slices;
mod standing;
mod wanted;

pub use by_hand::{Triggered, trigger};
pub(crate) use maintenance::first;
pub use schedules::{Schedules, next_ticks};
pub use sensors::{Evaluated, Sensors, evaluate};
pub(crate) use slices::Slices;
pub use standing::{Standing, State};
pub use wanted::Wanted;
