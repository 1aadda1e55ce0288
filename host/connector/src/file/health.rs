//! Whether a folder can be read and written to: by listing it, and by a file that is put there as a manifest is.

use std::fs;
use std::io;
use std::path::Path;

use tidegate_core::port::Health;
use uuid::Uuid;

use super::error::{FileError, Result};
use crate::durable;

/// Lists the folder, and for destinations makes a file in it and removes it. A folder that only loads go to need not be
/// there: the first one makes it, in the nearest folder above that is.
pub(super) fn check(root: &Path, reads: bool, writes: bool) -> Result<Health> {
    let mut warnings = Vec::new();
    let there = match fs::read_dir(root) {
        Ok(_) => true,
        Err(error) if error.kind() == io::ErrorKind::NotFound && writes && !reads => false,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(FileError::NoFolder {
                path: root.display().to_string(),
            });
        }
        Err(error) => return Err(FileError::io(root, error)),
    };
    if !there {
        warnings.push("the folder is not there yet: the first load makes it".to_owned());
    }
    if writes {
        let nearest = root.ancestors().find(|folder| folder.is_dir());
        write(nearest.unwrap_or(root))?;
    }
    Ok(Health {
        about: root.display().to_string(),
        warnings,
    })
}

fn write(folder: &Path) -> Result<()> {
    // No source's pattern finds a name that begins with a dot.
    let path = folder.join(format!(".tidegate-check-{}", Uuid::now_v7()));
    durable::create(&path, b"")
        .and_then(|_| durable::remove(&path))
        .map_err(|error| FileError::io(&path, error))
}
