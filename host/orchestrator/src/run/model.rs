//! Random operations on runs, against a model of a page: whoever does what when, no run is lost, doubled or in a state
//! that it cannot come to.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::Utc;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tempfile::TempDir;
use tidegate_core::plan::{RunId, WorkerId};
use tidegate_core::port::{EventKind, Inserted, RunFilter, RunState, TakeRuns};
use tidegate_plugin::package::Locking;
use tidegate_state::SqlStateStore;

use super::lost::{Lost, MAX_RECOVERIES};
use super::transition::transition;
use super::{Launch, Orchestrator, QueueOptions, Silent, Workers};
use crate::project::{Project, ProjectConfig};

/// What a run is, to the model.
#[derive(Debug, Clone, PartialEq)]
struct Known {
    state: RunState,
    worker: Option<WorkerId>,
    recoveries: u32,
    /// The states that it went through.
    path: Vec<RunState>,
}

impl Known {
    fn goes(&mut self, to: RunState) {
        self.state = to;
        self.path.push(to);
    }
}

struct Trial {
    orchestrator: Orchestrator,
    model: BTreeMap<RunId, Known>,
    keys: BTreeMap<String, RunId>,
    random: StdRng,
    _folder: TempDir,
}

const WORKERS: [&str; 3] = ["one", "two", "three"];

impl Trial {
    async fn new(seed: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write(
            "schemas/project.yaml",
            "apiVersion: tidegate/v1\nkind: Project\nname: trial\n",
        );
        write(
            "schemas/lake.yaml",
            "apiVersion: tidegate/v1\nkind: Resource\nname: lake\ntype: file\nconfig: {root: lake}\n",
        );
        write(
            "schemas/a.yaml",
            "apiVersion: tidegate/v1\nkind: Asset\nname: a\nsource: {resource: lake, path: a.csv}\n\
             columns: [{name: id, type: int64}]\ndestination: {resource: lake}\n",
        );
        let project = Project::open(ProjectConfig {
            schemas: folder.path().join("schemas"),
            target: None,
            connectors: tidegate_connector::all(),
            plugin_cache: folder.path().join("cache"),
            locking: Locking::Write,
            lookup: Arc::new(|_, _| None),
        })
        .unwrap();
        let address = format!("sqlite:{}", folder.path().join("kept").display());
        let state = SqlStateStore::open(&address).await.unwrap();
        let artifacts = tidegate_connector::artifact::FolderArtifacts::new(folder.path().join("artifacts"));
        let orchestrator = Orchestrator::new(
            Arc::new(project),
            Arc::new(state),
            Arc::new(artifacts),
            Workers::join(&folder.path().join("workers")).unwrap(),
            Arc::new(Silent),
            1,
        );
        Self {
            orchestrator,
            model: BTreeMap::new(),
            keys: BTreeMap::new(),
            random: StdRng::seed_from_u64(seed),
            _folder: folder,
        }
    }

    fn worker(&mut self) -> WorkerId {
        WorkerId(WORKERS[self.random.random_range(0..WORKERS.len())].into())
    }

    fn some_run(&mut self) -> Option<RunId> {
        let runs: Vec<RunId> = self.model.keys().copied().collect();
        (!runs.is_empty()).then(|| runs[self.random.random_range(0..runs.len())])
    }

    async fn enqueue(&mut self) {
        let launch = Launch {
            assets: vec!["a".parse().unwrap()],
            ..Launch::default()
        };
        let key = format!("key {}", self.random.random_range(0..12));
        let options = QueueOptions {
            run_key: Some(key.clone()),
            ..QueueOptions::default()
        };
        let (run, inserted) = self.orchestrator.enqueue(&launch, options).await.unwrap();
        match self.keys.get(&key) {
            Some(known) => assert_eq!((run, inserted), (*known, Inserted::Known(*known))),
            None => {
                assert_eq!(inserted, Inserted::New);
                self.keys.insert(key, run);
                let known = Known {
                    state: RunState::Queued,
                    worker: None,
                    recoveries: 0,
                    path: vec![RunState::Queued],
                };
                self.model.insert(run, known);
            }
        }
    }

    async fn take(&mut self) {
        let worker = self.worker();
        let limit = self.random.random_range(1..4);
        let take = TakeRuns {
            worker: &worker,
            most: self.random.random_range(1..4),
            limit: Some(limit),
            tag_limits: &[],
            at: Utc::now(),
        };
        let taken = self.orchestrator.state.take_runs(&take).await.unwrap();
        let going = self
            .model
            .values()
            .filter(|run| !run.state.ended() && run.state != RunState::Queued)
            .count();
        let room = (limit as usize).saturating_sub(going).min(take.most as usize);
        let waiting: Vec<RunId> = self
            .model
            .iter()
            .filter(|(_, run)| run.state == RunState::Queued)
            .map(|(id, _)| *id)
            .take(room)
            .collect();
        assert_eq!(taken.iter().map(|run| run.id).collect::<Vec<_>>(), waiting);
        for id in waiting {
            let run = self.model.get_mut(&id).unwrap();
            run.worker = Some(worker.clone());
            run.goes(RunState::Starting);
        }
    }

