//! Runs beside one another: a run whose plugin never ends, or takes all the memory that it can get, is refused, and one
//! that behaves goes to its end meanwhile.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without fails it")]

mod support;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use support::Project;
use tidegate_connector::artifact::FolderArtifacts;
use tidegate_core::plan::{AssetName, PartitionKey};
use tidegate_core::port::RunState;
use tidegate_orchestrator::{
    AssetPlan, Launch, Locking, Orchestrator, PartitionOutcome, ProjectConfig, RunObserver, RunReport,
    Workers,
};
use tidegate_state::SqlStateStore;

/// Rows of the source: three batches. Every third has no number, and does not go on.
const ROWS: u64 = 20_000;

/// For so long a plugin may run that never ends: longer than the good asset takes beside three of them.
const SPIN: &str = "6s";

/// The assets `spins`, `hoards` and `grows` through the plugin that misbehaves, and `good` through one that behaves.
fn project() -> Project {
    let project = Project::new();
    let rows: String = (0..ROWS)
        .map(|id| {
            if id % 3 == 0 {
                format!("{id},\n")
            } else {
                format!("{id},{}\n", id * 2)
            }
        })
        .collect();
    project.write("in/numbers.csv", format!("id,n\n{rows}"));
    let asset = |name: &str, more: &str, transform: &str| {
        project.asset(
            name,
            &format!(
                "source: {{resource: raw, path: numbers.csv}}\n\
                 columns: [{{name: id, type: int64}}, {{name: n, type: int64}}{more}]\n\
                 transforms:\n  - {transform}\ndestination: {{resource: lake}}"
            ),
        );
    };
    let made = ", {name: made, type: utf8}";
    for (name, deed) in [("spins", "spin"), ("hoards", "hoard"), ("grows", "memory")] {
        asset(
            name,
            made,
            &format!(
                "{{plugin: guest-evil, reads: [id], writes: [made], config: {{deed: {deed}}}, \
                 limits: {{time_per_batch: {SPIN}, memory: 256MiB}}}}"
            ),
        );
    }
    asset(
        "good",
        "",
        "{plugin: keep-present, reads: [n], limits: {time_per_batch: 60s}}",
    );
    project
}

#[track_caller]
fn good_is_loaded(project: &Project) {
    let expected: Vec<String> = (0..ROWS)
        .filter(|id| id % 3 != 0)
        .map(|id| format!("{id},{}", id * 2))
        .collect();
    assert!(project.lines("good") == expected, "other rows");
    project.assert_tidy("good");
}

/// What happened, in order: `good started`, `good finished`.
#[derive(Default)]
struct Diary(Mutex<Vec<String>>);

impl Diary {
    fn has(&self, entry: &str) -> bool {
        self.0.lock().unwrap().iter().any(|known| known == entry)
    }

    fn note(&self, entry: String) {
        self.0.lock().unwrap().push(entry);
    }
}

impl RunObserver for Diary {
    fn started(&self, asset: &AssetName, _: &PartitionKey, _: bool) {
        self.note(format!("{asset} started"));
    }

    fn finished(&self, outcome: &PartitionOutcome) {
        self.note(format!("{} finished", outcome.asset));
    }
}

/// What the command line makes of a project for a run, in this process.
async fn orchestrator(project: &Project, diary: &Arc<Diary>) -> Orchestrator {
    let root = project.path("");
    let opened = tidegate_orchestrator::Project::open(ProjectConfig {
        schemas: root.join("schemas"),
        connectors: tidegate_connector::all(),
        plugin_cache: PathBuf::from(concat!(env!("CARGO_TARGET_TMPDIR"), "/plugin-cache/plugins")),
        locking: Locking::Locked,
        target: None,
        lookup: Arc::new(|_, _| Ok(None)),
    });
    std::fs::create_dir_all(root.join(".tidegate")).unwrap();
    let state = format!("sqlite:{}", root.join(".tidegate/state.db").display());
    Orchestrator::new(
        Arc::new(opened.map_err(|errors| errors.to_string()).unwrap()),
        Arc::new(SqlStateStore::open(&state).await.unwrap()),
        Arc::new(FolderArtifacts::new(root.join(".tidegate/artifacts"))),
        Workers::join(&root.join(".tidegate/workers")).unwrap(),
        diary.clone(),
        4,
    )
}

