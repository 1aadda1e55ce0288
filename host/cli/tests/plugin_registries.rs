//! Registries on a server: what a folder does as a registry, a bucket and an OCI registry do too.
//!
//! The servers' addresses come in variables; `cargo xtask test` starts them and sets those.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without fails it")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use tidegate_core::plan::Digest;

#[path = "../../plugin/tests/support/package.rs"]
mod package;
mod support;
use package::{key, manifest, repackaged, sign};
use support::{Answer, Project, repository};

const SECRET: &str = "test-secret";
const PASSWORD: &str = "test-password";

/// `tester:test-password` and `tester:not-the-password` in base64.
const LOGIN: &str = "dGVzdGVyOnRlc3QtcGFzc3dvcmQ=";
const WRONG_LOGIN: &str = "dGVzdGVyOm5vdC10aGUtcGFzc3dvcmQ=";

fn address(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} is not set: run `cargo xtask test`, which starts the servers that tests need")
    })
}

/// A name that no other test, and no earlier run against a server that was let run on, has used.
fn fresh(word: &str) -> String {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let made = MADE.fetch_add(1, Ordering::Relaxed);
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos();
    format!("{word}-{now}-{made}")
}

/// A project that asks for `keep-present@^0.1` and has one registry.
struct Team {
    project: Project,
    registry: String,
}

impl Team {
    fn new(project: Project, registry: String) -> Self {
        let project = project.with("TIDEGATE_CACHE", "cache");
        project.write(
            "schemas/project.yaml",
            format!("apiVersion: tidegate/v1\nkind: Project\nname: trial\nregistries: [\"{registry}\"]\n"),
        );
        project.resource("raw", "in");
        project.resource("lake", ".tidegate/data");
        project.write("in/n.csv", "n\n1\nNA\n3\n");
        project.asset(
            "numbers",
            "source: {resource: raw, path: n.csv, nulls: [NA]}\ncolumns:\n  - {name: n, type: int64}\n\
             transforms:\n  - {plugin: keep-present@^0.1, reads: [n]}\n\
             destination: {resource: lake, load: replace}",
        );
        Self { project, registry }
    }

    fn with_bucket(secret: &str) -> Self {
        let project = Project::empty()
            .with("AWS_ENDPOINT_URL", &address("TIDEGATE_TEST_S3_URL"))
            .with("AWS_ACCESS_KEY_ID", "tests")
            .with("AWS_SECRET_ACCESS_KEY", secret)
            .with("AWS_REGION", "us-east-1")
            .with("AWS_EC2_METADATA_DISABLED", "true");
        Self::new(project, format!("s3://tests/{}/plugins", fresh("team")))
    }

    fn with_oci(login: Option<&str>) -> Self {
        let host = address("TIDEGATE_TEST_OCI_HOST");
        let project = Project::empty().with("DOCKER_CONFIG", "docker");
        if let Some(login) = login {
            // What `docker login` writes.
            let logins = json!({"auths": {&host: {"auth": login}}});
            project.write("docker/config.json", logins.to_string());
        }
        Self::new(project, format!("oci://{host}/{}/plugins", fresh("team")))
    }

    /// A build of keep-present as another version.
    fn build(&self, version: &str, description: &str) -> PathBuf {
        let wasm = fs::read(format!("{}/plugins/dist/keep-present.wasm", repository())).unwrap();
        let file = format!("built/{}.wasm", fresh(version));
        self.project.write(
            &file,
            repackaged(&wasm, &manifest("keep-present", version, description)),
        );
        self.project.path(&file)
    }

    fn publish(&self, file: &Path, more: &[&str]) -> Answer {
        let arguments = [
            "plugin",
            "publish",
            file.to_str().unwrap(),
            "--to",
            &self.registry,
        ];
        self.project.tidegate(&[&arguments[..], more].concat())
    }

    /// The versions that `plugin list` shows, with the roles of each.
    fn listed(&self) -> Vec<(String, String)> {
        let list = self
            .project
            .json(&["plugin", "list", "--registry", &self.registry]);
        assert_eq!(list["errors"], json!([]), "{list}");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let plugins = list["plugins"].as_array().unwrap().iter();
        plugins
            .map(|plugin| {
                (
                    text(&plugin["release"]["version"]),
                    text(&plugin["release"]["roles"][0]),
                )
            })
            .collect()
    }

    fn lock(&self) -> Value {
        let lock: Value =
            serde_json::from_slice(&fs::read(self.project.path("tidegate.lock")).unwrap()).unwrap();
        lock["plugins"][0].clone()
    }

    fn forget_what_was_fetched(&self) {
        fs::remove_dir_all(self.project.path("cache")).unwrap();
    }
}

