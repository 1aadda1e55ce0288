//! Registries, the lock and signatures: what is pinned stays, and what lies is refused.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without fails it")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use tidegate_core::{Error, Kind};
use tidegate_plugin::package::{
    FolderRegistry, Locking, Package, Packages, PackagesConfig, Published, Registry, TrustedKeys,
    open_registry,
};
use tidegate_plugin::{Catalog, Plugin, Requirement};

#[path = "support/package.rs"]
mod package;
mod support;
use package::{component, key, manifest, repackaged, sign};
use support::guests;

/// A project's folder with a registry, a plugin folder and a store of its own.
struct Project {
    folder: tempfile::TempDir,
    keys: Vec<String>,
    registries: Vec<&'static str>,
}

impl Project {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            keys: Vec::new(),
            registries: vec!["registry"],
        }
    }

    fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    fn registry(&self) -> FolderRegistry {
        FolderRegistry::new("registry", self.path("registry"))
    }

    fn catalog(&self) -> Catalog {
        Catalog::new(vec![self.path("plugins")])
    }

    fn packages(&self) -> Packages {
        let open = |place: &&str| open_registry(place, self.folder.path()).unwrap();
        Packages::new(PackagesConfig {
            lock_file: self.path("tidegate.lock"),
            registries: self.registries.iter().map(open).collect(),
            trusted_keys: TrustedKeys::new(&self.keys).unwrap(),
            store: self.path("store"),
        })
    }

    /// Publishes a version of `hash`, signed where a key is given.
    async fn publish(&self, version: &str, signer: Option<&minisign::KeyPair>) -> Package {
        let file = component(&evil(), &self.path("built"), "hash", version, "");
        let signature = signer.map(|pair| sign(pair, &fs::read(&file).unwrap()));
        let package = Package::of_file(&file, signature, &TrustedKeys::default()).unwrap();
        self.registry().publish(&package).await.unwrap();
        package
    }

    /// What a requirement means to a process that starts now.
    async fn settle(&self, wanted: &str, locking: Locking) -> Result<Arc<Plugin>, Error> {
        let wanted: Requirement = wanted.parse()?;
        let catalog = self.catalog();
        self.packages()
            .settle(&catalog, std::slice::from_ref(&wanted), locking)
            .await?;
        let found = catalog.find(&wanted)?;
        // An attempt finds the same by its digest.
        assert_eq!(
            catalog.by_digest(&wanted.name, &found.digest)?.digest,
            found.digest
        );
        Ok(found)
    }

    async fn version(&self, wanted: &str) -> String {
        let found = self.settle(wanted, Locking::Write).await.unwrap();
        found.manifest.version.to_string()
    }

    #[track_caller]
    fn lock(&self) -> Value {
        serde_json::from_slice(&fs::read(self.path("tidegate.lock")).unwrap()).unwrap()
    }
}

fn evil() -> Vec<u8> {
    fs::read(guests().join("guest-evil.wasm")).unwrap()
}

fn wanted(texts: &[&str]) -> Vec<Requirement> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[track_caller]
fn is(error: &Error, code: &str, words: &[&str]) {
    assert_eq!(error.code, code, "{error}");
    for word in words {
        assert!(error.message.contains(word), "{error}\nhas not: {word}");
    }
    assert!(error.hint.is_some() || code == "plugin.io", "{error}");
    assert!(!error.message.chars().any(char::is_control), "{error:?}");
}

