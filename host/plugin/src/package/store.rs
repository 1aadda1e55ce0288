//! Components of registries on this machine, by digest. What is read is compared with the digest each time, so a file that
//! was damaged or exchanged is as good as none.

use std::path::PathBuf;

use tidegate_core::plan::Digest;

use super::error::PackageError;
use super::folder_registry::bounded;
use super::release::MAX_SIGNATURE_BYTES;
use crate::cache::write_whole;
use crate::catalog::MAX_PLUGIN_BYTES;

/// The components that were fetched.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    folder: PathBuf,
}

/// A component that was fetched, with its signature.
pub(crate) struct Stored {
    pub(crate) file: PathBuf,
    pub(crate) wasm: Vec<u8>,
    pub(crate) signature: Option<String>,
}

impl Store {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Where a component is kept. The digest must be one ([`super::release::is_digest`]).
    pub(crate) fn file(&self, digest: &Digest) -> PathBuf {
        self.folder.join(format!("{}.wasm", digest.hex()))
    }

    /// The component of a digest; none where it is not kept, or is not what it was.
    pub(crate) fn get(&self, digest: &Digest) -> Option<Stored> {
        let file = self.file(digest);
        let wasm = bounded(&file, MAX_PLUGIN_BYTES).ok()??;
        let signature = bounded(&file.with_extension("minisig"), MAX_SIGNATURE_BYTES).ok()?;
        (Digest::of(&wasm) == *digest).then(|| Stored {
            file,
            wasm,
            signature: signature.and_then(|bytes| String::from_utf8(bytes).ok()),
        })
    }

    /// Keeps a component whose digest was compared.
    pub(crate) fn put(
        &self,
        digest: &Digest,
        wasm: &[u8],
        signature: Option<&str>,
    ) -> Result<(), PackageError> {
        let file = self.file(digest);
        let io = |error: std::io::Error| PackageError::io("cannot keep the plugin", &file, &error);
        std::fs::create_dir_all(&self.folder).map_err(io)?;
        write_whole(&file, wasm).map_err(io)?;
        if let Some(signature) = signature {
            write_whole(&file.with_extension("minisig"), signature.as_bytes()).map_err(io)?;
        }
        Ok(())
    }
}
