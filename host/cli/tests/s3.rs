//! Runs from a bucket into a bucket, with logs in a bucket, killed at the steps of a load, and taken up again: the rows are
//! those of a run that was not, and no object is loaded twice.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without fails it")]

#[path = "../../connector/tests/s3/proxy.rs"]
#[allow(dead_code, reason = "the tests of the connector use the rest")]
mod proxy;
mod support;

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use proxy::Fate;
use support::Project;

/// Projects made so far, for a prefix of each.
static MADE: AtomicU32 = AtomicU32::new(0);

/// Rows of an object; a checkpoint comes every 2,000.
const ROWS: u32 = 5_000;

fn server() -> String {
    std::env::var("TIDEGATE_TEST_S3_URL").expect("TIDEGATE_TEST_S3_URL: `cargo xtask test` sets it")
}

/// A project that loads objects into an asset of a bucket, and that into a folder.
struct Trial {
    project: Project,
}

impl Trial {
    /// The asset `loaded` reaches the bucket by a URL of its own.
    fn new(url: &str) -> Self {
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        let prefix = format!("cli-{}-{number}-{now}", std::process::id());
        let project = Project::new()
            .with("TIDEGATE_SECRET_BUCKET", "test-secret")
            .with("AWS_ENDPOINT_URL", &server())
            .with("AWS_ACCESS_KEY_ID", "tests")
            .with("AWS_SECRET_ACCESS_KEY", "test-secret")
            .with("AWS_EC2_METADATA_DISABLED", "true");
        project.write(
            "schemas/project.yaml",
            format!(
                "apiVersion: tidegate/v1\nkind: Project\nname: trial\nbatch_rows: 500\n\
                 artifacts: s3://tests/{prefix}/artifacts\n"
            ),
        );
        for (name, url) in [("bucket", server()), ("watched", url.to_owned())] {
            project.write(
                &format!("schemas/resources/{name}.yaml"),
                format!(
                    "apiVersion: tidegate/v1\nkind: Resource\nname: {name}\ntype: s3\nconfig: {{bucket: tests, prefix: \
                     {prefix}, endpoint: \"{url}\", access_key: tests, secret_key: \"${{secret:BUCKET}}\"}}\n"
                ),
            );
        }
        let columns = "columns:\n  - {name: id, type: int64}\n  - {name: name, type: utf8}\n";
        // Each run adds one object, whose name sorts behind those before.
        project.asset(
            "given",
            &format!(
                "source: {{resource: raw, path: rows.csv}}\n{columns}\
                 destination: {{resource: bucket, load: append, format: csv}}"
            ),
        );
        project.asset(
            "loaded",
            &format!(
                "source: {{resource: watched, path: \"given/part-*.csv\", only_new: true}}\n{columns}\
                 destination: {{resource: watched, load: append}}\ncheckpoint: {{every_rows: 2000}}"
            ),
        );
        project.asset(
            "back",
            &format!("source: {{asset: loaded}}\n{columns}destination: {{resource: lake, load: replace}}"),
        );
        Self { project }
    }

    /// One more object.
    fn give(&self, generation: u32) {
        let mut text = String::from("id,name\n");
        for row in 0..ROWS {
            let id = generation * ROWS + row;
            // Writing into text does not fail.
            let _ = writeln!(text, "{id},name of {id}");
        }
        self.project.write("in/rows.csv", text);
        self.project.tidegate(&["run", "given"]).succeeded();
    }

    /// Every row of `loaded`, in order.
    fn content(&self) -> Vec<String> {
        self.project.tidegate(&["run", "back"]).succeeded();
        self.project.lines("back")
    }
}

/// What is there after so many objects.
fn rows_of(trial: &Trial, generations: u32) {
    let found = trial.content();
    let wanted: Vec<String> = (0..generations * ROWS)
        .map(|id| format!("{id},name of {id}"))
        .collect();
    assert_eq!(found.len(), wanted.len());
    assert!(
        found == wanted,
        "the first that differs: {:?}",
        found.iter().zip(&wanted).find(|(a, b)| a != b)
    );
}

