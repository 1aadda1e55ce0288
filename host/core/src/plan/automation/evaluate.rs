//! A condition over the slices of an asset.

use super::condition::{Kind, Node};
use super::explain::Explained;
use super::leaf::{Answer, View};
use super::places::Places;

/// What a part comes to.
pub(super) struct Outcome {
    pub(super) places: Places,
    pub(super) explained: Explained,
    /// Parts that were evaluated.
    pub(super) nodes: usize,
}

/// The slices for which a part holds. Every part is evaluated, also where it decides nothing, so that what it remembers
/// stays true.
pub(super) fn evaluate(node: &Node, view: &mut View<'_>) -> Outcome {
    let parts: Vec<Outcome> = node.children.iter().map(|child| evaluate(child, view)).collect();
    let all = view.world.space(view.asset).all();
    let found = |index: usize| {
        parts
            .get(index)
            .map(|part| part.places.clone())
            .unwrap_or_default()
    };
    let (places, why) = match &node.kind {
        Kind::Leaf(leaf) => {
            let Answer { places, why } = leaf.answer(&node.slot, view);
            if leaf.is_news() {
                view.news = view.news.or(&places);
            }
            (places, why)
        }
        Kind::And => (
            parts
                .iter()
                .fold(all.clone(), |so_far, part| so_far.and(&part.places)),
            None,
        ),
        Kind::Or => (
            parts
                .iter()
                .fold(Places::default(), |so_far, part| so_far.or(&part.places)),
            None,
        ),
        Kind::Not => (all.minus(&found(0)), None),
        Kind::NewlyTrue => {
            let new = found(0).minus(&view.before.get(&node.slot));
            view.after.set(node.slot.clone(), found(0));
            view.news = view.news.or(&new);
            (new, None)
        }
        Kind::Since { handled } => (since(node, *handled, &found(0), &found(1), view), None),
    };
    let nodes = 1 + parts.iter().map(|part| part.nodes).sum::<usize>();
    let below = parts.into_iter().map(|part| part.explained).collect();
    let explained = Explained::new(&node.label, &places, view.world.space(view.asset), why, below);
    Outcome {
        places,
        explained,
        nodes,
    }
}

/// From when a trigger holds on until a reset does. Where both came since the last evaluation the trigger counts, so that none
/// is lost.
///
/// What was loaded by a run is handled as of the run's beginning: a trigger that came while the run went on is not.
fn since(node: &Node, handled: bool, trigger: &Places, reset: &Places, view: &mut View<'_>) -> Places {
    let late_slot = format!("{}+", node.slot);
    let late = view.before.get(&late_slot);
    let reset_now = if handled {
        reset.minus(&late)
    } else {
        reset.clone()
    };
    let all = view.world.space(view.asset).all();
    let since = view.before.get(&node.slot).minus(&reset_now).or(trigger).and(all);
    if handled {
        let during = trigger.and(&view.asset.in_progress);
        view.after.set(late_slot, late.minus(reset).or(&during));
    }
    view.after.set(node.slot.clone(), since.clone());
    since
}