#[tokio::test]
async fn the_newest_that_fits_is_locked_and_stays() {
    let project = Project::new();
    for version in ["1.0.0", "1.2.0", "2.0.0", "1.10.0", "3.0.0-rc.1"] {
        project.publish(version, None).await;
    }
    assert_eq!(project.version("hash@^1").await, "1.10.0");
    let lock = project.lock();
    let entry = &lock["plugins"][0];
    assert_eq!(entry["version"], "1.10.0");
    assert_eq!(entry["registry"], "registry");
    assert_eq!(entry["requirements"], json!(["^1"]));
    assert!(entry["digest"].as_str().unwrap().starts_with("sha256:"));

    // A newer one is published: the lock holds until it is told otherwise, and needs no registry to be there.
    project.publish("1.11.0", None).await;
    assert_eq!(project.version("hash@^1").await, "1.10.0");
    fs::rename(project.path("registry"), project.path("away")).unwrap();
    assert_eq!(project.version("hash@^1").await, "1.10.0");
    fs::rename(project.path("away"), project.path("registry")).unwrap();

    // Two requirements of one plugin that no version meets both: two entries.
    assert_eq!(project.version("hash@^2").await, "2.0.0");
    assert_eq!(project.lock()["plugins"].as_array().unwrap().len(), 2);
    let changes = project
        .packages()
        .update(
            &project.catalog(),
            &wanted(&["hash@^1", "hash@^2"]),
            &["hash".into()],
        )
        .await
        .unwrap();
    assert_eq!(changes.len(), 1);
    assert_eq!(project.version("hash@^1").await, "1.11.0");
    assert_eq!(project.version("hash@^2").await, "2.0.0");

    // What nobody asks for goes.
    let changes = project
        .packages()
        .relock(&project.catalog(), &wanted(&["hash@^2"]), &[])
        .await;
    assert_eq!(changes.unwrap().len(), 1);
    assert_eq!(project.lock()["plugins"].as_array().unwrap().len(), 1);
    assert_eq!(project.lock()["plugins"][0]["version"], "2.0.0");
}

#[tokio::test]
async fn a_locked_project_adds_nothing() {
    let project = Project::new();
    project.publish("1.0.0", None).await;
    let error = project.settle("hash@^1", Locking::Locked).await.unwrap_err();
    is(&error, "plugin.not_locked", &["`hash@^1`"]);
    assert_eq!(error.kind, Kind::Schema);
    assert!(!project.path("tidegate.lock").exists());
    project.version("hash@^1").await;
    let before = fs::read(project.path("tidegate.lock")).unwrap();
    project.settle("hash@^1", Locking::Locked).await.unwrap();
    // Asked for in other words, and locked all the same.
    project.settle("hash@1.0", Locking::Locked).await.unwrap();
    assert_eq!(fs::read(project.path("tidegate.lock")).unwrap(), before);
    let error = project.settle("hash@^2", Locking::Locked).await.unwrap_err();
    is(&error, "plugin.not_locked", &["`hash@^2`"]);
}

#[tokio::test]
async fn a_plugin_folder_comes_first_and_is_not_locked_unless_told() {
    let project = Project::new();
    project.publish("1.0.0", None).await;
    component(&evil(), &project.path("plugins"), "hash", "1.0.5", "first build");
    assert_eq!(project.version("hash@^1").await, "1.0.5");
    assert!(
        !project.path("tidegate.lock").exists(),
        "a folder's plugin was locked"
    );
    component(&evil(), &project.path("plugins"), "hash", "1.0.5", "second build");
    assert_eq!(project.version("hash@^1").await, "1.0.5");

    // Told to: from now on these bytes and no others.
    let all = wanted(&["hash@^1"]);
    let lock = project
        .packages()
        .relock(&project.catalog(), &all, &["hash".into()])
        .await;
    assert_eq!(lock.unwrap().len(), 1);
    assert_eq!(project.lock()["plugins"][0].get("registry"), None);
    assert_eq!(project.version("hash@^1").await, "1.0.5");
    component(&evil(), &project.path("plugins"), "hash", "1.0.5", "third build");
    let error = project.settle("hash@^1", Locking::Write).await.unwrap_err();
    let locked = project.lock()["plugins"][0]["digest"]
        .as_str()
        .unwrap()
        .to_owned();
    let file = project.path("plugins/hash-1.0.5.wasm");
    let found = Plugin::read(&file).unwrap().digest.to_string();
    is(
        &error,
        "plugin.digest_changed",
        &["`hash` 1.0.5", &locked, &found],
    );
    assert!(error.hint.unwrap().contains("tidegate plugin update hash"));

    project
        .packages()
        .update(&project.catalog(), &all, &["hash".into()])
        .await
        .unwrap();
    assert_eq!(
        project
            .settle("hash@^1", Locking::Locked)
            .await
            .unwrap()
            .digest
            .to_string(),
        found
    );
}