/// From nothing to a run, and to the next version.
fn a_plugin_goes_from_a_build_to_a_run(team: &Team) {
    assert!(team.listed().is_empty());
    team.project.tidegate(&["check"]).failed(3, "plugin.not_found");
    let first = team.build("0.1.3", "the first");
    let answer = team.publish(&first, &[]).succeeded();
    assert!(
        answer.stdout.starts_with("published keep-present@0.1.3"),
        "{}",
        answer.stdout
    );
    team.project
        .tidegate(&["check", "--locked"])
        .failed(3, "plugin.not_locked");
    team.project.tidegate(&["check"]).succeeded();
    assert_eq!(team.lock()["version"], "0.1.3");
    assert_eq!(team.lock()["registry"], team.registry.as_str());
    team.project.tidegate(&["run", "--all", "--locked"]).succeeded();
    assert_eq!(team.project.lines("numbers"), ["1", "3"]);

    for version in ["0.1.10", "0.1.4", "0.2.0-rc.1", "0.1.4+build.7"] {
        team.publish(&team.build(version, ""), &[]).succeeded();
    }
    let transform = |version: &str| (version.to_owned(), "transform".to_owned());
    let versions = ["0.2.0-rc.1", "0.1.10", "0.1.4+build.7", "0.1.4", "0.1.3"];
    assert_eq!(team.listed(), versions.map(transform));
    // A machine that has fetched nothing runs what is locked, not what is newest.
    team.forget_what_was_fetched();
    team.project.tidegate(&["run", "--all", "--locked"]).succeeded();
    assert_eq!(team.lock()["version"], "0.1.3");
    team.project.tidegate(&["plugin", "update"]).succeeded();
    assert_eq!(team.lock()["version"], "0.1.10");
}

/// The same again is nothing new, other bytes are refused, and a signature is given once.
fn a_version_never_changes(team: &Team) {
    let file = team.build("0.1.3", "the first");
    team.publish(&file, &[]).succeeded();
    let answer = team.publish(&file, &[]).succeeded();
    assert!(answer.stdout.contains("already, the same"), "{}", answer.stdout);
    let answer = team
        .publish(&team.build("0.1.3", "not the first"), &[])
        .failed(2, "plugin.published");
    assert!(answer.stderr.contains("raise the version"), "{}", answer.stderr);

    let (pair, public) = key();
    let bytes = fs::read(&file).unwrap();
    team.project.write("good.minisig", sign(&pair, &bytes));
    team.project.write("late.minisig", sign(&key().0, &bytes));
    let answer = team
        .publish(&file, &["--signature", "good.minisig", "--key", &public])
        .succeeded();
    assert!(answer.stdout.contains("now is signed"), "{}", answer.stdout);
    let answer = team.publish(&file, &["--signature", "good.minisig"]).succeeded();
    assert!(answer.stdout.contains("already, the same"), "{}", answer.stdout);
    team.publish(&file, &["--signature", "late.minisig"])
        .failed(2, "plugin.published");
    // One that is signed from the start.
    let next = team.build("0.1.4", "");
    team.project
        .write("next.minisig", sign(&pair, &fs::read(&next).unwrap()));
    team.publish(&next, &["--signature", "next.minisig"]).succeeded();
    team.project.write(
        "schemas/project.yaml",
        format!(
            "apiVersion: tidegate/v1\nkind: Project\nname: trial\nregistries: [\"{}\"]\ntrusted_keys: [{public}]\n",
            team.registry
        ),
    );
    team.project.tidegate(&["check"]).succeeded();
    assert_eq!(team.lock()["version"], "0.1.4");
    assert_eq!(team.lock()["signed_by"], public.as_str());
}

/// An error of the registry that says so, without the secret.
#[track_caller]
fn is_refused(answer: Answer, words: &[&str], secret: &str) {
    let answer = answer.failed(6, "plugin.registry");
    for word in words {
        assert!(answer.stderr.contains(word), "{}\nhas not: {word}", answer.stderr);
    }
    assert!(!answer.stderr.contains(secret), "{}", answer.stderr);
}

#[test]
fn a_bucket_takes_a_plugin_from_a_build_to_a_run() {
    a_plugin_goes_from_a_build_to_a_run(&Team::with_bucket(SECRET));
}

#[test]
fn an_oci_registry_takes_a_plugin_from_a_build_to_a_run() {
    a_plugin_goes_from_a_build_to_a_run(&Team::with_oci(Some(LOGIN)));
}

#[test]
fn a_version_in_a_bucket_never_changes() {
    a_version_never_changes(&Team::with_bucket(SECRET));
}

#[test]
fn a_version_in_an_oci_registry_never_changes() {
    a_version_never_changes(&Team::with_oci(Some(LOGIN)));
}

