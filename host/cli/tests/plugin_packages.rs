//! `tidegate plugin publish`, `list`, `lock` and `update`, and what `check` and `run` make of a registry.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without fails it")]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

#[path = "../../plugin/tests/support/package.rs"]
mod package;
mod support;
use package::{key, manifest, repackaged, sign};
use support::{Project, repository};

/// A project that asks for `keep-present@^0.1` and has the folder `registry`, with more keys of project.yaml.
fn project(more: &str) -> Project {
    let project = Project::empty();
    project.write(
        "schemas/project.yaml",
        format!("apiVersion: tidegate/v1\nkind: Project\nname: trial\nplugins: [plugins]\nregistries: [registry]\n{more}"),
    );
    project.resource("raw", "in");
    project.resource("lake", ".tidegate/data");
    project.write("in/n.csv", "n\n1\nNA\n3\n");
    project.asset("numbers", &asset("keep-present@^0.1"));
    project
}

fn asset(plugin: &str) -> String {
    format!(
        "source: {{resource: raw, path: n.csv, nulls: [NA]}}\ncolumns:\n  - {{name: n, type: int64}}\n\
         transforms:\n  - {{plugin: {plugin}, reads: [n]}}\ndestination: {{resource: lake, load: replace}}"
    )
}

/// A build of keep-present as another version, in the folder `built`.
fn build(project: &Project, version: &str, description: &str) -> PathBuf {
    let wasm = fs::read(format!("{}/plugins/dist/keep-present.wasm", repository())).unwrap();
    let file = format!("built/keep-present-{version}.wasm");
    let bytes = repackaged(&wasm, &manifest("keep-present", version, description));
    project.write(&file, bytes);
    project.path(&file)
}

fn publish(project: &Project, file: &Path) -> support::Answer {
    project.tidegate(&["plugin", "publish", file.to_str().unwrap(), "--to", "registry"])
}

fn lock(project: &Project) -> Value {
    serde_json::from_slice(&fs::read(project.path("tidegate.lock")).unwrap()).unwrap()
}

#[test]
fn a_plugin_goes_from_a_build_to_a_run_and_to_its_next_version() {
    let project = project("").with("TIDEGATE_CACHE", "cache");
    fs::create_dir(project.path("registry")).unwrap();
    project.tidegate(&["check"]).failed(3, "plugin.not_found");
    let answer = publish(&project, &build(&project, "0.1.3", "the first")).succeeded();
    assert!(
        answer.stdout.starts_with("published keep-present@0.1.3"),
        "{}",
        answer.stdout
    );

    project
        .tidegate(&["check", "--locked"])
        .failed(3, "plugin.not_locked");
    project
        .tidegate(&["plan", "--locked"])
        .failed(3, "plugin.not_locked");
    project
        .tidegate(&["run", "--all", "--locked"])
        .failed(3, "plugin.not_locked");
    assert!(!project.path("tidegate.lock").exists());
    project.tidegate(&["check"]).succeeded();
    assert_eq!(lock(&project)["plugins"][0]["version"], "0.1.3");
    project.tidegate(&["run", "--all", "--locked"]).succeeded();
    assert_eq!(project.lines("numbers"), ["1", "3"]);

    // What can be listed is, and the exit code says that something cannot.
    project.write("registry/keep-present/0.1.2/release.json", "{");
    let list = project.tidegate(&["plugin", "list"]);
    let list = list.failed(5, "plugin.registry_damaged");
    assert!(list.stdout.contains("0.1.3"), "{}", list.stdout);
    fs::remove_dir_all(project.path("registry/keep-present/0.1.2")).unwrap();

    // A newer version changes nothing by itself.
    publish(&project, &build(&project, "0.1.4", "the second")).succeeded();
    project.tidegate(&["run", "--all", "--locked"]).succeeded();
    let list = project.json(&["plugin", "list"]);
    let listed: Vec<_> = list["plugins"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| {
            (
                it["release"]["version"].as_str().unwrap(),
                it["locked"].as_bool().unwrap(),
            )
        })
        .collect();
    assert_eq!(listed, [("0.1.4", false), ("0.1.3", true)]);
    let answer = project
        .tidegate(&["plugin", "update", "keep-present"])
        .succeeded();
    assert!(
        answer.stdout.contains("0.1.3 (") && answer.stdout.contains("0.1.4 ("),
        "{}",
        answer.stdout
    );
    assert_eq!(lock(&project)["plugins"][0]["version"], "0.1.4");
    project.tidegate(&["run", "--all", "--locked"]).succeeded();
    let answer = project.tidegate(&["plugin", "lock"]).succeeded();
    assert_eq!(answer.stdout, "tidegate.lock is as it should be\n");

    // Nobody asks for it any more.
    project.asset(
        "numbers",
        &asset("keep-present@^0.1").replace("transforms:\n  - {plugin: keep-present@^0.1, reads: [n]}\n", ""),
    );
    project.tidegate(&["plugin", "lock"]).succeeded();
    assert_eq!(lock(&project)["plugins"], json!([]));
}