#[tokio::test]
async fn a_build_in_a_folder_takes_the_place_of_a_locked_plugin_when_told() {
    let project = Project::new();
    project.publish("1.0.0", None).await;
    project.version("hash@^1").await;
    component(&evil(), &project.path("plugins"), "hash", "1.0.5", "my build");
    assert_eq!(project.version("hash@^1").await, "1.0.0", "the lock wins");
    let all = wanted(&["hash@^1"]);
    let changes = project
        .packages()
        .update(&project.catalog(), &all, &["hash".into()])
        .await
        .unwrap();
    assert!(changes[0].now.is_empty());
    assert_eq!(project.version("hash@^1").await, "1.0.5");
}

#[tokio::test]
async fn what_a_command_names_must_be_there() {
    let project = Project::new();
    project.publish("1.0.0", None).await;
    let all = wanted(&["hash@^1"]);
    let errors = project
        .packages()
        .update(&project.catalog(), &all, &["hash".into()])
        .await;
    is(
        &errors.unwrap_err().remove(0).into(),
        "plugin.not_used",
        &["`hash` is not in tidegate.lock"],
    );
    let errors = project
        .packages()
        .relock(&project.catalog(), &all, &["hahs".into()])
        .await;
    is(
        &errors.unwrap_err().remove(0).into(),
        "plugin.not_used",
        &["`hahs` is not a plugin that"],
    );
    // One that cannot be found leaves the lock as it was.
    project.version("hash@^1").await;
    let before = fs::read(project.path("tidegate.lock")).unwrap();
    let more = wanted(&["hash@^1", "hsah@^1", "hash@^9"]);
    let errors = project
        .packages()
        .relock(&project.catalog(), &more, &[])
        .await
        .unwrap_err();
    let errors: Vec<Error> = errors.into_iter().map(Error::from).collect();
    is(
        &errors[0],
        "plugin.not_found",
        &["`hsah`", "the registry `registry`"],
    );
    assert_eq!(errors[0].hint.as_deref(), Some("did you mean `hash`?"));
    is(&errors[1], "plugin.version", &["fits `^9`; there is 1.0.0"]);
    assert_eq!(fs::read(project.path("tidegate.lock")).unwrap(), before);
}

#[tokio::test]
async fn a_version_that_is_published_never_changes() {
    let project = Project::new();
    let registry = project.registry();
    let package = project.publish("1.0.0", None).await;
    assert_eq!(registry.publish(&package).await.unwrap(), Published::Already);
    let file = component(&evil(), &project.path("other"), "hash", "1.0.0", "other bytes");
    let other = Package::of_file(&file, None, &TrustedKeys::default()).unwrap();
    let error = Error::from(registry.publish(&other).await.unwrap_err());
    let (there, here) = (
        package.release.digest.to_string(),
        other.release.digest.to_string(),
    );
    is(&error, "plugin.published", &["`hash` 1.0.0", &there, &here]);
    assert_eq!(
        registry
            .fetch("hash", &package.release.version)
            .await
            .unwrap()
            .wasm,
        package.wasm
    );

    // It may be signed later, once.
    let (pair, _) = key();
    let signed = |signature| Package {
        signature: Some(signature),
        ..package.clone()
    };
    let first = signed(sign(&pair, &package.wasm));
    assert_eq!(registry.publish(&first).await.unwrap(), Published::Signed);
    assert_eq!(registry.publish(&first).await.unwrap(), Published::Already);
    assert_eq!(registry.publish(&package).await.unwrap(), Published::Already);
    let (another, _) = key();
    let error = registry
        .publish(&signed(sign(&another, &package.wasm)))
        .await
        .unwrap_err();
    is(&error.into(), "plugin.published", &["another signature"]);
    let left: Vec<_> = fs::read_dir(project.path("registry/hash")).unwrap().collect();
    assert_eq!(left.len(), 1, "something was left beside the release: {left:?}");
    assert_eq!(
        fs::read_dir(project.path("registry/hash/1.0.0")).unwrap().count(),
        3
    );
}

