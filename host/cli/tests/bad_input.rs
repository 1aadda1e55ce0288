//! What is wrong with data, plugins and disks, from the command line: the error's code and exit code, nothing
//! half-visible, the run's state true, and a run that works once the cause is mended.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without fails it")]

mod support;

use std::process::Command;

use support::{Project, files};

const GOOD: &str = "id,name\n1,one\n2,two\n";

/// An asset of two columns over `in/numbers.csv`.
fn numbers() -> Project {
    let project = Project::new();
    project.asset(
        "numbers",
        "source: {resource: raw, path: numbers.csv}\n\
         columns: [{name: id, type: int64}, {name: name, type: utf8}]\n\
         destination: {resource: lake, load: replace}",
    );
    project
}

/// A bad run of `numbers` over what was loaded before, then a good one.
#[track_caller]
fn refused(
    project: &Project,
    exit: i32,
    code: &str,
    bad: impl FnOnce(&Project),
    mend: impl FnOnce(&Project),
) {
    project.tidegate(&["run", "numbers"]).succeeded();
    let before = project.lines("numbers");
    assert!(!before.is_empty());
    bad(project);
    project.tidegate(&["run", "numbers"]).failed(exit, code);
    assert_eq!(
        project.lines("numbers"),
        before,
        "the load before can no longer be seen"
    );
    assert_eq!(project.last_state(), "failed");
    let shown = project.json(&["runs", "show", "latest"]);
    assert_eq!(shown["run"]["error"]["code"], code);
    assert_eq!(shown["partitions"][0]["state"], "failed");
    assert_eq!(shown["partitions"][0]["attempts"][0]["error"]["code"], code);
    mend(project);
    project.tidegate(&["run", "numbers"]).succeeded();
    assert_eq!(project.last_state(), "succeeded");
    project.assert_tidy("numbers");
}

#[track_caller]
fn bad_csv(code: &str, bytes: impl AsRef<[u8]>) {
    let project = numbers();
    project.write("in/numbers.csv", GOOD);
    refused(
        &project,
        4,
        code,
        |project| project.write("in/numbers.csv", bytes),
        |project| project.write("in/numbers.csv", "id,name\n3,three\n"),
    );
    assert_eq!(project.lines("numbers"), ["3,three"]);
}

#[test]
fn a_ragged_row() {
    bad_csv("file.csv.ragged_row", "id,name\n1,one\n2,two,too\n");
    bad_csv("file.csv.ragged_row", "id,name\n1,one\n2\n");
}

#[test]
fn a_bad_number() {
    bad_csv("file.csv.bad_value", "id,name\n1,one\n2x,two\n");
    bad_csv("file.csv.bad_value", "id,name\n9223372036854775808,one\n");
}

#[test]
fn a_bad_row_behind_many_good_ones() {
    let good: String = (0..50_000).map(|row| format!("{row},name {row}\n")).collect();
    bad_csv("file.csv.bad_value", format!("id,name\n{good}x,bad\n"));
}

#[test]
fn an_unclosed_quote() {
    bad_csv("file.csv.unclosed_quote", "id,name\n1,\"one\n2,two\n");
}

#[test]
fn a_wrong_encoding() {
    bad_csv("file.bad_encoding", b"id,name\n1,caf\xe9\n");
}

#[test]
fn an_empty_file() {
    bad_csv("file.empty", "");
}

#[test]
fn a_line_of_50_megabytes() {
    bad_csv(
        "file.record_too_long",
        format!("id,name\n1,{}\n", "x".repeat(50_000_000)),
    );
}

#[test]
fn a_column_that_is_not_there() {
    bad_csv("file.column_missing", "id,nam\n1,one\n");
}

#[test]
fn a_file_that_is_not_there() {
    let project = numbers();
    project.write("in/numbers.csv", GOOD);
    refused(
        &project,
        6,
        "file.not_found",
        |project| std::fs::remove_file(project.path("in/numbers.csv")).unwrap(),
        |project| project.write("in/numbers.csv", GOOD),
    );
}

#[test]
fn marks_line_ends_and_no_rows_are_all_right() {
    for (text, rows) in [
        ("id,name\n", Vec::new()),
        ("id,name", Vec::new()),
        ("\u{feff}id,name\n1,one\n", vec!["1,one"]),
        ("id,name\r\n1,one\r\n2,two\r\n", vec!["1,one", "2,two"]),
        ("id,name\n1,one\n2,two", vec!["1,one", "2,two"]),
    ] {
        let project = numbers();
        project.write("in/numbers.csv", text);
        project.tidegate(&["run", "numbers"]).succeeded();
        assert_eq!(project.lines("numbers"), rows, "{text:?}");
        assert!(project.is_loaded("numbers"));
        assert_eq!(project.last_state(), "succeeded");
    }
}

#[test]
fn bad_rows_wait_in_quarantine_where_the_schema_says_so() {
    let project = Project::new();
    project.asset(
        "numbers",
        "source: {resource: raw, path: numbers.csv, on_bad_row: quarantine}\n\
         columns: [{name: id, type: int64}, {name: name, type: utf8}]\n\
         destination: {resource: lake, load: replace}",
    );
    project.write("in/numbers.csv", "id,name\n1,one\nx,two\n3\n4,four\n");
    project.tidegate(&["run", "numbers"]).succeeded();
    assert_eq!(project.lines("numbers"), ["1,one", "4,four"]);
    let entries = project.json(&["quarantine", "list"]);
    assert_eq!(entries[0]["rows"], 2);
    let shown = project.json(&["runs", "show", "latest"]);
    let counts = &shown["materializations"][0]["counts"];
    assert_eq!(
        [
            &counts["source"]["rows_in"],
            &counts["source"]["rejected"],
            &counts["loaded"]
        ],
        [4, 2, 2]
    );
}

