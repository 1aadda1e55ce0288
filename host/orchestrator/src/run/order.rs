//! Which asset partition may be worked on, given what has been done.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use tidegate_core::plan::{AssetName, PartitionKey};

use crate::project::{Above, AssetPlan};

/// An asset partition of a run.
pub(crate) type Item = (AssetName, PartitionKey);

/// Slices by asset.
type Slices = BTreeMap<AssetName, BTreeSet<PartitionKey>>;

/// The work of a run that is left.
pub(crate) struct Order<'a> {
    plans: BTreeMap<&'a AssetName, &'a AssetPlan>,
    waiting: VecDeque<Item>,
    /// Begun and not ended.
    open: usize,
    /// Waiting, or begun and not ended.
    left: Slices,
    /// Ended badly, or not tried.
    bad: Slices,
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
        let mut left = Slices::new();
        for (asset, key) in &waiting {
            left.entry(asset.clone()).or_default().insert(key.clone());
        }
        Self {
            plans: plans.iter().map(|plan| (&plan.name, plan.as_ref())).collect(),
            waiting: waiting.into(),
            open: 0,
            left,
            bad: Slices::new(),
        }
    }

    pub(crate) fn next(&mut self) -> Next {
        let ready = self.waiting.iter().position(|item| !self.meets(&self.left, item));
        let Some(item) = ready.and_then(|index| self.waiting.remove(index)) else {
            let done = self.waiting.is_empty() && self.open == 0;
            return if done { Next::Done } else { Next::Wait };
        };
        if self.meets(&self.bad, &item) {
            self.close(&item, false);
            return Next::Skip(item);
        }
        self.open += 1;
        Next::Begin(item)
    }

    pub(crate) fn ended(&mut self, item: &Item, well: bool) {
        self.open = self.open.saturating_sub(1);
        self.close(item, well);
    }

    /// What has not begun, when a run stops early.
    pub(crate) fn rest(&mut self) -> Vec<Item> {
        std::mem::take(&mut self.waiting).into()
    }

    fn close(&mut self, (asset, key): &Item, well: bool) {
        if let Some(keys) = self.left.get_mut(asset) {
            keys.remove(key);
        }
        if !well {
            self.bad.entry(asset.clone()).or_default().insert(key.clone());
        }
    }

    /// Whether an item is made from any of these slices.
    fn meets(&self, slices: &Slices, (asset, key): &Item) -> bool {
        let Some(plan) = self.plans.get(asset) else {
            return false;
        };
        plan.above.iter().any(|above| {
            let keys = slices.get(&above.name);
            keys.is_some_and(|keys| feed(keys, above, plan, key))
        })
    }
}

/// Whether a slice is made from any of these of an asset above.
fn feed(keys: &BTreeSet<PartitionKey>, above: &Above, plan: &AssetPlan, made: &PartitionKey) -> bool {
    let below = plan.partitioning.as_ref();
    // One look-up where there is one key to look for: a run may have tens of thousands of each.
    if above.same_keys(below) {
        keys.contains(made)
    } else {
        keys.iter().any(|key| above.feeds(&key.0, below, &made.0))
    }
}

#[cfg(test)]
mod tests {
    use arrow_schema::Schema;
    use serde_json::Value;
    use tidegate_core::plan::{
        CheckpointPolicy, DestinationSpec, Mapping, Partitioning, SliceRule, SourceSpec, ValueSlices, Values,
    };
    use tidegate_core::schema::{Contract, Load};

    use super::*;
    use crate::project::WorkPolicy;

    /// Sliced into 1 and 2, where it is.
    fn slices() -> Partitioning {
        Partitioning::Values(ValueSlices {
            values: Values::Static(vec!["1".into(), "2".into()]),
            column: None,
        })
    }

    fn sliced(name: &str, upstream: Option<&str>) -> Arc<AssetPlan> {
        plan_over(name, upstream, Some(&slices()), Some(&slices()))
    }

    fn plan(name: &str, upstream: Option<&str>) -> Arc<AssetPlan> {
        plan_over(name, upstream, None, None)
    }

    fn plan_over(
        name: &str,
        upstream: Option<&str>,
        theirs: Option<&Partitioning>,
        ours: Option<&Partitioning>,
    ) -> Arc<AssetPlan> {
        Arc::new(AssetPlan {
            name: name.parse().unwrap(),
            upstream: upstream.iter().map(|name| name.parse().unwrap()).collect(),
            deps: Vec::new(),
            queried: Vec::new(),
            code_version: tidegate_core::plan::Digest::of(b"code"),
            above: upstream
                .iter()
                .map(|name| Above {
                    name: name.parse().unwrap(),
                    mapping: Mapping::between(theirs, ours, None).unwrap(),
                    partitioning: theirs.cloned(),
                })
                .collect(),
            reads: upstream.map(|name| name.parse().unwrap()),
            partitioning: ours.cloned(),
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
        let plans = [
            sliced("a", None),
            sliced("b", Some("a")),
            plan_over("c", Some("a"), Some(&slices()), None),
        ];
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