#[tokio::test]
async fn of_many_publishers_one_wins() {
    let project = Project::new();
    let registry = project.registry();
    let packages: Vec<Package> = (0..8)
        .map(|build| {
            let folder = project.path(&format!("built-{build}"));
            let file = component(&evil(), &folder, "hash", "1.0.0", &format!("build {build}"));
            Package::of_file(&file, None, &TrustedKeys::default()).unwrap()
        })
        .collect();
    let publishing: Vec<_> = packages
        .iter()
        .cloned()
        .map(|package| {
            let registry = registry.clone();
            tokio::spawn(async move { registry.publish(&package).await })
        })
        .collect();
    let mut won = Vec::new();
    for (index, publishing) in publishing.into_iter().enumerate() {
        match publishing.await.unwrap() {
            Ok(published) => {
                assert_eq!(published, Published::New);
                won.push(index);
            }
            Err(error) => is(&error.into(), "plugin.published", &[]),
        }
    }
    assert_eq!(won.len(), 1);
    let there = registry.fetch("hash", &semver("1.0.0")).await.unwrap();
    assert_eq!(there.wasm, packages[won[0]].wasm);
    assert_eq!(there.release, packages[won[0]].release);
}

fn semver(text: &str) -> semver::Version {
    text.parse().unwrap()
}

#[tokio::test]
async fn only_what_can_be_run_is_published() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.wasm");
    let refuse = |bytes: &[u8], code: &str, words: &str| {
        fs::write(&file, bytes).unwrap();
        let error = Package::of_file(&file, None, &TrustedKeys::default()).unwrap_err();
        is(&error.into(), code, &[words]);
    };
    let good = evil();
    let as_good = |change: fn(&mut Value)| {
        let mut manifest = manifest("hash", "1.0.0", "");
        change(&mut manifest);
        repackaged(&evil(), &manifest)
    };
    refuse(
        &good[..good.len() - 1],
        "plugin.not_a_plugin",
        "the file is damaged",
    );
    refuse(
        &as_good(|it| it["roles"] = json!(["source"])),
        "plugin.not_a_plugin",
        "its manifest has the roles source, and it exports transform",
    );
    refuse(
        &as_good(|it| it["roles"] = json!(["transform", "check"])),
        "plugin.not_a_plugin",
        "its manifest has the roles check, transform, and it exports transform",
    );
    refuse(
        &as_good(|it| it["contract"] = json!("0.9.0")),
        "plugin.contract_version",
        "is built for the contract 0.9.0, and this Tidegate speaks 0.1.0",
    );
    // A function that does not fit its type, deep inside: nothing that reading alone would find.
    let mut refused = 0;
    for at in (good.len() / 4..good.len() / 2).step_by(701) {
        let mut bytes = good.clone();
        bytes[at] ^= 0x40;
        fs::write(&file, &bytes).unwrap();
        refused += usize::from(Package::of_file(&file, None, &TrustedKeys::default()).is_err());
    }
    assert!(refused > 10, "{refused} damaged files were refused");
}

