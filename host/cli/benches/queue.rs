//! How long a run takes that does next to nothing, and how many of them go through the queue in a second; what each
//! leaves in the state. Prints a line a measure, on SQLite and, where `TIDEGATE_TEST_POSTGRES_URL` is set, on Postgres.
//!
//! The run loads one row of a CSV into one Parquet file with its manifest: claims, fences, events and the files' own
//! `fsync` among it.
#![allow(clippy::unwrap_used, reason = "what a benchmark cannot go on without ends it")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tidegate_core::plan::RunId;
use tidegate_core::port::{RunFilter, RunRecord, RunState};
use tidegate_orchestrator::{
    BackfillRequest, Launch, Locking, Orchestrator, Project, ProjectConfig, QueueOptions, Silent, Slices,
    WorkerConfig, Workers,
};
use tidegate_state::SqlStateStore;

/// Runs one after the other, for their time.
const ALONE: usize = 200;

/// Runs that wait together, for how many go through in a second.
const TOGETHER: usize = 2_000;

/// Assets that the runs together load, so that they do not wait for each other's claims.
const ASSETS: usize = 16;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let sqlite = format!("sqlite:{}", folder.path().join("state.db").display());
        measure("sqlite", &sqlite, folder.path()).await;
        if let Ok(url) = std::env::var("TIDEGATE_TEST_POSTGRES_URL") {
            let schema = format!("bench_{}", std::process::id());
            let joint = if url.contains('?') { '&' } else { '?' };
            let address = format!("{url}{joint}options=-csearch_path%3D{schema}");
            make_schema(&url, &schema).await;
            let folder = tempfile::tempdir().unwrap();
            measure("postgres", &address, folder.path()).await;
        }
    });
}

async fn make_schema(url: &str, schema: &str) {
    use sqlx::Connection;
    let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("CREATE SCHEMA {schema}")))
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
}

fn write(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn project(folder: &Path) -> Project {
    write(
        folder,
        "schemas/project.yaml",
        "apiVersion: tidegate/v1\nkind: Project\nname: bench\n",
    );
    write(
        folder,
        "schemas/lake.yaml",
        "apiVersion: tidegate/v1\nkind: Resource\nname: lake\ntype: file\nconfig: {root: lake}\n",
    );
    write(folder, "lake/in.csv", "id\n1\n");
    for index in 0..ASSETS {
        write(
            folder,
            &format!("schemas/a{index}.yaml"),
            &format!(
                "apiVersion: tidegate/v1\nkind: Asset\nname: a{index}\nsource: {{resource: lake, path: in.csv}}\n\
                 columns: [{{name: id, type: int64}}]\ndestination: {{resource: lake, load: replace}}\n"
            ),
        );
    }
    write(folder, "lake/days.csv", "at\n1990-01-01\n");
    write(
        folder,
        "schemas/days.yaml",
        "apiVersion: tidegate/v1\nkind: Asset\nname: days\nsource: {resource: lake, path: days.csv}\n\
         columns: [{name: at, type: date32}]\ndestination: {resource: lake, load: replace_partition}\n\
         partitions: {daily: {start: 1990-01-01, end: 2017-05-19, column: at}}\n",
    );
    Project::open(ProjectConfig {
        schemas: folder.join("schemas"),
        target: None,
        connectors: tidegate_connector::all(),
        plugin_cache: folder.join("cache"),
        locking: Locking::Write,
        lookup: Arc::new(|_, _| Ok(None)),
    })
    .unwrap()
}

async fn queue(orchestrator: &Orchestrator, index: usize) -> RunId {
    let launch = Launch {
        assets: vec![format!("a{}", index % ASSETS).parse().unwrap()],
        ..Launch::default()
    };
    orchestrator
        .enqueue(&launch, QueueOptions::default())
        .await
        .unwrap()
        .0
}

/// Waits until nothing is queued or goes on.
async fn drained(orchestrator: &Orchestrator) {
    let open = RunFilter {
        states: vec![RunState::Queued, RunState::Starting, RunState::Running],
        limit: 1,
        ..RunFilter::default()
    };
    while !orchestrator.state.runs(&open).await.unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn newest(orchestrator: &Orchestrator, count: usize) -> Vec<RunRecord> {
    let filter = RunFilter {
        limit: count as u32,
        ..RunFilter::default()
    };
    let runs = orchestrator.state.runs(&filter).await.unwrap();
    assert!(runs.iter().all(|run| run.state == RunState::Succeeded));
    runs
}

async fn measure(name: &str, address: &str, folder: &Path) {
    let state = SqlStateStore::open(address).await.unwrap();
    let artifacts = tidegate_connector::artifact::FolderArtifacts::new(folder.join("artifacts"));
    let orchestrator = Arc::new(Orchestrator::new(
        Arc::new(project(folder)),
        Arc::new(state.clone()),
        Arc::new(artifacts),
        Workers::join(&folder.join("workers")).unwrap(),
        Arc::new(Silent),
        4,
    ));
    let worker = tokio::spawn({
        let orchestrator = orchestrator.clone();
        async move { orchestrator.serve_queue(WorkerConfig { runs: 8 }).await }
    });
    for index in 0..ASSETS {
        queue(&orchestrator, index).await;
    }
    drained(&orchestrator).await;

    for index in 0..ALONE {
        queue(&orchestrator, index).await;
        drained(&orchestrator).await;
    }
    let mut took: Vec<f64> = newest(&orchestrator, ALONE)
        .await
        .iter()
        .map(|run| {
            (run.finished_at.unwrap() - run.created_at)
                .num_microseconds()
                .unwrap() as f64
                / 1e3
        })
        .collect();
    took.sort_by(f64::total_cmp);
    println!(
        "{name}: a run from the queue to its end: median {:.1} ms, p95 {:.1} ms",
        took[ALONE / 2],
        took[ALONE * 95 / 100]
    );

    for index in 0..TOGETHER {
        queue(&orchestrator, index).await;
    }
    drained(&orchestrator).await;
    let runs = newest(&orchestrator, TOGETHER / 2).await;
    let first = runs.iter().map(|run| run.finished_at.unwrap()).min().unwrap();
    let last = runs.iter().map(|run| run.finished_at.unwrap()).max().unwrap();
    let seconds = (last - first).num_microseconds().unwrap() as f64 / 1e6;
    println!(
        "{name}: through the queue: {:.0} runs/s",
        (TOGETHER / 2) as f64 / seconds
    );
    let request = BackfillRequest {
        assets: vec!["days".parse().unwrap()],
        slices: Slices::All,
        run_slices: 1,
        concurrency: None,
        priority: 0,
        full_refresh: false,
        target: None,
    };
    let begun = Instant::now();
    let plan = orchestrator.plan_backfill(&request).await.unwrap();
    let backfill = orchestrator.launch_backfill(&request, &plan).await.unwrap();
    let queued = begun.elapsed().as_secs_f64();
    drained(&orchestrator).await;
    let status = orchestrator.backfill(backfill.id).await.unwrap();
    assert_eq!((status.word(), status.ended()), ("succeeded", 10_000));
    println!(
        "{name}: a backfill of 10,000 slices, a run each: {:.0} s, of which {queued:.1} s to queue them",
        begun.elapsed().as_secs_f64()
    );
    orchestrator.cancel.cancel();
    worker.await.unwrap().unwrap();
    state.close().await;
    if name == "sqlite" {
        let bytes = std::fs::metadata(folder.join("state.db")).unwrap().len();
        let runs = TOGETHER + ALONE + ASSETS + 10_000;
        println!("{name}: {} bytes of state a run", bytes / runs as u64);
    }
}
