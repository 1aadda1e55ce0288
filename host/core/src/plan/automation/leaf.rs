//! What can be asked of the slices of an asset: one arm a question.

use chrono::{DateTime, Utc};

use super::asset_state::{AssetState, Dependency};
use super::condition::Ticks;
use super::memory::Memory;
use super::places::Places;
use super::world::World;
use crate::plan::AssetName;

/// What can be asked.
#[derive(Debug, Clone)]
pub(super) enum Leaf {
    Missing,
    InProgress,
    NewlyUpdated,
    NewlyRequested,
    /// Of these; none for any.
    DepsUpdated(Option<Vec<AssetName>>),
    AnyDepsMissing,
    AnyDepsInProgress,
    AllDepsUpdatedSinceCron(Ticks),
    CronTickPassed(Ticks),
    InLatestTimeWindow,
    InitialEvaluation,
    CodeVersionChanged,
    AllDepsBlockingChecksPassed,
    FreshnessFailed,
}

/// The slices that an answer is about, and why, where that is not plain.
pub(super) struct Answer {
    pub(super) places: Places,
    pub(super) why: Option<String>,
}

/// What a question may look at.
pub(super) struct View<'a> {
    pub(super) world: &'a World,
    pub(super) asset: &'a AssetState,
    /// What is remembered of the last evaluation, and what is to be of this one.
    pub(super) before: &'a Memory,
    pub(super) after: &'a mut Memory,
    /// The slices for which something happened.
    pub(super) news: Places,
    /// The condition was never evaluated.
    pub(super) initial: bool,
    pub(super) now: DateTime<Utc>,
}

impl Leaf {
    /// As YAML writes it.
    pub(super) fn label(&self) -> String {
        match self {
            Self::Missing => "missing".into(),
            Self::InProgress => "in_progress".into(),
            Self::NewlyUpdated => "newly_updated".into(),
            Self::NewlyRequested => "newly_requested".into(),
            Self::DepsUpdated(None) => "any_deps_updated".into(),
            Self::DepsUpdated(Some(names)) => {
                let names: Vec<&str> = names.iter().map(AssetName::as_str).collect();
                format!("deps_updated {}", names.join(", "))
            }
            Self::AnyDepsMissing => "any_deps_missing".into(),
            Self::AnyDepsInProgress => "any_deps_in_progress".into(),
            Self::AllDepsUpdatedSinceCron(ticks) => format!("all_deps_updated_since_cron {}", ticks.text),
            Self::CronTickPassed(ticks) => format!("cron_tick_passed {}", ticks.text),
            Self::InLatestTimeWindow => "in_latest_time_window".into(),
            Self::InitialEvaluation => "initial_evaluation".into(),
            Self::CodeVersionChanged => "code_version_changed".into(),
            Self::AllDepsBlockingChecksPassed => "all_deps_blocking_checks_passed".into(),
            Self::FreshnessFailed => "freshness_failed".into(),
        }
    }

    /// Whether it says that something happened, and not how things stand.
    pub(super) fn is_news(&self) -> bool {
        matches!(
            self,
            Self::DepsUpdated(_) | Self::CronTickPassed(_) | Self::CodeVersionChanged
        )
    }

