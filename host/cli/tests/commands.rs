//! The commands as they are typed, and what they print.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without fails it")]

mod support;

use serde_json::Value;

use support::{Project, tree};

/// What `init` makes, with a run behind it.
fn started() -> Project {
    let project = Project::empty();
    project.tidegate(&["init", "harbour"]).succeeded();
    project
}

/// A text with its runs' ids, times and sizes taken out.
fn normalised(text: &str) -> String {
    let word = |word: &str| -> String {
        let digits = word.chars().filter(char::is_ascii_digit).count();
        let plain = |ends: &dyn Fn(char) -> bool| word.chars().all(|c| c.is_ascii_digit() || ends(c));
        if word.len() == 36 && word.matches('-').count() == 4 {
            "RUN".to_owned()
        } else if digits > 0 && word.contains('.') && plain(&|c| c == '.') {
            "N.N".to_owned()
        } else if digits > 0 && word.contains(':') && plain(&|c| matches!(c, ':' | '-' | 'Z' | 'T' | '.')) {
            "TIME".to_owned()
        } else if digits == 8 && plain(&|c| c == '-') {
            "DAY".to_owned()
        } else {
            word.to_owned()
        }
    };
    text.lines()
        .map(|line| {
            let mut words: Vec<String> = Vec::new();
            for text in line.split_whitespace() {
                if matches!(text, "B" | "kB") {
                    words.pop();
                    words.push("SIZE".to_owned());
                } else {
                    words.push(word(text));
                }
            }
            words.join(" ")
        })
        .collect::<Vec<_>>()
        .join("\n")
}

#[track_caller]
fn prints(project: &Project, arguments: &[&str], expected: &str) {
    let answer = project.tidegate(arguments).succeeded();
    assert_eq!(normalised(&answer.stdout), expected, "{arguments:?}");
}

#[test]
fn a_new_project_goes_from_init_to_rows() {
    let project = started();
    prints(&project, &["check"], "ok: 1 asset, 2 resources, 0 transforms");
    prints(
        &project,
        &["plan"],
        "readings\nsource file readings.csv\ndestination .tidegate/data/readings (replace)\ncolumn type from\n\
         gauge utf8 not null gauge\nread_at timestamp(ms, UTC) not null read_at\nlevel decimal(6,3) level\n",
    );
    prints(
        &project,
        &["runs", "list"],
        "no runs yet; next: tidegate run --all",
    );
    prints(&project, &["quarantine", "list"], "no rows were refused");
    prints(
        &project,
        &["run", "--all"],
        "asset partitions rows in rows out filtered rejected bytes time where\n\
         readings 1 4 4 0 0 SIZE N.N s .tidegate/data/readings\n\nrun RUN succeeded in N.N s\n\
         next: tidegate asset list",
    );
    assert_eq!(
        project.lines("readings")[0],
        "north_pier,2024-05-01T06:00:00Z,1.204"
    );
    prints(
        &project,
        &["asset", "list"],
        "asset group partitions rows bytes materialized stands description\n\
         readings 1 4 SIZE DAY TIME up to date One row a reading of a tide gauge.",
    );
    let shown = project
        .tidegate(&["asset", "show", "readings"])
        .succeeded()
        .stdout;
    assert!(shown.contains("owners: team:harbour") && shown.contains("lies in: .tidegate/data/readings"));
    prints(
        &project,
        &["runs", "list"],
        "run state started time asked for\nRUN succeeded DAY TIME N.N s readings",
    );
    let shown = project.tidegate(&["runs", "show", "latest"]).succeeded().stdout;
    assert!(shown.contains("asked for at") && shown.contains(": readings\n"));
    let log = project.tidegate(&["runs", "logs", "latest"]).succeeded().stdout;
    assert!(log.contains("loaded 4 rows"), "{log}");
}

