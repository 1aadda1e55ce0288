//! Compiled components on disk, so that a plugin is compiled once a machine.
//!
//! A compiled component is native code, and loading one is trusting it. So the cache lies in a folder of the user's,
//! never in a project (a project is cloned from anywhere). A folder that others own or may write to is refused, and so is
//! one that lies where others could put another in its place.

use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use tidegate_core::plan::Digest;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::error::PluginError;

/// Compiled components by digest of the component and compatibility of the engine.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    folder: PathBuf,
}

fn io(what: &'static str, folder: &Path, error: &std::io::Error) -> PluginError {
    PluginError::Cache {
        what,
        folder: folder.display().to_string(),
        why: error.to_string(),
    }
}

impl Cache {
    /// The cache in a folder, made where it is not there.
    pub(crate) fn open(folder: &Path) -> Result<Self, PluginError> {
        use std::os::unix::fs::DirBuilderExt;
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|error| io("cannot make the plugin cache", folder, &error))?;
        // Looked at where it really lies, so that no link on the way to it can be turned elsewhere afterwards.
        let folder = folder
            .canonicalize()
            .map_err(|error| io("cannot find the plugin cache", folder, &error))?;
        let refuse = |why: String| PluginError::Cache {
            what: "refusing the plugin cache",
            folder: folder.display().to_string(),
            why: format!("{why}, and what lies there is run as native code"),
        };
        if !is_own(&folder, 0o022) {
            return Err(refuse(
                "others own it or may write to it (chown it to yourself, and chmod go-w it)".into(),
            ));
        }
        if let Some(open) = folder.ancestors().skip(1).find(|above| !keeps_names(above)) {
            return Err(refuse(format!(
                "others may put another in its place, since they own or may write to `{}`",
                open.display()
            )));
        }
        Ok(Self { folder })
    }

    /// The component of these bytes: loaded where it was compiled before, else compiled and kept.
    pub(crate) fn component(
        &self,
        engine: &Engine,
        digest: &Digest,
        wasm: &[u8],
    ) -> Result<Component, String> {
        let file = self.file(engine, digest);
        if is_own(&file, 0o022) {
            // SAFETY: the file was written by this function below, and neither it nor its folder belongs to or can be
            // written to by another user; the engine's compatibility is part of its name, and wasmtime checks it again.
            match unsafe { Component::deserialize_file(engine, &file) } {
                Ok(component) => return Ok(component),
                // A file cut short by a full disk: compile anew and replace it.
                Err(_) => drop(std::fs::remove_file(&file)),
            }
        }
        let component = Component::new(engine, wasm).map_err(|error| format!("{error:#}"))?;
        // Not being able to keep it costs time, not correctness.
        if let Ok(compiled) = component.serialize() {
            let _ = write_whole(&file, &compiled);
        }
        Ok(component)
    }

    fn file(&self, engine: &Engine, digest: &Digest) -> PathBuf {
        let mut hasher = std::hash::DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        self.folder
            .join(format!("{}-{:016x}.cwasm", digest.hex(), hasher.finish()))
    }
}

/// Whether a file or folder is there, belongs to this user or root, and has none of these rights.
fn is_own(path: &Path, rights: u32) -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).is_ok_and(|metadata| {
        let owner = metadata.uid();
        (owner == 0 || owner == rustix::process::geteuid().as_raw()) && metadata.mode() & rights == 0
    })
}

/// Whether nobody else can rename what lies in a folder: not theirs, and not everybody's unless it is sticky, as `/tmp` is.
/// Its group may write to it: on many systems that is the user alone.
fn keeps_names(folder: &Path) -> bool {
    const STICKY: u32 = 0o1000;
    is_own(folder, 0o002) || (is_own(folder, 0) && !is_own(folder, STICKY))
}

/// Writes a file so that nobody ever sees half of it, nor writes to it.
pub(crate) fn write_whole(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    // Two threads may compile one plugin at once.
    static WRITES: AtomicU64 = AtomicU64::new(0);
    let write = WRITES.fetch_add(1, Ordering::Relaxed);
    let temporary = file.with_extension(format!("{}-{write}.tmp", std::process::id()));
    std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)
        .and_then(|mut open| open.write_all(bytes))
        .and_then(|()| std::fs::rename(&temporary, file))
        .inspect_err(|_| {
            let _ = std::fs::remove_file(&temporary);
        })
}