/// A run of one asset.
async fn run(orchestrator: &Orchestrator, asset: &str) -> RunReport {
    let plans = plans(orchestrator, asset).await;
    launch(orchestrator, &plans).await
}

/// Resolved and bound, its plugin compiled.
async fn plans(orchestrator: &Orchestrator, asset: &str) -> Vec<AssetPlan> {
    let plans = orchestrator.project.prepare(&[asset.parse().unwrap()]).await;
    plans.map_err(|errors| errors.to_string()).unwrap()
}

async fn launch(orchestrator: &Orchestrator, plans: &[AssetPlan]) -> RunReport {
    let assets = plans.iter().map(|plan| plan.name.clone()).collect();
    let launch = Launch {
        assets,
        ..Launch::default()
    };
    orchestrator.launch(&launch, plans.to_vec()).await.unwrap()
}

#[track_caller]
fn refused(report: &RunReport, code: &str, limit: &str, remedy: &str) {
    assert_eq!(report.state, RunState::Failed);
    let error = report.partitions[0].error.as_ref().unwrap();
    assert_eq!(error.code, code, "{error}");
    assert!(error.message.contains("plugin guest-evil@0.1.0"), "{error}");
    assert!(error.message.contains(limit), "{error}");
    assert!(error.hint.as_deref().unwrap().contains(remedy), "{error}");
}

// One worker thread, so that a plugin gets its turn only where the others give way.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn runs_of_one_process_go_on_beside_those_that_never_end() {
    let project = project();
    let diary = Arc::new(Diary::default());
    let orchestrator = orchestrator(&project, &diary).await;
    let good = plans(&orchestrator, "good").await;
    let (spins, hoards, grows, good) = tokio::join!(
        run(&orchestrator, "spins"),
        run(&orchestrator, "hoards"),
        run(&orchestrator, "grows"),
        async {
            while !["spins started", "hoards started"]
                .iter()
                .all(|entry| diary.has(entry))
            {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            // By now they are inside their plugins, which do not come back.
            tokio::time::sleep(Duration::from_millis(500)).await;
            let good = launch(&orchestrator, &good).await;
            for other in ["spins finished", "hoards finished"] {
                assert!(
                    !diary.has(other),
                    "{other} before the good one was, which took {} ms",
                    good.duration_ms
                );
            }
            good
        }
    );
    assert_eq!(good.state, RunState::Succeeded);
    good_is_loaded(&project);
    let time = "ran for more than 6000 ms in one call";
    refused(&spins, "plugin.time_limit", time, "time_per_batch: 12000ms");
    refused(&hoards, "plugin.time_limit", time, "time_per_batch: 12000ms");
    let memory = "268435456 are allowed";
    refused(&grows, "plugin.memory_limit", memory, "memory: 512MiB");
    // And nothing of theirs is left in the way.
    assert_eq!(run(&orchestrator, "good").await.state, RunState::Succeeded);
    good_is_loaded(&project);
}

#[test]
fn assets_of_one_run_go_on_beside_one_that_never_ends() {
    let project = project();
    let answer = project
        .tidegate(&["run", "spins", "good", "--jobs", "2"])
        .failed(5, "plugin.time_limit");
    assert!(
        answer.stderr.contains("time_per_batch: 12000ms"),
        "{}",
        answer.stderr
    );
    good_is_loaded(&project);
    assert!(!project.is_loaded("spins"));
}

#[test]
fn another_process_of_the_project_goes_on_beside_one_that_never_ends() {
    let project = project();
    // Warm, so that the six seconds are the plugin's.
    project.tidegate(&["check"]).succeeded();
    let mut spins = project.start(&["run", "spins"]);
    while project.json(&["runs", "list"])[0]["state"] != "running" {
        assert!(spins.try_wait().unwrap().is_none(), "it ended before it began");
    }
    project.tidegate(&["run", "good"]).succeeded();
    assert!(spins.try_wait().unwrap().is_none(), "it ended too soon");
    good_is_loaded(&project);
    assert_eq!(spins.wait().unwrap().code(), Some(5));
}