#[test]
fn every_command_answers_in_json() {
    let project = started();
    for arguments in [
        &["check"][..],
        &["plan"],
        &["plan", "readings"],
        &["run", "--all"],
        &["asset", "list"],
        &["asset", "show", "readings"],
        &["asset", "lineage", "readings.level"],
        &["asset", "wipe", "readings"],
        &["asset", "report", "readings", "--observation"],
        &["run", "list"],
        &["runs", "list"],
        &["runs", "list", "--asset", "readings"],
        &["runs", "show", "latest"],
        &["quarantine", "list"],
        &["quarantine", "show", "readings"],
    ] {
        assert!(!project.json(arguments).is_null(), "{arguments:?}");
    }
    let logs = project
        .tidegate(&["runs", "logs", "latest", "--json"])
        .succeeded();
    for line in logs.stdout.lines() {
        serde_json::from_str::<Value>(line).unwrap();
    }
    let errors = project.json(&["run", "nothing"]);
    assert_eq!(errors["errors"][0]["code"], "run.unknown_asset");
    let broken = Project::empty();
    assert_eq!(broken.tidegate(&["init", "--json"]).succeeded().stderr, "");
}

#[test]
fn the_example_is_planned_as_before() {
    let project = Project::new();
    let example = std::fs::read_to_string(format!("{}/schemas/assets/flights.yaml", support::repository()));
    project.write("schemas/assets/flights.yaml", example.unwrap());
    let plan = project.tidegate(&["plan", "flights"]).succeeded().stdout;
    for line in [
        "  source       file flights/{partition}.csv.gz, 12 partitions",
        "               shown    tailnum",
        "               limits   64MiB memory, 1s a batch",
        "  destination  .tidegate/data/flights (replace_partition)",
        "    departed_at     timestamp(ms, UTC)           year, month, day, sched_dep_time, dep_delay",
    ] {
        assert!(
            plan.lines().any(|found| found == line),
            "{line}\nis not in\n{plan}"
        );
    }
}

#[test]
fn what_cannot_be_done_is_refused_with_a_way_out() {
    let project = started();
    for (arguments, code, hint) in [
        (
            &["run", "reading"][..],
            "run.unknown_asset",
            "did you mean `readings`?",
        ),
        (&["run", "zzz"], "run.unknown_asset", "the assets are readings"),
        (&["run"], "run.nothing_selected", "--all"),
        (
            &["run", "readings", "--partition", "2024-01"],
            "run.partition",
            "leave --partition out",
        ),
        (
            &["asset", "show", "reading"],
            "run.unknown_asset",
            "did you mean `readings`?",
        ),
        (&["runs", "show", "latest"], "run.unknown", "runs list"),
        (&["runs", "show", "0198"], "run.unknown", "runs list"),
        (&["runs", "logs", "latest"], "run.unknown", "runs list"),
        (&["runs", "retry"], "run.unknown", "runs list"),
        (
            &["runs", "list", "--asset", "nope"],
            "run.unknown_asset",
            "the assets are",
        ),
        (
            &["quarantine", "show", "nope"],
            "run.unknown_asset",
            "the assets are",
        ),
        (
            &["quarantine", "show", "quarantine/nope.parquet"],
            "quarantine.unknown",
            "quarantine list",
        ),
        (&["init"], "init.exists", "another folder"),
    ] {
        let answer = project.tidegate(arguments).failed(2, code);
        assert!(answer.stderr.contains(hint), "{arguments:?}: {}", answer.stderr);
    }
    let wrong = project.tidegate(&["rum", "readings"]);
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.stderr.contains("similar"), "{}", wrong.stderr);
}

#[test]
fn a_partition_that_is_not_the_assets_is_refused() {
    let project = Project::new();
    project.write("in/2024-01.csv", "at,id\n2024-01-03,1\n2024-02-01,2\n");
    project.write("in/2024-02.csv", "at,id\n2024-02-03,3\n");
    project.asset(
        "events",
        "source: {resource: raw, path: \"{partition}.csv\"}\n\
         columns: [{name: at, type: date32}, {name: id, type: int64}]\n\
         destination: {resource: lake, load: replace_partition}\n\
         partitions: {monthly: {column: at, start: 2024-01, end: 2024-03}}",
    );
    for key in ["2024-03", "2023-12", "2024-1", "x", ""] {
        project
            .tidegate(&["run", "events", "--partition", key])
            .failed(2, "run.partition");
    }
    assert!(!project.path(".tidegate/data").exists());
    project
        .tidegate(&["run", "events", "--partition", "2024-02"])
        .succeeded();
    assert_eq!(project.lines("events"), ["2024-02-03,3"]);
    project.tidegate(&["run", "events"]).succeeded();
    assert_eq!(project.lines("events"), ["2024-01-03,1", "2024-02-03,3"]);
    let refused = project
        .tidegate(&["quarantine", "show", "events"])
        .succeeded()
        .stdout;
    assert!(
        refused.contains("partition.outside: `at` is outside the partition `2024-01`"),
        "{refused}"
    );
}

