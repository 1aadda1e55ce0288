//! A condition, ready to be evaluated.

use chrono_tz::Tz;

use super::leaf::Leaf;
use crate::plan::{AssetName, Cron, CronError, Digest};
use crate::schema::{AutomationDecl, CronTicks};

/// A condition, ready to be evaluated. What stands for several others (`eager`) is written out.
#[derive(Debug, Clone)]
pub struct Condition {
    pub(super) root: Node,
    pub(super) crons: Vec<Ticks>,
    /// What was remembered under another condition means nothing under this one.
    pub fingerprint: Digest,
    /// What it asks that is not told with what changed.
    pub asks: Asks,
}

/// What a condition asks that somebody must find out for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Asks {
    /// Which version of its code the asset has.
    pub code: bool,
    /// Which blocking checks of what it is made from failed.
    pub checks: bool,
    /// Whether it is late.
    pub freshness: bool,
}

/// A part of a condition.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// As it is shown.
    pub(super) label: String,
    /// Where it remembers: its place in the condition.
    pub(super) slot: String,
    pub(super) children: Vec<Node>,
}

/// What a part does with those below it.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    Leaf(Leaf),
    And,
    Or,
    Not,
    NewlyTrue,
    /// Of two: the trigger, then the reset.
    Since {
        /// Whether the reset is that the slice was handled.
        handled: bool,
    },
}

/// Times on a clock.
#[derive(Debug, Clone)]
pub(super) struct Ticks {
    pub(super) cron: Cron,
    pub(super) zone: Tz,
    pub(super) text: String,
}

impl Ticks {
    fn of(ticks: &CronTicks) -> Result<Self, CronError> {
        Ok(Self {
            cron: Cron::parse(&ticks.cron)?,
            // Validation has refused what is none.
            zone: ticks.timezone.parse().unwrap_or(Tz::UTC),
            text: format!("{} {}", ticks.cron, ticks.timezone),
        })
    }
}

impl Condition {
    /// The condition of a declaration that was validated.
    pub fn of(declared: &AutomationDecl) -> Result<Self, CronError> {
        let root = node(declared, "0".into())?;
        let (mut crons, mut asks) = (Vec::new(), Asks::default());
        root.look(&mut crons, &mut asks);
        let text = serde_json::to_string(declared).unwrap_or_default();
        Ok(Self {
            root,
            crons,
            fingerprint: Digest::of(text.as_bytes()),
            asks,
        })
    }
}

impl Node {
    fn look(&self, crons: &mut Vec<Ticks>, asks: &mut Asks) {
        match &self.kind {
            Kind::Leaf(Leaf::CronTickPassed(ticks) | Leaf::AllDepsUpdatedSinceCron(ticks)) => {
                crons.push(ticks.clone());
            }
            Kind::Leaf(Leaf::CodeVersionChanged) => asks.code = true,
            Kind::Leaf(Leaf::AllDepsBlockingChecksPassed) => asks.checks = true,
            Kind::Leaf(Leaf::FreshnessFailed) => asks.freshness = true,
            _ => {}
        }
        for child in &self.children {
            child.look(crons, asks);
        }
    }
}