/// `numbers` through the plugin that misbehaves.
fn through(project: &Project, deed: &str) {
    // Only those that never end must wait for the limit; a busy machine must not stop the others before they misbehave.
    let time = if matches!(deed, "spin" | "sleep") {
        "200ms"
    } else {
        "20s"
    };
    project.asset(
        "numbers",
        &format!(
            "source: {{resource: raw, path: numbers.csv}}\n\
             columns: [{{name: id, type: int64}}, {{name: name, type: utf8}}, {{name: made, type: utf8}}]\n\
             transforms:\n  - plugin: guest-evil\n    reads: [id]\n    writes: [made]\n    \
             config: {{deed: {deed}}}\n    limits: {{time_per_batch: {time}, memory: 32MiB}}\n\
             destination: {{resource: lake, load: replace}}"
        ),
    );
}

#[track_caller]
fn bad_plugin(deed: &str, code: &str) {
    let project = Project::new();
    project.write("in/numbers.csv", GOOD);
    through(&project, "none");
    refused(
        &project,
        5,
        code,
        |project| through(project, deed),
        |project| through(project, "none"),
    );
    assert_eq!(project.lines("numbers"), ["1,one,x", "2,two,x"]);
}

#[test]
fn a_trap() {
    bad_plugin("trap", "plugin.trap");
}

#[test]
fn an_endless_loop() {
    bad_plugin("spin", "plugin.time_limit");
    bad_plugin("sleep", "plugin.time_limit");
}

#[test]
fn memory_without_end() {
    bad_plugin("memory", "plugin.memory_limit");
}

#[test]
fn output_that_is_a_lie() {
    for deed in [
        "short",
        "falling-offsets",
        "negative-offsets",
        "long-offsets",
        "split-character",
        "null-count",
        "utf8",
        "selection-beyond",
        "reject-beyond",
    ] {
        bad_plugin(deed, "plugin.contract");
    }
}

#[test]
fn a_plugin_that_fails_to_bind_is_found_before_anything_moves() {
    let project = Project::new();
    project.write("in/numbers.csv", GOOD);
    through(&project, "bind-trap");
    project.tidegate(&["check"]).failed(5, "plugin.trap");
    project.tidegate(&["run", "numbers"]).failed(5, "plugin.trap");
    assert!(!project.path(".tidegate").exists());
}

#[test]
fn a_flood_of_log_lines_is_cut() {
    let project = Project::new();
    project.write("in/numbers.csv", GOOD);
    through(&project, "log-flood");
    project.tidegate(&["run", "numbers"]).succeeded();
    let answer = project.tidegate(&["runs", "logs", "latest"]).succeeded();
    assert!(answer.stdout.contains("line 0") && answer.stdout.contains("were dropped"));
    assert!(answer.stdout.lines().count() < 1_000);
}

#[test]
fn text_of_a_plugin_does_not_act_on_the_terminal() {
    let project = Project::new();
    project.write("in/numbers.csv", GOOD);
    for deed in ["terminal", "reject-secret", "reject-code"] {
        through(&project, deed);
        for arguments in [
            &["run", "numbers"][..],
            &["runs", "show", "latest"],
            &["runs", "logs", "latest"],
            &["quarantine", "list"],
            &["quarantine", "show", "numbers"],
        ] {
            let answer = project.tidegate(arguments);
            assert!(
                !answer.stdout.contains('\u{1b}') && !answer.stderr.contains('\u{1b}'),
                "{deed}: {arguments:?}"
            );
        }
    }
}

#[test]
fn a_folder_that_cannot_be_written() {
    // A folder below a file, and one that the kernel keeps to itself: neither takes files, not even from root.
    for root in ["in/numbers.csv/lake", "/sys/lake"] {
        let project = numbers();
        project.write("in/numbers.csv", GOOD);
        refused(
            &project,
            6,
            "file.permission",
            |project| project.resource("lake", root),
            |project| project.resource("lake", ".tidegate/data"),
        );
        assert_eq!(files(&project.path("in")), [project.path("in/numbers.csv")]);
    }
}

#[test]
fn a_project_whose_own_folder_cannot_be_written() {
    let project = numbers();
    project.write("in/numbers.csv", GOOD);
    project.write(".tidegate", "in the way");
    project.tidegate(&["run", "numbers"]).failed(6, "file.permission");
    std::fs::remove_file(project.path(".tidegate")).unwrap();
    project.tidegate(&["run", "numbers"]).succeeded();
}

/// A file system of its own, of a megabyte. Only root may mount one; elsewhere the test is passed over.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn mount(at: std::path::PathBuf) -> Option<Self> {
        std::fs::create_dir_all(&at).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
            .arg(&at)
            .output()
            .is_ok_and(|output| output.status.success());
        mounted.then_some(Self(at))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk() {
    let project = numbers();
    let Some(_disk) = SmallDisk::mount(project.path(".tidegate/data")) else {
        eprintln!("passed over: a small file system cannot be mounted here");
        return;
    };
    project.write("in/numbers.csv", GOOD);
    let mut state = 1_u64;
    let noise: String = (0..100_000)
        .map(|row| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            format!("{row},{state:x}\n")
        })
        .collect();
    refused(
        &project,
        6,
        "file.disk_full",
        |project| project.write("in/numbers.csv", format!("id,name\n{noise}")),
        |project| project.write("in/numbers.csv", GOOD),
    );
    assert_eq!(project.lines("numbers"), ["1,one", "2,two"]);
}
