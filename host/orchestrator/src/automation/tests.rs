//! What a process knows of assets, over a state that others change meanwhile.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use tempfile::TempDir;
use tidegate_core::plan::{AssetName, Digest, KeptMemory, WorkerId};
use tidegate_core::port::{
    AutomationStore, Instigator, InstigatorKind, Leader, LeaderStore, NewEvaluation, TickStore, Ticked,
};
use tidegate_plugin::package::Locking;
use tidegate_state::SqlStateStore;

use super::known::Known;
use crate::project::{Project, ProjectConfig};

/// A project with one asset, `a`, and a state with a leader.
struct Place {
    project: Project,
    state: SqlStateStore,
    leader: Leader,
    now: DateTime<Utc>,
    _folder: TempDir,
}

impl Place {
    async fn new(condition: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join("schemas").join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, format!("apiVersion: tidegate/v1\n{text}")).unwrap();
        };
        write("project.yaml", "kind: Project\nname: place\n");
        write(
            "lake.yaml",
            "kind: Resource\nname: lake\ntype: file\nconfig: {root: lake}\n",
        );
        write(
            "a.yaml",
            &format!(
                "kind: Asset\nname: a\nsource: {{resource: lake, path: a.csv}}\ncolumns: [{{name: id, type: int64}}]\n\
                 destination: {{resource: lake}}\nautomation: {condition}\n"
            ),
        );
        let project = Project::open(ProjectConfig {
            schemas: folder.path().join("schemas"),
            target: None,
            connectors: tidegate_connector::all(),
            plugin_cache: folder.path().join("cache"),
            locking: Locking::Write,
            lookup: Arc::new(|_, _| Ok(None)),
        })
        .unwrap();
        let address = format!("sqlite:{}", folder.path().join("kept").display());
        let state = SqlStateStore::open(&address).await.unwrap();
        let leader = state.lead(&WorkerId("one".into()), None).await.unwrap().unwrap();
        Self {
            project,
            state,
            leader,
            now: "2024-01-10T12:00:00Z".parse().unwrap(),
            _folder: folder,
        }
    }

    /// What a process that begins now knows.
    async fn load(&self) -> Known {
        Known::load(&self.project, &self.state, self.now).await.unwrap()
    }

    async fn turn(&mut self, on: bool) {
        self.now += TimeDelta::seconds(1);
        let which = Instigator {
            kind: InstigatorKind::Automation,
            name: name("a"),
        };
        let turned = self.state.enable_instigator(&which, on, self.now).await.unwrap();
        assert_eq!(turned.enabled, Some(on));
    }

    async fn keep(&self, new: &NewEvaluation) {
        let kept = self.state.keep_evaluation(&self.leader, new).await.unwrap();
        assert!(matches!(kept, Ticked::Kept(_)), "{kept:?}");
    }

    /// An evaluation; answers for how many slices the condition held, where it was evaluated.
    async fn evaluate(&mut self, known: &mut Known) -> Option<u64> {
        self.now += TimeDelta::seconds(1);
        let found = known
            .evaluate(&self.project, &self.state, self.now)
            .await
            .unwrap();
        if found.anything {
            self.keep(&found.new).await;
            known.kept();
        }
        found.evaluated.first().map(|one| one.explained.holds)
    }
}

fn name(text: &str) -> AssetName {
    text.parse().unwrap()
}

/// An evaluation of an asset, as a process kept it long ago.
fn old(seen_sequence: i64, asset: &str) -> NewEvaluation {
    let memory = KeptMemory {
        condition: Digest::of(b"a condition"),
        cut: None,
        requested: Vec::new(),
        code: None,
        parts: [].into(),
    };
    NewEvaluation {
        seen_sequence,
        seen: vec![(0, 7)],
        memories: vec![(name(asset), Some(memory))],
        ..NewEvaluation::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_stopped_and_started_between_two_evaluations_is_met_anew() {
    let mut place = Place::new("initial_evaluation").await;
    place.turn(true).await;
    let mut known = place.load().await;
    for _ in 0..2 {
        assert_eq!(place.evaluate(&mut known).await, Some(1));
        assert_eq!(place.evaluate(&mut known).await, Some(0));
        place.turn(false).await;
        place.turn(true).await;
    }
    // Another process takes over, and knows no more of before.
    let mut known = place.load().await;
    assert_eq!(place.evaluate(&mut known).await, Some(1));
    // One that is not stopped is not met anew.
    let mut known = place.load().await;
    assert_eq!(place.evaluate(&mut known).await, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_no_condition_any_more_is_forgotten() {
    let mut place = Place::new("missing").await;
    place.keep(&old(0, "b")).await;
    place.turn(true).await;
    let mut known = place.load().await;
    place.evaluate(&mut known).await;
    let memories = place.state.automation_memories().await.unwrap();
    let names: Vec<&str> = memories.iter().map(|(asset, _)| asset.as_str()).collect();
    assert_eq!(names, ["a"]);
    assert!(known.gone.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_loaded_while_nothing_was_evaluated_is_not_read_again() {
    let place = Place::new("missing").await;
    place.keep(&old(0, "b")).await;
    assert_eq!(place.load().await.seen.ranges(), [(0, 0)]);
    place.keep(&old(1, "a")).await;
    assert_eq!(place.load().await.seen.ranges(), [(0, 7)]);
}