    /// Some worker, the run's or a zombie, tells of a run that it believes to be its own.
    async fn advance(&mut self) {
        use RunState::{Cancelled, Cancelling, Failed, Queued, Running, Starting, Succeeded};
        let Some(run) = self.some_run() else { return };
        let worker = self.worker();
        let moves = [
            (Starting, Running),
            (Starting, Failed),
            (Running, Succeeded),
            (Running, Failed),
            (Running, Queued),
            (Running, Cancelling),
            (Cancelling, Cancelled),
            (Cancelling, Succeeded),
            // What no state allows.
            (Succeeded, Running),
            (Queued, Running),
            (Failed, Succeeded),
        ];
        let (from, to) = moves[self.random.random_range(0..moves.len())];
        let mut change = self.orchestrator.change(run, from, to);
        change.by = worker.clone();
        change.holder = Some(worker.clone());
        let done = transition(self.orchestrator.state.as_ref(), &change).await;
        let known = self.model.get_mut(&run).unwrap();
        let legal = !matches!((from, to), (Succeeded | Queued, Running) | (Failed, Succeeded));
        if legal && known.state == from && known.worker.as_ref() == Some(&worker) {
            done.unwrap();
            if to == Queued {
                known.worker = None;
            }
            known.goes(to);
        } else {
            assert_eq!(done.unwrap_err().code, "run.transition");
        }
    }

    async fn cancel(&mut self) {
        let Some(run) = self.some_run() else { return };
        let record = self.orchestrator.state.run(run).await.unwrap().unwrap();
        let done = self.orchestrator.cancel_run(&record).await;
        let known = self.model.get_mut(&run).unwrap();
        match known.state {
            RunState::Queued => known.goes(RunState::Cancelled),
            RunState::Starting | RunState::Running => known.goes(RunState::Cancelling),
            RunState::Cancelling | RunState::Cancelled => {}
            RunState::Succeeded | RunState::Failed => {
                assert_eq!(done.unwrap_err().code, "run.not_cancellable");
                return;
            }
        }
        assert_eq!(done.unwrap(), known.state);
    }

    async fn requeue(&mut self) {
        let Some(run) = self.some_run() else { return };
        let record = self.orchestrator.state.run(run).await.unwrap().unwrap();
        let done = self.orchestrator.requeue(&record).await;
        let known = self.model.get_mut(&run).unwrap();
        if matches!(known.state, RunState::Failed | RunState::Cancelled) {
            done.unwrap();
            known.worker = None;
            known.goes(RunState::Queued);
        } else {
            assert_eq!(done.unwrap_err().code, "run.not_retryable");
        }
    }

    async fn bury(&mut self) {
        let dead = self.worker();
        // They are all of the queue: it makes no difference who looks.
        let fate = [Lost::Queued, Lost::Failed][self.random.random_range(0..2)];
        self.orchestrator
            .bury(std::slice::from_ref(&dead), fate)
            .await
            .unwrap();
        for run in self.model.values_mut() {
            if run.worker.as_ref() != Some(&dead) {
                continue;
            }
            match run.state {
                RunState::Cancelling => run.goes(RunState::Cancelled),
                RunState::Starting | RunState::Running if run.recoveries < MAX_RECOVERIES => {
                    run.worker = None;
                    run.recoveries += 1;
                    run.goes(RunState::Queued);
                }
                RunState::Starting | RunState::Running => run.goes(RunState::Failed),
                _ => {}
            }
        }
    }

    /// Everything that the store knows is what the model says, and the events tell how it came to be.
    async fn compare(&self) {
        let all = RunFilter {
            limit: 1_000,
            ..RunFilter::default()
        };
        let state = &self.orchestrator.state;
        let runs = state.runs(&all).await.unwrap();
        assert_eq!(runs.len(), self.model.len());
        for run in runs {
            let known = &self.model[&run.id];
            assert_eq!(
                (run.state, &run.worker, run.recoveries),
                (known.state, &known.worker, known.recoveries)
            );
            assert_eq!(run.finished_at.is_some(), run.state.ended());
            let events = state.events(run.id, 0, 1_000).await.unwrap();
            let mut path = vec![RunState::Queued];
            for stored in events {
                assert_eq!(stored.event.kind, EventKind::RunState);
                let of = |key: &str| RunState::parse(stored.event.data[key].as_str().unwrap()).unwrap();
                assert_eq!(path.last(), Some(&of("from")));
                path.push(of("to"));
            }
            assert_eq!(path, known.path);
        }
    }
}

#[tokio::test]
async fn runs_are_where_a_model_says_whoever_does_what() {
    let mut ended = 0;
    for seed in 0..12 {
        let mut trial = Trial::new(seed).await;
        for _ in 0..150 {
            match trial.random.random_range(0..12) {
                0 | 1 => trial.enqueue().await,
                2 | 3 => trial.take().await,
                4..=8 => trial.advance().await,
                9 => trial.cancel().await,
                10 => trial.requeue().await,
                _ => trial.bury().await,
            }
        }
        trial.compare().await;
        ended += trial.model.values().filter(|run| run.state.ended()).count();
    }
    assert!(ended > 20, "only {ended} runs came to an end");
}