#[test]
fn each_run_loads_what_is_new_and_the_logs_lie_in_the_bucket() {
    let trial = Trial::new(&server());
    for generation in 0..2 {
        trial.give(generation);
        trial.project.tidegate(&["run", "loaded"]).succeeded();
        rows_of(&trial, generation + 1);
    }
    trial.project.tidegate(&["run", "loaded"]).succeeded();
    rows_of(&trial, 2);
    let plan = trial.project.tidegate(&["plan", "loaded"]).succeeded();
    assert!(!plan.stdout.contains("test-secret"));
    assert!(!trial.project.path(".tidegate/artifacts").exists());
    // Without its part before the column, the record is kept aside, in the bucket.
    trial.project.write("in/bad.csv", "id,name\n1,x\nbad,y\n");
    trial.project.asset(
        "odd",
        "source: {resource: raw, path: bad.csv, on_bad_row: quarantine}\n\
         columns:\n  - {name: id, type: int64}\n  - {name: name, type: utf8}\n\
         destination: {resource: bucket, load: replace, format: jsonl}",
    );
    trial.project.tidegate(&["run", "odd"]).succeeded();
    let shown = trial.project.tidegate(&["quarantine", "show", "odd"]).succeeded();
    assert!(shown.stdout.contains("bad,y"), "{}", shown.stdout);
    assert!(!trial.project.path(".tidegate/artifacts").exists());
}

#[test]
fn a_full_refresh_reads_every_object_again() {
    let trial = Trial::new(&server());
    trial.give(0);
    trial.project.tidegate(&["run", "loaded"]).succeeded();
    trial
        .project
        .tidegate(&["run", "loaded", "--full-refresh"])
        .succeeded();
    assert_eq!(trial.content().len() as u32, 2 * ROWS);
    // What is new may not take the place of what is there.
    trial.project.asset(
        "replaced",
        "source: {resource: watched, path: \"given/part-*.csv\", only_new: true}\n\
         columns:\n  - {name: id, type: int64}\n\
         destination: {resource: watched, load: replace}",
    );
    trial.project.tidegate(&["check"]).failed(3, "schema.only_new");
}

/// A moment of a load: at the so-manieth request with all of this in its line, before or after the server does it.
const MOMENTS: [(&str, &[&str], usize, Fate); 5] = [
    (
        "before the first part",
        &["PUT ", "/loaded/part-"],
        1,
        Fate::CutBefore,
    ),
    (
        "after the second part",
        &["PUT ", "/loaded/part-"],
        2,
        Fate::CutAfter,
    ),
    (
        "before the manifest",
        &["PUT ", "/loaded/_manifest/"],
        1,
        Fate::CutBefore,
    ),
    (
        "after the manifest",
        &["PUT ", "/loaded/_manifest/"],
        1,
        Fate::CutAfter,
    ),
    (
        "while it sweeps",
        &["GET ", "prefix=", "loaded%2Fpart-"],
        3,
        Fate::CutAfter,
    ),
];

#[test]
fn a_run_that_is_killed_and_taken_up_again_ends_as_one_that_was_not() {
    for (name, pattern, nth, fate) in MOMENTS {
        let left = Arc::new(AtomicUsize::new(usize::MAX));
        let (dead, counting) = (Arc::new(AtomicBool::new(false)), left.clone());
        let gone = dead.clone();
        let url = proxy::start(&server(), move |line| {
            if gone.load(Ordering::SeqCst) {
                return Fate::CutBefore;
            }
            let left = counting.load(Ordering::SeqCst);
            if left == usize::MAX || !pattern.iter().all(|part| line.contains(part)) {
                return Fate::Pass;
            }
            counting.store(left - 1, Ordering::SeqCst);
            if left > 1 {
                return Fate::Pass;
            }
            gone.store(true, Ordering::SeqCst);
            fate
        });
        let trial = Trial::new(&url);
        trial.give(0);
        trial.project.tidegate(&["run", "loaded"]).succeeded();
        trial.give(1);
        left.store(nth, Ordering::SeqCst);
        let mut victim = trial.project.start(&["run", "loaded"]);
        while !dead.load(Ordering::SeqCst) {
            assert!(victim.try_wait().unwrap().is_none(), "{name}: it ended before");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        victim.kill().unwrap();
        victim.wait().unwrap();
        left.store(usize::MAX, Ordering::SeqCst);
        dead.store(false, Ordering::SeqCst);
        let runs = trial.project.json(&["runs", "list"]);
        let id = runs[0]["id"].as_str().unwrap().to_owned();
        // What comes meanwhile is for the next run.
        trial.give(2);
        trial.project.tidegate(&["runs", "retry", &id]).succeeded();
        println!("{name}: taken up again");
        trial.project.tidegate(&["run", "loaded"]).succeeded();
        rows_of(&trial, 3);
    }
}