#[test]
fn no_project_is_told_with_the_way_to_one() {
    let project = Project::empty();
    for arguments in [
        &["check"][..],
        &["run", "--all"],
        &["asset", "list"],
        &["runs", "list"],
    ] {
        let answer = project.tidegate(arguments);
        assert_ne!(answer.code, Some(0));
        assert!(answer.stderr.contains("tidegate init"), "{}", answer.stderr);
    }
    assert_eq!(tree(&project.path(".")), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_dry_run_leaves_nothing_behind() {
    let project = started();
    let answer = project.tidegate(&["run", "--all", "--dry-run"]).succeeded();
    assert!(answer.stdout.contains("(dry run)") && answer.stdout.contains("nothing was loaded"));
    assert_eq!(project.json(&["runs", "list"]), Value::Array(Vec::new()));
    let left = tree(&project.path(".tidegate"));
    assert!(
        left.iter().all(|path| path
            .file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with("state.db")),
        "{left:?}"
    );
}

#[test]
fn a_limit_stops_the_source() {
    let project = started();
    let answer = project.tidegate(&["run", "readings", "--limit", "3"]).succeeded();
    assert!(answer.stdout.contains("stopped after 3 rows"));
    assert_eq!(project.lines("readings").len(), 3);
    project.tidegate(&["run", "readings", "--limit", "0"]);
    project.tidegate(&["run", "readings"]).succeeded();
    assert_eq!(project.lines("readings").len(), 4);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    use std::io::Read as _;
    use std::process::Stdio;
    let project = started();
    project.tidegate(&["run", "--all"]).succeeded();
    let mut child = project
        .command(&["asset", "show", "readings", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut told = String::new();
    child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert_eq!((child.wait().unwrap().code(), told.as_str()), (Some(0), ""));
}

#[test]
fn a_run_goes_on_where_nobody_can_read_of_it() {
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let project = started();
    let mut run = project.command(&["run", "--all"]);
    let status = run.stdout(full()).stderr(full()).status().unwrap();
    assert_eq!(status.code(), Some(0));
    assert_eq!(project.last_state(), "succeeded");
    // An error that cannot be printed has its exit code all the same.
    let mut run = project.command(&["run", "nope"]);
    assert_eq!(run.stderr(full()).status().unwrap().code(), Some(2));
}

#[test]
fn a_program_is_told_in_json_what_it_typed_wrong() {
    let project = started();
    for typed in [&["run", "--limit", "x", "--json"][..], &["--json", "nope"]] {
        let answer = project.tidegate(typed);
        assert_eq!(answer.code, Some(2));
        let told: Value = serde_json::from_str(&answer.stdout).unwrap();
        assert_eq!(told["errors"][0]["code"], "cli.usage", "{told}");
        assert!(answer.stderr.is_empty(), "{}", answer.stderr);
    }
    let help = project.tidegate(&["--help", "--json"]).succeeded();
    assert!(help.stdout.contains("Usage"), "{}", help.stdout);
}

#[test]
fn what_needs_no_plugin_needs_no_plugin_cache() {
    // No folder can be made there, not even by root.
    let project = started().with("TIDEGATE_CACHE", "/dev/null/cache");
    for typed in [
        &["asset", "list"][..],
        &["runs", "list"],
        &["check"],
        &["run", "--all"],
    ] {
        project.tidegate(typed).succeeded();
    }
}

#[test]
fn what_failed_above_is_not_tried_below() {
    let project = started();
    project.asset(
        "levels",
        "source: {asset: readings}\ncontract: discard\ncolumns: [{name: level, type: \"decimal(6,3)\"}]\n\
         destination: {resource: lake, load: replace}",
    );
    project.write("schemas/data/readings.csv", "gauge,read_at,level\nlock,never,1\n");
    let answer = project
        .tidegate(&["run", "--all"])
        .failed(4, "file.csv.bad_value");
    assert!(answer.stderr.contains("levels: skipped"));
    assert!(!project.is_loaded("levels"));
    project.write(
        "schemas/data/readings.csv",
        "gauge,read_at,level\nlock,2024-05-01T06:00:00Z,1\n",
    );
    project.tidegate(&["runs", "retry"]).succeeded();
    assert_eq!(project.lines("levels"), ["1.000"]);
}
