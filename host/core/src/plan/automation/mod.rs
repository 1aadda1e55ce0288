//! Which slices of which assets are to be loaded now, by themselves: conditions, evaluated over ranges of slices.
//!
//! [`World`] is told what changed ([`Changes`]) and looks at the assets that this touches. A question that a condition can
//! ask is an arm of `leaf.rs`.

mod asset_state;
mod changes;
mod condition;
mod evaluate;
mod explain;
mod leaf;
mod link;
mod memory;
mod pass;
mod places;
mod runs;
mod space;
#[cfg(test)]
mod tests;
mod world;

pub use changes::{Changes, Evaluated, Updated, Work};
pub use condition::{Asks, Condition};
pub use explain::Explained;
pub use memory::KeptMemory;
pub use places::Places;
pub use world::{AssetRules, World};