#[tokio::test]
async fn a_registry_that_lies_is_not_believed() {
    type Lie = Box<dyn Fn(&Path)>;
    let index = |path: &Path, change: &dyn Fn(&mut Value)| {
        let mut release: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        change(&mut release);
        fs::write(path, release.to_string()).unwrap();
    };
    let on_index = |change: fn(&mut Value)| -> Lie {
        Box::new(move |folder: &Path| index(&folder.join("release.json"), &change))
    };
    let other = component(&evil(), tempfile::tempdir().unwrap().path(), "other", "1.0.0", "");
    let other = fs::read(other).unwrap_or_else(|_| repackaged(&evil(), &manifest("other", "1.0.0", "")));
    let lies: Vec<(Lie, &str)> = vec![
        (
            on_index(|it| it["digest"] = json!(format!("sha256:{}", "0".repeat(64)))),
            "its index says sha256:000",
        ),
        (
            on_index(|it| it["digest"] = json!("sha256:../../x")),
            "a digest that is none",
        ),
        (
            on_index(|it| it["name"] = json!("other")),
            "its index is of `other` 1.0.0",
        ),
        (
            on_index(|it| it["version"] = json!("9.0.0")),
            "its index is of `hash` 9.0.0",
        ),
        (
            on_index(|it| it["roles"] = json!(["source"])),
            "its index says `hash` 1.0.0 (source)",
        ),
        (
            on_index(|it| it["roles"] = json!(["\u{1b}[2J"])),
            "control characters",
        ),
        (
            on_index(|it| it["description"] = json!("x".repeat(1 << 20))),
            "more than 65536 bytes",
        ),
        (
            Box::new(|folder| fs::write(folder.join("release.json"), b"{").unwrap()),
            "its index",
        ),
        (
            Box::new(|folder| fs::remove_file(folder.join("release.json")).unwrap()),
            "it has no index",
        ),
        (
            Box::new(|folder| fs::remove_file(folder.join("plugin.wasm")).unwrap()),
            "it has no component",
        ),
        (
            Box::new(move |folder| fs::write(folder.join("plugin.wasm"), &other).unwrap()),
            "its index says sha256:",
        ),
    ];
    for (lie, words) in lies {
        let project = Project::new();
        project.publish("1.0.0", None).await;
        lie(&project.path("registry/hash/1.0.0"));
        let error = project.settle("hash@^1", Locking::Write).await.unwrap_err();
        is(
            &error,
            "plugin.registry_damaged",
            &["`hash` 1.0.0", "`registry`", words],
        );
        assert!(!project.path("tidegate.lock").exists(), "{words}: it was locked");
        assert!(!project.path("store").exists(), "{words}: it was kept");
    }
}

#[tokio::test]
async fn bytes_that_changed_under_a_locked_version_are_refused() {
    let project = Project::new();
    let package = project.publish("1.0.0", None).await;
    project.version("hash@^1").await;
    // The registry was rewritten, index and all, and this machine has not fetched the plugin before.
    fs::remove_dir_all(project.path("registry")).unwrap();
    let file = component(&evil(), &project.path("other"), "hash", "1.0.0", "other bytes");
    let other = Package::of_file(&file, None, &TrustedKeys::default()).unwrap();
    project.registry().publish(&other).await.unwrap();
    assert_eq!(
        project.version("hash@^1").await,
        "1.0.0",
        "what was fetched is kept"
    );
    fs::remove_dir_all(project.path("store")).unwrap();
    let error = project.settle("hash@^1", Locking::Write).await.unwrap_err();
    let (locked, found) = (
        package.release.digest.to_string(),
        other.release.digest.to_string(),
    );
    is(
        &error,
        "plugin.digest_changed",
        &["the registry `registry`", &locked, &found],
    );
    assert_eq!(error.kind, Kind::Plugin);
}

#[tokio::test]
async fn a_kept_component_is_looked_at_each_time() {
    let project = Project::new();
    project.publish("1.0.0", None).await;
    let digest = project
        .settle("hash@^1", Locking::Write)
        .await
        .unwrap()
        .digest
        .clone();
    let kept = project.path("store").join(format!("{}.wasm", digest.hex()));
    for bytes in [Vec::new(), vec![0; 100], evil()] {
        fs::write(&kept, bytes).unwrap();
        let found = project.settle("hash@^1", Locking::Locked).await.unwrap();
        assert_eq!(found.digest, digest);
        assert_eq!(
            Plugin::read(&kept).unwrap().digest,
            digest,
            "it was not fetched anew"
        );
    }
}

