//! Files that are no plugins, or were: each gets an error that says what is wrong with it, and nothing panics.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without fails it")]

use std::path::{Path, PathBuf};

use serde_json::json;
use tidegate_core::port::Transform;
use tidegate_core::{Error, Kind};
use tidegate_plugin::{Catalog, Plugin, Runtime};

mod support;
use support::{Host, guests, numbers, works};

/// A folder with one file, as a project would have it.
struct Folder {
    folder: tempfile::TempDir,
    file: PathBuf,
}

impl Folder {
    fn with(bytes: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("guest-evil.wasm");
        std::fs::write(&file, bytes).unwrap();
        Self { folder, file }
    }

    fn catalog(&self) -> Catalog {
        Catalog::new(vec![self.folder.path().to_owned()])
    }

    fn read_error(&self) -> Error {
        let error = Error::from(Plugin::read(&self.file).unwrap_err());
        // A schema that asks for it gets the same.
        let found = self.catalog().find(&"guest-evil@^0.1".parse().unwrap());
        assert_eq!(Error::from(found.unwrap_err()), error);
        assert!(error.message.contains("guest-evil.wasm"), "{error}");
        error
    }
}

fn evil() -> Vec<u8> {
    std::fs::read(guests().join("guest-evil.wasm")).unwrap()
}

/// A component of nothing but a custom section.
fn component(name: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
    let mut section = leb(name.len());
    section.extend_from_slice(name.as_bytes());
    section.extend_from_slice(data);
    bytes.push(0);
    bytes.extend(leb(section.len()));
    bytes.extend(section);
    bytes
}

