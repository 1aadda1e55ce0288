//! `tidegate plugin`: what is started, tried and looked at, as typed and as printed.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without fails it")]

mod support;

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use support::{Project, repository};

/// The built component of one of the repository's plugins.
fn component(name: &str) -> String {
    format!("{}/plugins/dist/{name}.wasm", repository())
}

fn examples(name: &str) -> String {
    format!("{}/plugins/{name}/examples", repository())
}

/// A component with no manifest but this.
fn with_manifest(manifest: &Value) -> Vec<u8> {
    let body = [
        b"\x11tidegate:manifest".as_slice(),
        manifest.to_string().as_bytes(),
    ]
    .concat();
    let length = [body.len() as u8 & 0x7f | 0x80, (body.len() >> 7) as u8];
    [b"\0asm\x0d\0\x01\0\0".as_slice(), &length, &body].concat()
}

#[test]
fn a_plugin_that_keeps_the_contract_passes() {
    let project = Project::empty();
    let (wasm, folder) = (component("delay-class"), examples("delay-class"));
    // A call has a second, which a debug build on a busy machine may need more than.
    let test = [
        "plugin",
        "test",
        &wasm,
        "--examples",
        &folder,
        "--time-per-batch",
        "30s",
    ];
    let answer = project.tidegate(&test).succeeded();
    let lines: Vec<&str> = answer.stdout.lines().collect();
    assert!(lines[0].starts_with("example     case"), "{}", answer.stdout);
    assert!(
        lines.iter().any(|line| line.starts_with("classes     split")),
        "{}",
        answer.stdout
    );
    assert_eq!(
        *lines.last().unwrap(),
        "delay-class@0.1.0: 28 passed, 0 failed, 1 skipped"
    );
    let found = project.json(&test);
    assert_eq!(
        (&found["plugin"], &found["failed"]),
        (&json!("delay-class"), &json!(0))
    );
    assert_eq!(found["findings"].as_array().unwrap().len(), 29);
    let skipped: Vec<&Value> = found["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["outcome"] == "skipped")
        .collect();
    assert_eq!(
        skipped,
        [&json!({
            "example": "wide", "case": "nulls", "outcome": "skipped", "message": "no column is nullable"
        })]
    );
}

#[test]
fn a_plugin_that_does_not_fails_with_its_exit_code() {
    let project = Project::empty();
    project.write(
        "examples/wrong.yaml",
        "config: {classes: [{name: late, up_to: 60}], beyond: later}\ncolumns: [{name: delay, type: int32}]\n\
         input: [[[60], [61]]]\noutput: {columns: [{name: delay_class, type: utf8}], rows: [[late], [late]]}\n",
    );
    let wasm = component("delay-class");
    let answer = project.tidegate(&[
        "plugin",
        "test",
        &wasm,
        "--examples",
        "examples",
        "--time-per-batch",
        "30s",
    ]);
    assert_eq!(answer.code, Some(5), "{answer:?}");
    let failed = "wrong    output              FAILED  row 1, column `delay_class`: expected \"late\", found \"later\"";
    assert!(
        answer.stdout.lines().any(|line| line == failed),
        "{}",
        answer.stdout
    );
}

#[test]
fn what_cannot_be_tried_says_why() {
    let project = Project::empty();
    let wasm = component("delay-class");
    project
        .tidegate(&["plugin", "test", &wasm])
        .failed(2, "plugin.no_examples");
    project.write(
        "examples/bad.yaml",
        "columns: [{name: n, type: int8}]\ninput: [[[300]]]\nfault: x\n",
    );
    let answer = project
        .tidegate(&["plugin", "test", &wasm, "--examples", "examples"])
        .failed(3, "schema.invalid_value");
    assert!(
        answer.stderr.contains("examples/bad.yaml:2:"),
        "{}",
        answer.stderr
    );
    let time = [
        "plugin",
        "test",
        &wasm,
        "--examples",
        "examples",
        "--time-per-batch",
        "soon",
    ];
    project.tidegate(&time).failed(2, "plugin.time");
    project.write("examples/notes.txt", "");
    project
        .tidegate(&["plugin", "test", "examples/notes.txt"])
        .failed(5, "plugin.not_a_plugin");
    project
        .tidegate(&["plugin", "build", "examples"])
        .failed(2, "plugin.no_source");
    project.write("empty/Cargo.toml", "[package]\nname = \"empty\"\n");
    project
        .tidegate(&["plugin", "build", "empty"])
        .failed(5, "plugin.build");
    project.write("snake/pyproject.toml", "");
    let mut command = project.command(&["plugin", "build", "snake"]);
    let answer = command.env("PATH", project.path("empty")).output().unwrap();
    let said = String::from_utf8_lossy(&answer.stderr).into_owned();
    assert!(
        said.contains("error[plugin.toolchain]: cannot run `python3`"),
        "{said}"
    );
    assert!(said.contains("pip install"), "{said}");
}

#[test]
fn a_component_is_looked_at_by_file_and_by_name() {
    let project = Project::new();
    let by_file = project.json(&["plugin", "inspect", &component("delay-class")]);
    let by_name = project.json(&["plugin", "inspect", "delay-class@^0.1"]);
    assert_eq!(by_file["digest"], by_name["digest"]);
    assert_eq!(by_file["manifest"]["roles"], json!(["transform"]));
    let names = |key: &str| -> Vec<String> { serde_json::from_value(by_file[key].clone()).unwrap() };
    assert!(names("exports").contains(&"tidegate:plugin/transform@0.1.0".to_owned()));
    assert!(names("imports").contains(&"tidegate:plugin/batches@0.1.0".to_owned()));
    let people = project
        .tidegate(&["plugin", "inspect", "delay-class"])
        .succeeded()
        .stdout;
    for line in [
        "name        delay-class@0.1.0",
        "roles       transform",
        "licence     Apache-2.0",
    ] {
        assert!(people.lines().any(|found| found == line), "{line}: {people}");
    }
    project
        .tidegate(&["plugin", "inspect", "delay-clas"])
        .failed(3, "plugin.not_found");
}

#[test]
fn a_manifest_with_wishes_and_a_schema_is_shown_without_control_characters() {
    let project = Project::empty();
    let manifest = json!({
        "name": "tracker", "version": "1.2.3", "roles": ["source"], "contract": "0.1.0",
        "wishes": {"http": ["https://api.example.com/"], "memory": "128MiB"},
        "config_schema": {"properties": {
            "owner": {"type": "string", "description": "Whose\u{1b}[2J issues."},
            "pages": {"type": ["integer", "null"], "default": 3},
        }, "required": ["owner"]},
    });
    project.write("tracker.wasm", with_manifest(&manifest));
    let people = project
        .tidegate(&["plugin", "inspect", "tracker.wasm"])
        .succeeded()
        .stdout;
    for line in [
        "wish http   https://api.example.com/",
        "wish memory 128MiB",
        "  owner: string, required  Whose [2J issues.",
        "  pages: integer, null, default 3",
    ] {
        assert!(people.lines().any(|found| found == line), "{line}: {people}");
    }
}

#[test]
fn a_new_plugin_is_made_of_its_template() {
    let project = Project::empty();
    let sdk = format!("{}/sdk", repository());
    let new = |more: &[&str]| {
        let words = [
            "plugin",
            "new",
            "hash-email",
            "--lang",
            "rust",
            "--role",
            "transform",
        ];
        project.tidegate(&[&words, more].concat())
    };
    new(&[]).failed(2, "plugin.no_sdk");
    let answer = new(&["--sdk", &sdk]).succeeded();
    assert!(
        answer.stdout.ends_with("next: tidegate plugin test hash-email\n"),
        "{}",
        answer.stdout
    );
    let written = support::tree(&project.path("hash-email"));
    assert!(
        written.contains(&project.path("hash-email/src/lib.rs")),
        "{written:?}"
    );
    for file in written {
        let text = fs::read_to_string(&file).unwrap();
        assert!(
            !text.contains("{{") || text.contains("${{"),
            "{}: {text}",
            file.display()
        );
    }
    // Cargo reads it, and finds the SDK.
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(project.path("hash-email"))
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&metadata.stdout).unwrap();
    assert_eq!(metadata["packages"][0]["name"], "hash-email");
    new(&["--sdk", &sdk]).failed(2, "plugin.folder_taken");
    let bad = ["plugin", "new", "Hash", "--lang", "rust", "--role", "transform"];
    project.tidegate(&bad).failed(2, "plugin.name");
}

#[test]
fn a_new_plugin_inside_a_clone_finds_the_sdk() {
    let project = Project::empty();
    project.write("wit/since-v0.1/types.wit", "");
    project.write("sdk/rust/Cargo.toml", "");
    let words = [
        "plugin",
        "new",
        "x",
        "--lang",
        "rust",
        "--role",
        "source",
        "--path",
        "plugins/x",
    ];
    project.tidegate(&words).succeeded();
    let manifest = fs::read_to_string(project.path("plugins/x/Cargo.toml")).unwrap();
    assert!(
        manifest.contains("tidegate-sdk = { path = \"../../sdk/rust\" }"),
        "{manifest}"
    );
}