    /// The slices for which it holds.
    pub(super) fn answer(&self, slot: &str, view: &mut View<'_>) -> Answer {
        let asset = view.asset;
        let space = view.world.space(asset);
        let plain = |places: Places| Answer { places, why: None };
        let all_if = |so: bool| {
            if so {
                space.all().clone()
            } else {
                Places::default()
            }
        };
        match self {
            Self::Missing => plain(space.all().minus(&asset.present)),
            Self::InProgress => plain(asset.in_progress.and(space.all())),
            Self::NewlyUpdated => plain(asset.newly_updated().and(space.all())),
            Self::NewlyRequested => plain(asset.requested_before.and(space.all())),
            Self::InLatestTimeWindow => plain(space.latest().clone()),
            Self::InitialEvaluation => plain(all_if(view.initial)),
            Self::CodeVersionChanged => plain(all_if(asset.code_changed())),
            Self::FreshnessFailed => plain(all_if(asset.late)),
            Self::DepsUpdated(only) => deps_updated(view, only.as_deref()),
            Self::AllDepsBlockingChecksPassed => {
                let failed = any_dep(view, |world, dep| {
                    world
                        .asset(dep.asset)
                        .checks_failed
                        .minus(&world.about_to_be(dep))
                });
                let why = failed.why.map(|names| format!("kept back: {names}"));
                Answer {
                    places: space.all().minus(&failed.places),
                    why,
                }
            }
            Self::AnyDepsMissing => any_dep(view, |world, dep| {
                let above = world.asset(dep.asset);
                let there = above.present.or(&world.about_to_be(dep));
                world.space(above).all().minus(&there)
            }),
            Self::AnyDepsInProgress => any_dep(view, |world, dep| world.asset(dep.asset).in_progress.clone()),
            Self::CronTickPassed(ticks) => {
                let passed = passed(ticks, view);
                Answer {
                    places: all_if(passed.is_some()),
                    why: passed.map(|at| format!("the tick at {}", at.format("%Y-%m-%d %H:%M:%SZ"))),
                }
            }
            Self::AllDepsUpdatedSinceCron(ticks) => all_deps_updated(ticks, slot, view),
        }
    }
}

/// The slices that are made from what was loaded of these assets above, or of any.
pub(super) fn deps_updated(view: &View<'_>, only: Option<&[AssetName]>) -> Answer {
    any_dep(view, |world, dep| {
        let above = world.asset(dep.asset);
        if only.is_some_and(|only| !only.contains(&above.name)) {
            return Places::default();
        }
        above.updated_beside(view.asset).or(&world.about_to_be(dep))
    })
}

/// The slices that are made from any of those that are found of each asset above; why names the assets.
fn any_dep(view: &View<'_>, find: impl Fn(&World, &Dependency) -> Places) -> Answer {
    let mut places = Places::default();
    let mut names = Vec::new();
    for dep in &view.asset.deps {
        let found = find(view.world, dep);
        let below = view.world.below(dep, view.asset, &found);
        if !below.is_empty() {
            names.push(view.world.asset(dep.asset).name.as_str());
            places = places.or(&below);
        }
    }
    Answer {
        places,
        why: (!names.is_empty()).then(|| names.join(", ")),
    }
}

/// The last time of a clock since the last evaluation. What came before a condition was first evaluated is not its business.
fn passed(ticks: &Ticks, view: &View<'_>) -> Option<DateTime<Utc>> {
    let before = view.world.evaluated_at.filter(|_| !view.initial)?;
    let last = ticks.cron.at_or_before(view.now, ticks.zone)?;
    (last > before).then_some(last)
}

/// What was loaded of each asset above since the last time is remembered, slice by slice.
fn all_deps_updated(ticks: &Ticks, slot: &str, view: &mut View<'_>) -> Answer {
    let passed = passed(ticks, view);
    let space = view.world.space(view.asset);
    let mut places = space.all().clone();
    let mut waits = Vec::new();
    for dep in &view.asset.deps {
        let above = view.world.asset(dep.asset);
        let key = format!("{slot}@{}", above.name);
        let since = match passed {
            Some(at) => above.updated_since(at),
            None => view.before.get(&key).or(&above.newly_updated()),
        };
        let done = since.or(&view.world.about_to_be(dep));
        let theirs = view.world.space(above).all();
        let lacking = view.world.below(dep, view.asset, &theirs.minus(&done));
        if !lacking.and(&places).is_empty() {
            waits.push(above.name.as_str());
        }
        places = places.minus(&lacking);
        view.after.set(key, since);
    }
    let why = (!waits.is_empty()).then(|| format!("not loaded since: {}", waits.join(", ")));
    Answer { places, why }
}