fn leb(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

fn manifest(change: impl FnOnce(&mut serde_json::Value)) -> Vec<u8> {
    let mut manifest = json!({
        "name": "guest-evil", "version": "0.1.0", "roles": ["transform"], "contract": "0.1.0",
    });
    change(&mut manifest);
    component("tidegate:manifest", manifest.to_string().as_bytes())
}

#[test]
fn what_is_no_plugin_is_said_to_be_none() {
    let core_module = b"\0asm\x01\0\0\0".to_vec();
    for (bytes, words) in [
        (Vec::new(), "it is empty"),
        (b"name: not-wasm\nversion: 1\n".to_vec(), "it is not WebAssembly"),
        (b"\0as".to_vec(), "it is not WebAssembly"),
        (core_module, "it is a core module; build it for wasm32-wasip2"),
        (component("other", b"{}"), "it has no manifest"),
        (evil()[..40_000].to_vec(), "the file is damaged"),
    ] {
        let error = Folder::with(&bytes).read_error();
        assert_eq!(
            (error.code.as_str(), error.kind),
            ("plugin.not_a_plugin", Kind::Plugin)
        );
        assert!(error.message.contains(words), "{error}");
        assert!(error.hint.is_some());
    }
}

#[test]
fn a_manifest_claims_no_more_than_it_may() {
    assert!(Plugin::read(&Folder::with(&manifest(|_| {})).file).is_ok());
    let mut changes: Vec<(Vec<u8>, &str)> = vec![
        (
            component("tidegate:manifest", b"{"),
            "its manifest is not readable",
        ),
        (
            component("tidegate:manifest", b"\xff"),
            "its manifest is not readable",
        ),
        (
            component("tidegate:manifest", &vec![b' '; 2 << 20]),
            "its manifest has 2097152 bytes",
        ),
    ];
    let mut change = |words, change: fn(&mut serde_json::Value)| changes.push((manifest(change), words));
    change("missing field `name`", |it| {
        drop(it.as_object_mut().unwrap().shift_remove("name"));
    });
    change("the name `../../etc`", |it| it["name"] = json!("../../etc"));
    change("the name `A\\u{1b}[2J`", |it| it["name"] = json!("A\u{1b}[2J"));
    change("a name has small letters", |it| {
        it["name"] = json!("x".repeat(1 << 16));
    });
    change("not readable", |it| it["version"] = json!("one"));
    change("`description` of its manifest", |it| {
        it["description"] = json!("x".repeat(1 << 16));
    });
    change("`authors` of its manifest", |it| {
        it["authors"] = json!("\u{1b}[2J");
    });
    change("the role `root`", |it| it["roles"] = json!(["transform", "root"]));
    change("its manifest has no role", |it| it["roles"] = json!([]));
    change("`repository` of its manifest", |it| {
        it["repository"] = json!("https://x\u{7}");
    });
    change("`revision` of its manifest", |it| {
        it["revision"] = json!("x".repeat(1 << 16));
    });
    change("`wishes.http` of its manifest has 65 entries", |it| {
        it["wishes"] = json!({"http": vec!["https://x/"; 65]});
    });
    change("`wishes.secrets` of its manifest", |it| {
        it["wishes"] = json!({"secrets": ["\u{1b}[2J"]});
    });
    change("not readable", |it| it["wishes"] = json!({"memory": "much"}));
    change("not readable", |it| it["config_schema"] = json!("{}"));
    change("not readable", |it| it["authors"] = json!([1]));
    for (bytes, words) in changes {
        let error = Folder::with(&bytes).read_error();
        assert_eq!(error.code, "plugin.not_a_plugin", "{error}");
        assert!(error.message.contains(words), "{error}\nhas not: {words}");
        assert!(
            error.message.len() < 1_000 && !error.message.chars().any(char::is_control),
            "{error:?}"
        );
    }
}

#[test]
fn a_manifest_says_more_where_it_has_more_to_say() {
    let read = |bytes: &[u8]| Plugin::read(&Folder::with(bytes).file).unwrap().manifest;
    let plain = read(&manifest(|it| it["authors"] = json!("A. Author")));
    assert_eq!(plain.authors, ["A. Author"]);
    assert_eq!(
        (plain.repository, plain.revision, plain.config_schema),
        (None, None, None)
    );
    assert_eq!(plain.wishes, tidegate_plugin::Wishes::default());
    let full = read(&manifest(|it| {
        it["authors"] = json!(["A. Author", "B. Author"]);
        it["repository"] = json!("https://example.com/hash-email");
        it["revision"] = json!("0a1b2c3");
        it["wishes"] =
            json!({"http": ["https://api.example.com/"], "secrets": ["TOKEN"], "memory": "128MiB"});
        it["config_schema"] = json!({"type": "object", "properties": {"salt": {"type": "string"}}});
        it["a_key_of_later_tools"] = json!([1, 2]);
    }));
    assert_eq!(full.authors, ["A. Author", "B. Author"]);
    assert_eq!(full.repository.as_deref(), Some("https://example.com/hash-email"));
    assert_eq!(full.revision.as_deref(), Some("0a1b2c3"));
    assert_eq!(full.wishes.http, ["https://api.example.com/"]);
    assert_eq!(full.wishes.secrets, ["TOKEN"]);
    assert_eq!(full.wishes.memory.unwrap().0, 128 << 20);
    assert_eq!(full.config_schema.unwrap()["type"], json!("object"));
}

#[test]
fn a_plugin_of_another_contract_is_told_both_versions() {
    for built in ["0.2.0", "1.0.0", "0.0.9"] {
        // Whatever else a later contract has in its manifest, and in other shapes.
        let error = Folder::with(&manifest(|it| {
            it["contract"] = json!(built);
            it["roles"] = json!({"oracle": {}});
        }))
        .read_error();
        assert_eq!(
            (error.code.as_str(), error.kind),
            ("plugin.contract_version", Kind::Plugin)
        );
        let words = format!("is built for the contract {built}, and this Tidegate speaks 0.1.0");
        assert!(error.message.contains(&words), "{error}");
        assert!(error.hint.is_some());
    }
}

#[tokio::test]
async fn a_component_of_another_world_is_refused() {
    let host = Host::new();
    let folder = Folder::with(&manifest(|_| {}));
    let error = bind(&host.runtime, &folder).await.err().unwrap();
    assert_eq!((error.code.as_str(), error.kind), ("plugin.link", Kind::Plugin));
    assert!(
        error
            .message
            .contains("no exported instance named `tidegate:plugin/"),
        "{error}"
    );
    works(&mut host.bind_good().await).await;
}

#[test]
fn what_is_not_there_is_said_to_be_missing() {
    let catalog = Catalog::new(vec![guests(), PathBuf::from("no/such/folder")]);
    let error = |wanted: &str| match wanted.parse() {
        Ok(wanted) => Error::from(catalog.find(&wanted).unwrap_err()),
        Err(error) => Error::from(error),
    };
    let missing = error("keep-presnt@^0.1");
    assert_eq!(
        (missing.code.as_str(), missing.kind),
        ("plugin.not_found", Kind::Schema)
    );
    assert_eq!(missing.hint.as_deref(), Some("did you mean `keep-present`?"));
    let old = error("keep-present@^7");
    assert_eq!(old.code, "plugin.version");
    assert!(
        old.message
            .contains("no version of `keep-present` fits `^7`; there is 0.1.0"),
        "{old}"
    );
    for wrong in ["", "@1", "Keep Present", "../keep-present", "keep-present@one"] {
        assert_eq!(error(wrong).code, "plugin.requirement", "{wrong}");
    }
}

/// Binds the one file of a folder and gives it a batch, whatever it does.
async fn bind(runtime: &Runtime, folder: &Folder) -> Result<(), Error> {
    let plugin = Plugin::read(&folder.file)?;
    let mut host = Host::new();
    host.runtime = runtime.clone();
    let mut step = host.evil("good");
    host.catalog = folder.catalog();
    step.digest = plugin.digest;
    step.grant.time_per_batch_ms = 200;
    let mut bound = host.bind_evil(&step).await?;
    bound.process(numbers(10), 0).await.map(drop)
}

#[tokio::test]
async fn a_compiled_plugin_is_used_again_and_only_where_it_is_safe() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &Path, mode| std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("not/there/yet");
    let compiled = |runtime: Runtime| async {
        let mut host = Host::new();
        host.runtime = runtime;
        works(&mut host.bind_good().await).await;
        let files: Vec<_> = std::fs::read_dir(&cache)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        assert_eq!(files.len(), 1, "{files:?}");
        let metadata = std::fs::metadata(&files[0]).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
        (files[0].clone(), metadata.modified().unwrap())
    };
    let refused = |cache: &Path| {
        let mut host = Host::new();
        host.runtime = Runtime::new(cache).unwrap();
        async move {
            let error = host.bind_evil(&host.evil("good")).await.err().unwrap();
            assert_eq!(error.code, "plugin.io");
            assert!(error.hint.as_ref().unwrap().contains("TIDEGATE_CACHE"), "{error}");
            error
        }
    };
    Runtime::new(&cache).unwrap();
    assert!(!cache.exists(), "made before there was a plugin to keep");
    let first = compiled(Runtime::new(&cache).unwrap()).await;
    assert_eq!(
        std::fs::metadata(&cache).unwrap().permissions().mode() & 0o777,
        0o700
    );
    let second = compiled(Runtime::new(&cache).unwrap()).await;
    assert_eq!(first, second, "compiled again");
    // Cut short, or open to others: not trusted, and compiled anew.
    let length = std::fs::metadata(&first.0).unwrap().len();
    std::fs::OpenOptions::new()
        .write(true)
        .open(&first.0)
        .unwrap()
        .set_len(100)
        .unwrap();
    let third = compiled(Runtime::new(&cache).unwrap()).await;
    assert_eq!(std::fs::metadata(&third.0).unwrap().len(), length);
    mode(&third.0, 0o666);
    let fourth = compiled(Runtime::new(&cache).unwrap()).await;
    assert_ne!(third.1, fourth.1, "a file that others may write to was run");
    for open in [0o770, 0o702, 0o777] {
        mode(&cache, open);
        let error = refused(&cache).await;
        assert!(error.message.contains("may write to it"), "{error}");
    }
    mode(&cache, 0o700);
    // Where somebody else could put another folder in its place.
    let above = folder.path().join("not");
    mode(&above, 0o777);
    let error = refused(&cache).await;
    assert!(error.message.contains("another in its place"), "{error}");
    mode(&above, 0o1777);
    compiled(Runtime::new(&cache).unwrap()).await;
    // Only root can give files away; CI is.
    if std::os::unix::fs::chown(&fourth.0, Some(65_534), None).is_ok() {
        let fifth = compiled(Runtime::new(&cache).unwrap()).await;
        assert_ne!(fourth.1, fifth.1, "a file of somebody else was run");
        for theirs in [&above, &cache] {
            std::os::unix::fs::chown(theirs, Some(65_534), None).unwrap();
            let error = refused(&cache).await;
            assert!(error.message.contains("refusing the plugin cache"), "{error}");
            std::os::unix::fs::chown(theirs, Some(0), None).unwrap();
        }
    }
    // A file where the folder should be.
    refused(&fourth.0).await;
}
