//! What an item of a run is: a slice of an asset, or a step of a job; and which of them may be worked on.

use std::sync::Arc;

use tidegate_core::plan::AssetName;
use tidegate_core::port::{PartitionState, PoolLimit};
use tidegate_core::schema::RetryDecl;

use super::order::{Item, Next, Order};
use super::report::PartitionOutcome;
use super::request::Launch;
use crate::operation::{StepOrder, StepWork};
use crate::project::AssetPlan;

/// What an attempt is made at.
pub(super) enum Work {
    /// A slice of an asset.
    Asset(Arc<AssetPlan>),
    /// A step of a job.
    Step(Box<StepWork>),
}

impl Work {
    pub(super) fn name(&self) -> &AssetName {
        match self {
            Self::Asset(plan) => &plan.name,
            Self::Step(step) => &step.step.name,
        }
    }

    pub(super) fn pools(&self) -> &[PoolLimit] {
        match self {
            Self::Asset(plan) => &plan.policy.pools,
            Self::Step(step) => &step.pools,
        }
    }

    /// What an asset says is said for every run of it, and a job may say otherwise; what a step says, it says itself.
    pub(super) fn retry(&self, launch: &Launch) -> RetryDecl {
        match self {
            Self::Asset(plan) => launch.retry.unwrap_or(plan.policy.retry),
            Self::Step(step) => step.retry,
        }
    }
}

/// Which item of a run may be worked on.
pub(super) enum Plan<'a> {
    /// Of a run of assets.
    Assets(Order<'a>, &'a [Arc<AssetPlan>]),
    /// Of a run of steps.
    Steps(Box<StepOrder<'a>>, &'a [Arc<AssetPlan>]),
}

impl Plan<'_> {
    pub(super) fn next(&mut self) -> Next {
        match self {
            Self::Assets(order, _) => order.next(),
            Self::Steps(order, _) => order.next(),
        }
    }

    /// What an item is; none of an asset that was not prepared.
    pub(super) fn work(&self, item: &Item) -> Option<Work> {
        let (step, plans) = match self {
            Self::Assets(_, plans) => (None, plans),
            Self::Steps(order, plans) => (order.work(item), plans),
        };
        if let Some(step) = step {
            return Some(Work::Step(Box::new(step)));
        }
        let plan = plans.iter().find(|plan| plan.name == item.0)?;
        Some(Work::Asset(plan.clone()))
    }

    pub(super) fn ended(&mut self, outcome: &PartitionOutcome) {
        match self {
            Self::Assets(order, _) => {
                let item = (outcome.asset.clone(), outcome.partition.clone());
                order.ended(&item, outcome.state == PartitionState::Succeeded);
            }
            Self::Steps(order, _) => order.ended(outcome),
        }
    }

    pub(super) fn rest(&mut self) -> Vec<Item> {
        match self {
            Self::Assets(order, _) => order.rest(),
            Self::Steps(order, _) => order.rest(),
        }
    }
}
