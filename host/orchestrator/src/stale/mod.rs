//! Whether what was loaded is still what a run would load, and if not, why.

mod input;
mod standing;

pub(crate) use input::input;
pub use standing::{AssetStanding, Stale, standing};