fn node(declared: &AutomationDecl, slot: String) -> Result<Node, CronError> {
    use AutomationDecl as D;
    let leaf = |leaf: Leaf| (leaf.label(), Kind::Leaf(leaf), Vec::new());
    let each = |parts: &[D]| -> Result<Vec<Node>, CronError> {
        let parts = parts.iter().enumerate();
        parts
            .map(|(index, part)| node(part, format!("{slot}.{index}")))
            .collect()
    };
    let (label, kind, children) = match declared {
        D::Missing => leaf(Leaf::Missing),
        D::InProgress => leaf(Leaf::InProgress),
        D::NewlyUpdated => leaf(Leaf::NewlyUpdated),
        D::NewlyRequested => leaf(Leaf::NewlyRequested),
        D::AnyDepsUpdated => leaf(Leaf::DepsUpdated(None)),
        D::DepsUpdated(names) => leaf(Leaf::DepsUpdated(Some(names.clone()))),
        D::AnyDepsMissing => leaf(Leaf::AnyDepsMissing),
        D::AnyDepsInProgress => leaf(Leaf::AnyDepsInProgress),
        D::AllDepsUpdatedSinceCron(ticks) => leaf(Leaf::AllDepsUpdatedSinceCron(Ticks::of(ticks)?)),
        D::CronTickPassed(ticks) => leaf(Leaf::CronTickPassed(Ticks::of(ticks)?)),
        D::InLatestTimeWindow => leaf(Leaf::InLatestTimeWindow),
        D::InitialEvaluation => leaf(Leaf::InitialEvaluation),
        D::CodeVersionChanged => leaf(Leaf::CodeVersionChanged),
        D::AllDepsBlockingChecksPassed => leaf(Leaf::AllDepsBlockingChecksPassed),
        D::FreshnessFailed => leaf(Leaf::FreshnessFailed),
        D::And(parts) => ("and".into(), Kind::And, each(parts)?),
        D::Or(parts) => ("or".into(), Kind::Or, each(parts)?),
        D::Not(part) => (
            "not".into(),
            Kind::Not,
            each(std::slice::from_ref(part.as_ref()))?,
        ),
        D::NewlyTrue(part) => (
            "newly_true".into(),
            Kind::NewlyTrue,
            each(std::slice::from_ref(part.as_ref()))?,
        ),
        D::Since(since) => (
            "since".into(),
            Kind::Since {
                handled: since.reset == D::Handled,
            },
            each(&[since.trigger.clone(), since.reset.clone()])?,
        ),
        D::Eager => return named("eager", &eager(), slot),
        D::OnMissing => return named("on_missing", &on_missing(), slot),
        D::OnUpdate(names) => return named("on_update", &on_update(names), slot),
        D::Cron(ticks) => {
            return named(
                &format!("cron {} {}", ticks.cron, ticks.timezone),
                &on_cron(ticks),
                slot,
            );
        }
        D::NewlyMissing => return named("newly_missing", &newly_missing(), slot),
        D::Handled => return named("handled", &handled(), slot),
    };
    Ok(Node {
        kind,
        label,
        slot,
        children,
    })
}

/// A condition that stands for others, under its name.
fn named(name: &str, meant: &AutomationDecl, slot: String) -> Result<Node, CronError> {
    let mut node = node(meant, slot)?;
    node.label = format!("{name}: {}", node.label);
    Ok(node)
}

fn not(part: AutomationDecl) -> AutomationDecl {
    AutomationDecl::Not(Box::new(part))
}

fn handled() -> AutomationDecl {
    AutomationDecl::Or(vec![AutomationDecl::NewlyRequested, AutomationDecl::NewlyUpdated])
}

fn newly_missing() -> AutomationDecl {
    AutomationDecl::NewlyTrue(Box::new(AutomationDecl::Missing))
}

/// A trigger counts until the slice was asked for or loaded. What was asked for and failed is so not asked for again before
/// something else happens.
fn since_handled(trigger: AutomationDecl) -> AutomationDecl {
    AutomationDecl::Since(Box::new(crate::schema::SinceDecl {
        trigger,
        reset: AutomationDecl::Handled,
    }))
}

fn eager() -> AutomationDecl {
    use AutomationDecl as D;
    D::And(vec![
        D::InLatestTimeWindow,
        since_handled(D::Or(vec![D::NewlyMissing, D::AnyDepsUpdated])),
        not(D::AnyDepsMissing),
        not(D::AnyDepsInProgress),
        not(D::InProgress),
    ])
}

fn on_missing() -> AutomationDecl {
    use AutomationDecl as D;
    D::And(vec![
        D::InLatestTimeWindow,
        since_handled(D::NewlyMissing),
        not(D::AnyDepsMissing),
        not(D::InProgress),
    ])
}

fn on_update(names: &[AssetName]) -> AutomationDecl {
    use AutomationDecl as D;
    D::And(vec![
        since_handled(D::DepsUpdated(names.to_vec())),
        not(D::AnyDepsMissing),
        not(D::AnyDepsInProgress),
        not(D::InProgress),
    ])
}

/// The tick counts for the slice that had ended when it came, and not for one that ends before the next tick.
fn on_cron(ticks: &CronTicks) -> AutomationDecl {
    use AutomationDecl as D;
    D::And(vec![
        D::InLatestTimeWindow,
        since_handled(D::And(vec![
            D::InLatestTimeWindow,
            D::CronTickPassed(ticks.clone()),
        ])),
        D::AllDepsUpdatedSinceCron(ticks.clone()),
        not(D::InProgress),
    ])
}