#[test]
fn of_many_publishers_to_a_bucket_one_wins() {
    let team = Team::with_bucket(SECRET);
    let files: Vec<PathBuf> = (0..6)
        .map(|build| team.build("0.1.3", &format!("build {build}")))
        .collect();
    let running: Vec<_> = files
        .iter()
        .map(|file| {
            let arguments = [
                "plugin",
                "publish",
                file.to_str().unwrap(),
                "--to",
                &team.registry,
            ];
            let mut command = team.project.command(&arguments);
            command
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let codes: Vec<Option<i32>> = running
        .into_iter()
        .map(|child| child.wait_with_output().unwrap().status.code())
        .collect();
    assert_eq!(
        codes.iter().filter(|code| **code == Some(0)).count(),
        1,
        "{codes:?}"
    );
    assert_eq!(
        codes.iter().filter(|code| **code == Some(2)).count(),
        5,
        "{codes:?}"
    );
    let winner = codes.iter().position(|code| *code == Some(0)).unwrap();
    team.project.tidegate(&["check"]).succeeded();
    let digest = Digest::of(&fs::read(&files[winner]).unwrap());
    assert_eq!(team.lock()["digest"], digest.to_string());
}

#[test]
fn a_bucket_that_cannot_be_used_says_why() {
    let team = Team::with_bucket("not-the-secret");
    let file = team.build("0.1.3", "");
    is_refused(
        team.publish(&file, &[]),
        &["403", "SignatureDoesNotMatch"],
        "not-the-secret",
    );
    is_refused(
        team.project.tidegate(&["check"]),
        &["schemas/assets/numbers.yaml", "403"],
        "not-the-secret",
    );
    // Nobody listens there.
    let team = Team::new(
        Project::empty()
            .with("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
            .with("AWS_ACCESS_KEY_ID", "tests")
            .with("AWS_SECRET_ACCESS_KEY", SECRET)
            .with("AWS_REGION", "us-east-1"),
        "s3://team/plugins".into(),
    );
    is_refused(
        team.publish(&team.build("0.1.3", ""), &[]),
        &["s3://team/plugins"],
        SECRET,
    );
    // Nobody has said who asks.
    let team = Team::new(
        Project::empty()
            .with("AWS_ENDPOINT_URL", &address("TIDEGATE_TEST_S3_URL"))
            .with("AWS_REGION", "us-east-1")
            .with("AWS_EC2_METADATA_DISABLED", "true")
            .with("HOME", "nobody"),
        "s3://team/plugins".into(),
    );
    is_refused(
        team.publish(&team.build("0.1.3", ""), &[]),
        &["credential"],
        SECRET,
    );
    let missing = Team::with_bucket(SECRET);
    let answer = missing.project.tidegate(&[
        "plugin",
        "list",
        "--registry",
        "s3://not-a-bucket-of-the-tests/plugins",
    ]);
    is_refused(answer, &["NoSuchBucket"], SECRET);
    for wrong in ["s3://", "s3://team/../plugins", "s3://te am"] {
        let answer = team.project.tidegate(&["plugin", "list", "--registry", wrong]);
        is_refused(answer, &["s3://BUCKET/PREFIX"], SECRET);
    }
}

#[test]
fn an_oci_registry_that_cannot_be_used_says_why() {
    for login in [None, Some(WRONG_LOGIN)] {
        let team = Team::with_oci(login);
        let answer = team.publish(&team.build("0.1.3", ""), &[]);
        is_refused(answer, &["docker login"], "not-the-password");
        let listed = team
            .project
            .tidegate(&["plugin", "list", "--registry", &team.registry]);
        is_refused(listed, &["docker login"], "not-the-password");
    }
    let team = Team::new(
        Project::empty().with("DOCKER_CONFIG", "docker"),
        "oci://127.0.0.1:9/team".into(),
    );
    let answer = team.publish(&team.build("0.1.3", ""), &[]);
    is_refused(answer, &["does not answer", "refused"], PASSWORD);
    for wrong in ["oci://", "oci://host", "oci://host/Team", "oci://host/a//b"] {
        let answer = team.project.tidegate(&["plugin", "list", "--registry", wrong]);
        is_refused(answer, &["registry"], PASSWORD);
    }
}

#[test]
fn what_changed_in_a_bucket_under_a_locked_version_is_not_run() {
    let team = Team::with_bucket(SECRET);
    team.publish(&team.build("0.1.3", "the first"), &[]).succeeded();
    team.project.tidegate(&["check"]).succeeded();
    let locked = team.lock();
    // Somebody makes the bucket anew, with another component under the same version.
    let other = Team::with_bucket(SECRET);
    other
        .publish(&other.build("0.1.3", "not the first"), &[])
        .succeeded();
    team.project.write(
        "schemas/project.yaml",
        format!(
            "apiVersion: tidegate/v1\nkind: Project\nname: trial\nregistries: [\"{}\"]\n",
            other.registry
        ),
    );
    let moved = json!({"format": 1, "plugins": [{
        "name": locked["name"], "version": locked["version"], "digest": locked["digest"],
        "registry": other.registry, "requirements": locked["requirements"],
    }]});
    team.project.write("tidegate.lock", moved.to_string());
    team.forget_what_was_fetched();
    let answer = team.project.tidegate(&["run", "--all"]);
    answer.failed(5, "plugin.digest_changed");
    assert!(!team.project.is_loaded("numbers"));
}
