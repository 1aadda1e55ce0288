//! Which asset partition may be worked on, given what has been done.

use std::collections::BTreeSet;
use std::sync::Arc;

use tidegate_core::plan::{AssetName, PartitionKey};

use crate::project::AssetPlan;

/// An asset partition of a run.
pub(crate) type Item = (AssetName, PartitionKey);

/// The work of a run that is left.
pub(crate) struct Order<'a> {
    plans: &'a [Arc<AssetPlan>],
    waiting: Vec<Item>,
    /// Begun and not ended.
    open: BTreeSet<Item>,
    /// Ended badly, or not tried.
    bad: BTreeSet<Item>,
}

/// What is next.
pub(crate) enum Next {
    /// This one may begin.
    Begin(Item),
    /// This one cannot be done: something that it is made from was not.
    Skip(Item),
    /// Something must end first.
    Wait,
    /// Nothing is left.
    Done,
}

impl<'a> Order<'a> {
    pub(crate) fn new(plans: &'a [Arc<AssetPlan>], waiting: Vec<Item>) -> Self {
        Self {
            plans,
            waiting,
            open: BTreeSet::new(),
            bad: BTreeSet::new(),
        }
    }

    pub(crate) fn next(&mut self) -> Next {
        let ready = self.waiting.iter().position(|item| !self.blocked(item));
        match ready {
            Some(index) => {
                let item = self.waiting.remove(index);
                if self.needs(&item).any(|above| self.bad.contains(above)) {
                    self.bad.insert(item.clone());
                    return Next::Skip(item);
                }
                self.open.insert(item.clone());
                Next::Begin(item)
            }
            None if self.waiting.is_empty() && self.open.is_empty() => Next::Done,
            None => Next::Wait,
        }
    }

    pub(crate) fn ended(&mut self, item: &Item, well: bool) {
        self.open.remove(item);
        if !well {
            self.bad.insert(item.clone());
        }
    }

    /// What has not begun, when a run stops early.
    pub(crate) fn rest(&mut self) -> Vec<Item> {
        std::mem::take(&mut self.waiting)
    }

    /// Whether something that the item is made from is still to be done or under way.
    fn blocked(&self, item: &Item) -> bool {
        self.waiting
            .iter()
            .chain(&self.open)
            .any(|other| self.feeds(other, item))
    }

    fn needs<'b>(&'b self, item: &'b Item) -> impl Iterator<Item = &'b Item> {
        self.bad.iter().filter(move |other| self.feeds(other, item))
    }

    /// Whether one item is made from another: the same slice where both are sliced alike, else every slice.
    fn feeds(&self, above: &Item, item: &Item) -> bool {
        let Some(plan) = self.plans.iter().find(|plan| plan.name == item.0) else {
            return false;
        };
        let theirs = self.plans.iter().find(|plan| plan.name == above.0);
        let alike = theirs.is_some_and(|theirs| theirs.partitioning == plan.partitioning);
        plan.upstream.contains(&above.0)
            && (item.1 == above.1 || item.1.is_whole() || above.1.is_whole() || !alike)
    }
}

#[cfg(test)]
mod tests {
    use arrow_schema::Schema;
    use serde_json::Value;
    use tidegate_core::plan::{CheckpointPolicy, DestinationSpec, SliceRule, SourceSpec};
    use tidegate_core::schema::{Contract, Load};

    use super::*;
    use crate::project::WorkPolicy;

    fn plan(name: &str, upstream: Option<&str>) -> Arc<AssetPlan> {
        Arc::new(AssetPlan {
            name: name.parse().unwrap(),
            upstream: upstream.iter().map(|name| name.parse().unwrap()).collect(),
            partitioning: None,
            source: SourceSpec {
                cursor: None,
                connector: "file".into(),
                resource: Value::Null,
                config: Value::Null,
                columns: Vec::new(),
            },
            slice: SliceRule::Trusted,
            steps: Vec::new(),
            destination: DestinationSpec {
                connector: "file".into(),
                resource: Value::Null,
                config: Value::Null,
                load: Load::Replace,
            },
            columns: Vec::new(),
            contract: Contract::Strict,
            checks: Vec::new(),
            loaded: Arc::new(Schema::empty()),
            checkpoint: CheckpointPolicy { every_rows: 1 },
            batch_rows: 1,
            policy: WorkPolicy::default(),
        })
    }

    fn item(asset: &str, key: &str) -> Item {
        (asset.parse().unwrap(), PartitionKey(key.into()))
    }

    fn begin(order: &mut Order<'_>) -> Option<Item> {
        match order.next() {
            Next::Begin(item) => Some(item),
            _ => None,
        }
    }

    #[test]
    fn a_slice_waits_for_the_same_slice_and_a_whole_for_every_one() {
        let plans = [plan("a", None), plan("b", Some("a")), plan("c", Some("a"))];
        let work = vec![
            item("a", "1"),
            item("a", "2"),
            item("b", "1"),
            item("b", "2"),
            item("c", ""),
        ];
        let mut order = Order::new(&plans, work);
        assert_eq!(begin(&mut order), Some(item("a", "1")));
        assert_eq!(begin(&mut order), Some(item("a", "2")));
        assert!(matches!(order.next(), Next::Wait));
        order.ended(&item("a", "1"), true);
        assert_eq!(begin(&mut order), Some(item("b", "1")));
        assert!(matches!(order.next(), Next::Wait));
        order.ended(&item("a", "2"), true);
        assert_eq!(begin(&mut order), Some(item("b", "2")));
        assert_eq!(begin(&mut order), Some(item("c", "")));
    }

    #[test]
    fn what_is_made_from_something_that_failed_is_skipped_and_the_rest_goes_on() {
        let plans = [
            plan("a", None),
            plan("b", Some("a")),
            plan("c", Some("b")),
            plan("d", None),
        ];
        let work = vec![item("a", ""), item("b", ""), item("c", ""), item("d", "")];
        let mut order = Order::new(&plans, work);
        assert_eq!(begin(&mut order), Some(item("a", "")));
        order.ended(&item("a", ""), false);
        assert!(matches!(order.next(), Next::Skip(skipped) if skipped == item("b", "")));
        assert!(matches!(order.next(), Next::Skip(skipped) if skipped == item("c", "")));
        assert_eq!(begin(&mut order), Some(item("d", "")));
        order.ended(&item("d", ""), true);
        assert!(matches!(order.next(), Next::Done));
    }
}