#[test]
fn a_registry_that_was_rewritten_stops_a_run() {
    let project = project("").with("TIDEGATE_CACHE", "cache");
    publish(&project, &build(&project, "0.1.3", "the first")).succeeded();
    project.tidegate(&["check"]).succeeded();
    let published =
        publish(&project, &build(&project, "0.1.3", "not the first")).failed(2, "plugin.published");
    assert!(
        published.stderr.contains("raise the version"),
        "{}",
        published.stderr
    );
    // Somebody gets round that, and the project runs on a machine that has not fetched the plugin.
    fs::remove_dir_all(project.path("registry")).unwrap();
    publish(&project, &build(&project, "0.1.3", "not the first")).succeeded();
    fs::remove_dir_all(project.path("cache")).unwrap();
    let answer = project
        .tidegate(&["run", "--all"])
        .failed(5, "plugin.digest_changed");
    assert!(
        answer.stderr.contains("schemas/assets/numbers.yaml:"),
        "{}",
        answer.stderr
    );
    assert!(
        answer.stderr.contains("tidegate plugin update keep-present"),
        "{}",
        answer.stderr
    );
    assert!(!project.is_loaded("numbers"));
    project
        .tidegate(&["plugin", "update", "keep-present"])
        .succeeded();
    project.tidegate(&["run", "--all", "--locked"]).succeeded();
    assert_eq!(project.lines("numbers"), ["1", "3"]);
}

#[test]
fn a_project_with_keys_runs_signed_plugins_alone() {
    let (pair, public) = key();
    let project = project(&format!("trusted_keys: [{public}]\n")).with("TIDEGATE_CACHE", "cache");
    let file = build(&project, "0.1.3", "");
    publish(&project, &file).succeeded();
    project.tidegate(&["check"]).failed(5, "plugin.unsigned");
    let (stranger, _) = key();
    let bytes = fs::read(&file).unwrap();
    project.write("strange.minisig", sign(&stranger, &bytes));
    project.write("other.minisig", sign(&pair, b"another file"));
    project.write("good.minisig", sign(&pair, &bytes));
    let file = file.to_str().unwrap();
    let publish = |signature: &str| {
        let to = ["plugin", "publish", file, "--to", "registry", "--key", &public];
        project.tidegate(&[&to[..], &["--signature", signature]].concat())
    };
    publish("strange.minisig").failed(5, "plugin.unknown_key");
    publish("other.minisig").failed(5, "plugin.bad_signature");
    publish("none.minisig").failed(6, "plugin.io");
    let answer = publish("good.minisig").succeeded();
    assert!(answer.stdout.contains("now is signed"), "{}", answer.stdout);
    project.tidegate(&["check"]).succeeded();
    assert_eq!(lock(&project)["plugins"][0]["signed_by"], public.as_str());
}

#[test]
fn what_is_wrong_with_a_projects_packages_is_told_where_it_stands() {
    let project = project("trusted_keys: [RWnone]\n");
    let answer = project.tidegate(&["check"]).failed(3, "plugin.key");
    assert!(
        answer.stderr.contains("schemas/project.yaml:6:"),
        "{}",
        answer.stderr
    );
    project.write(
        "schemas/project.yaml",
        "apiVersion: tidegate/v1\nkind: Project\nname: trial\nregistries: [\"ftp://bucket\"]\n",
    );
    let answer = project.tidegate(&["check"]).failed(6, "plugin.registry");
    assert!(
        answer.stderr.contains("schemas/project.yaml:4:"),
        "{}",
        answer.stderr
    );
    project.write(
        "schemas/project.yaml",
        "apiVersion: tidegate/v1\nkind: Project\nname: trial\n",
    );
    for garbage in ["", "{", "{\"format\": 1, \"plugins\": [{\"name\": \"../../x\"}]}"] {
        project.write("tidegate.lock", garbage);
        project.tidegate(&["check"]).failed(3, "plugin.lock");
        project.tidegate(&["plugin", "list"]).failed(3, "plugin.lock");
        project.tidegate(&["plugin", "lock"]).failed(3, "plugin.lock");
        assert_eq!(
            fs::read_to_string(project.path("tidegate.lock")).unwrap(),
            garbage
        );
    }
}