#[tokio::test]
async fn a_project_with_keys_takes_what_they_vouch_for_alone() {
    let (pair, public) = key();
    let (other_pair, other_public) = key();
    let mut project = Project::new();
    project.keys = vec![other_public.clone(), public.clone()];
    let settle = async |project: &Project, version: &str| {
        project.settle(&format!("hash@={version}"), Locking::Write).await
    };

    project.publish("1.0.0", None).await;
    is(
        &settle(&project, "1.0.0").await.unwrap_err(),
        "plugin.unsigned",
        &["`hash@1.0.0`"],
    );
    let (stranger, _) = key();
    project.publish("1.0.1", Some(&stranger)).await;
    is(
        &settle(&project, "1.0.1").await.unwrap_err(),
        "plugin.unknown_key",
        &["`hash@1.0.1`"],
    );
    project.publish("1.0.2", Some(&pair)).await;
    let good = settle(&project, "1.0.2").await.unwrap();
    assert_eq!(project.lock()["plugins"][0]["signed_by"], public.as_str());
    project.publish("1.0.3", Some(&other_pair)).await;
    settle(&project, "1.0.3").await.unwrap();

    // A signature of another file, one that was changed, one that is none.
    let signature = sign(&pair, &good.wasm);
    let changed = {
        let mut lines: Vec<String> = signature.lines().map(str::to_owned).collect();
        lines[2] = lines[2].replace("timestamp", "timestamps");
        lines[2].push('x');
        lines.join("\n")
    };
    for (version, text, words) in [
        ("1.0.4", signature.clone(), "it is of other bytes"),
        (
            "1.0.5",
            "not a signature".to_owned(),
            "it is not a minisign signature",
        ),
        ("1.0.6", "x".repeat(3_000), "it is not a minisign signature"),
    ] {
        project.publish(version, None).await;
        fs::write(
            project.path(&format!("registry/hash/{version}/plugin.wasm.minisig")),
            text,
        )
        .unwrap();
        is(
            &settle(&project, version).await.unwrap_err(),
            "plugin.bad_signature",
            &[version, words],
        );
    }
    fs::write(project.path("registry/hash/1.0.2/plugin.wasm.minisig"), &changed).unwrap();
    settle(&project, "1.0.2")
        .await
        .expect("it is kept with its good signature");
    fs::remove_dir_all(project.path("store")).unwrap();
    is(
        &settle(&project, "1.0.2").await.unwrap_err(),
        "plugin.bad_signature",
        &["1.0.2"],
    );

    // A key that is trusted no more, though the component lies in the store.
    project.keys = vec![public];
    is(
        &settle(&project, "1.0.3").await.unwrap_err(),
        "plugin.unknown_key",
        &["`hash@1.0.3`"],
    );
    // What was fetched while nobody asked for signatures has none to show.
    project.keys = Vec::new();
    settle(&project, "1.0.0").await.unwrap();
    project.keys = vec![other_public];
    is(
        &settle(&project, "1.0.0").await.unwrap_err(),
        "plugin.unsigned",
        &["`hash@1.0.0`"],
    );
}

#[tokio::test]
async fn a_signature_is_looked_at_before_it_is_published() {
    let folder = tempfile::tempdir().unwrap();
    let file = component(&evil(), folder.path(), "hash", "1.0.0", "");
    let wasm = fs::read(&file).unwrap();
    let (pair, public) = key();
    let keys = TrustedKeys::new(&[public]).unwrap();
    let of_file = |signature: Option<String>| {
        Package::of_file(&file, signature, &keys)
            .map(drop)
            .map_err(Error::from)
    };
    of_file(Some(sign(&pair, &wasm))).unwrap();
    is(&of_file(None).unwrap_err(), "plugin.unsigned", &[]);
    is(
        &of_file(Some(sign(&pair, b"other"))).unwrap_err(),
        "plugin.bad_signature",
        &["other bytes"],
    );
    is(
        &of_file(Some(sign(&key().0, &wasm))).unwrap_err(),
        "plugin.unknown_key",
        &[],
    );
    // Without a key only its form can be looked at.
    let error = Package::of_file(&file, Some("RW".into()), &TrustedKeys::default()).unwrap_err();
    is(
        &error.into(),
        "plugin.bad_signature",
        &["not a minisign signature"],
    );
    for wrong in ["", "RW", "not a key", "\u{1b}[2J", &"A".repeat(10_000)] {
        let error = TrustedKeys::new(&[wrong.to_owned()]).unwrap_err();
        is(&error.into(), "plugin.key", &["is not a minisign public key"]);
    }
}

