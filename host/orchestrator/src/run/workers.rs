//! Who is alive: each worker holds a lock on a file of the project's folder, and the system lets go of it when the
//! process ends, however it ends.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use tidegate_core::plan::WorkerId;

use crate::error::OrchestratorError;

/// This process as a worker, and a view of the others.
#[derive(Debug)]
pub struct Workers {
    folder: PathBuf,
    id: WorkerId,
    /// Held for as long as the process works.
    lock: File,
    /// Runs whose end is not in the state yet.
    open_runs: AtomicU32,
}

impl Workers {
    /// Makes this process a worker. Files of workers that are gone are removed by [`Workers::forget`].
    pub fn join(folder: &Path) -> Result<Self, OrchestratorError> {
        let id = WorkerId(format!(
            "{}-{}",
            std::process::id(),
            uuid::Uuid::now_v7().simple()
        ));
        let file = folder.join(&id.0);
        let failed = |error: std::io::Error| OrchestratorError::Worker {
            file: file.display().to_string(),
            why: error.to_string(),
        };
        std::fs::create_dir_all(folder).map_err(failed)?;
        let lock = OpenOptions::new()
            .create_new(true)
            .write(true)
            .open(&file)
            .map_err(failed)?;
        lock.lock().map_err(failed)?;
        Ok(Self {
            folder: folder.to_owned(),
            id,
            lock,
            open_runs: AtomicU32::new(0),
        })
    }

    /// This worker has taken up a run.
    pub(super) fn begin(&self) {
        self.open_runs.fetch_add(1, Ordering::Relaxed);
    }

    /// The end of a run that this worker took up is in the state.
    pub(super) fn finish(&self) {
        self.open_runs.fetch_sub(1, Ordering::Relaxed);
    }

    /// This worker.
    pub fn id(&self) -> &WorkerId {
        &self.id
    }

    /// Those of this folder that are gone.
    pub fn dead(&self) -> Vec<WorkerId> {
        let mut dead = Vec::new();
        for entry in std::fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name == self.id.0 {
                continue;
            }
            // A file that is gone again was a worker that ended well.
            let Ok(file) = File::open(entry.path()) else {
                continue;
            };
            if file.try_lock().is_ok() {
                dead.push(WorkerId(name));
            }
        }
        dead
    }

    /// Removes the files of workers whose attempts have all been marked lost.
    pub fn forget(&self, dead: &[WorkerId]) {
        for worker in dead {
            let _ = std::fs::remove_file(self.folder.join(&worker.0));
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        let _ = self.lock.unlock();
        // One that ends in the middle of a run leaves its file, unlocked: the others see that it is dead.
        if self.open_runs.load(Ordering::Relaxed) == 0 {
            let _ = std::fs::remove_file(self.folder.join(&self.id.0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_whose_lock_is_free_is_dead_and_a_living_one_is_not() {
        let folder = std::env::temp_dir().join(format!("tidegate-workers-{}", uuid::Uuid::now_v7()));
        let me = Workers::join(&folder).unwrap();
        let other = Workers::join(&folder).unwrap();
        std::fs::write(folder.join("1-gone"), "").unwrap();
        assert_eq!(me.dead(), [WorkerId("1-gone".into())]);
        drop(other);
        me.forget(&[WorkerId("1-gone".into())]);
        assert_eq!(me.dead(), []);
        // Of two that end by themselves, the one whose run did not.
        let (ended, broken) = (Workers::join(&folder).unwrap(), Workers::join(&folder).unwrap());
        let id = broken.id().clone();
        ended.begin();
        ended.finish();
        broken.begin();
        drop((ended, broken));
        assert_eq!(me.dead(), [id]);
        drop(me);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