#[tokio::test]
async fn a_lock_that_is_none_is_refused_whole() {
    let project = Project::new();
    project.publish("1.0.0", None).await;
    project.version("hash@^1").await;
    let good = project.lock();
    let with = |change: &dyn Fn(&mut Value)| {
        let mut lock = good.clone();
        change(&mut lock);
        lock.to_string().into_bytes()
    };
    let entry = |key: &'static str, value: Value| with(&move |lock| lock["plugins"][0][key] = value.clone());
    let garbage: Vec<(Vec<u8>, &str)> = vec![
        (Vec::new(), "EOF"),
        (b"\xff\xfe\x00".to_vec(), "expected value"),
        (b"<<<<<<< HEAD\n{}\n".to_vec(), "expected value"),
        (b"[]".to_vec(), "invalid"),
        (vec![b' '; 2 << 20], "more than 1048576 bytes"),
        (
            with(&|lock| lock["format"] = json!(2)),
            "its format is 2, and this Tidegate knows 1",
        ),
        (with(&|lock| lock["more"] = json!(1)), "unknown field"),
        (
            entry("name", json!("../../hash")),
            "`../../hash` is not a plugin's name",
        ),
        (
            entry("name", json!("\u{1b}[2J")),
            "`\\u{1b}[2J` is not a plugin's name",
        ),
        (entry("version", json!("../1.0.0")), "unexpected character"),
        (
            entry("digest", json!("sha256:../../../etc/passwd")),
            "the digest of `hash` 1.0.0 is none",
        ),
        (
            entry("digest", json!(format!("md5:{}", "0".repeat(64)))),
            "is none",
        ),
        (
            with(&|lock| {
                let twice = lock["plugins"][0].clone();
                lock["plugins"].as_array_mut().unwrap().push(twice);
            }),
            "`hash` 1.0.0 is in it twice",
        ),
    ];
    for (bytes, words) in garbage {
        fs::write(project.path("tidegate.lock"), &bytes).unwrap();
        for locking in [Locking::Write, Locking::Locked] {
            let error = project.settle("hash@^1", locking).await.unwrap_err();
            is(&error, "plugin.lock", &[words]);
        }
        assert_eq!(
            fs::read(project.path("tidegate.lock")).unwrap(),
            bytes,
            "it was written over"
        );
    }
    // A registry that the project does not name: a lock cannot bring one in.
    fs::write(
        project.path("tidegate.lock"),
        entry("registry", json!("../elsewhere")),
    )
    .unwrap();
    fs::remove_dir_all(project.path("store")).unwrap();
    let error = project.settle("hash@^1", Locking::Write).await.unwrap_err();
    is(
        &error,
        "plugin.lock",
        &["`../elsewhere`, which `registries` in project.yaml does not name"],
    );
}

#[tokio::test]
async fn a_registry_that_is_not_there_is_told_from_one_without_the_plugin() {
    let mut project = Project::new();
    let error = project.settle("hash@^1", Locking::Write).await.unwrap_err();
    is(&error, "plugin.registry", &["`registry`", "No such file"]);
    fs::create_dir(project.path("registry")).unwrap();
    let error = project.settle("hash@^1", Locking::Write).await.unwrap_err();
    is(&error, "plugin.not_found", &["`hash`", "the registry `registry`"]);
    // Names that are none never become paths.
    for name in ["..", "../x", "", "a/b", "A"] {
        assert!(
            project.registry().versions(name).await.unwrap().is_empty(),
            "{name}"
        );
        let error = project
            .registry()
            .fetch(name, &semver("1.0.0"))
            .await
            .unwrap_err();
        is(&error.into(), "plugin.registry", &["a plugin's name"]);
    }
    for place in ["ftp://host/plugins", "s3://", "oci://host", "", "a\u{7}"] {
        let error = open_registry(place, project.folder.path()).err().unwrap();
        is(&error.into(), "plugin.registry", &[]);
    }
    // Without any, a project is as it was: nothing is locked and nothing written.
    project.registries.clear();
    component(&evil(), &project.path("plugins"), "hash", "1.0.0", "");
    assert_eq!(project.version("hash@^1").await, "1.0.0");
    assert!(!project.path("tidegate.lock").exists());
}
