//! Commits that crash, race and repeat.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Barrier, Mutex};

use chrono::{TimeZone, Utc};
use tempfile::TempDir;
use tidegate_core::plan::{LoadToken, PartitionKey};
use tidegate_core::schema::Load;

use super::*;
use crate::file::layout::part_name;

struct Partition {
    folder: TempDir,
}

impl Partition {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(MANIFESTS)).unwrap();
        Self { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn file(&self, name: &str, stage: Stage) -> PathBuf {
        part_path(self.path(), name, stage)
    }

    /// A load of so many staged parts.
    fn load(&self, load: Load, epoch: i64, token: &str, count: u64) -> PendingLoad {
        let parts = (0..count).map(|number| {
            let name = part_name(Epoch(epoch), number);
            fs::write(self.file(&name, Stage::Staged), format!("{token} {number}")).unwrap();
            Part {
                name,
                rows: 10,
                bytes: token.len() as u64 + 2,
                sha256: String::new(),
            }
        });
        PendingLoad {
            asset: "orders".parse().unwrap(),
            partition: PartitionKey::whole(),
            epoch: Epoch(epoch),
            token: LoadToken(token.to_owned()),
            load,
            columns: Vec::new(),
            parts: parts.collect(),
            at: Utc.timestamp_opt(0, 0).unwrap(),
        }
    }

    /// What can be seen: the content of the listed parts, all of which must be there.
    fn seen(&self) -> Vec<String> {
        let parts = manifests::newest(self.path())
            .unwrap()
            .map(|manifest| manifest.parts)
            .unwrap_or_default();
        parts
            .iter()
            .map(|part| fs::read_to_string(self.file(&part.name, Stage::Placed)).unwrap())
            .collect()
    }

    fn files(&self) -> BTreeSet<String> {
        let mut names: BTreeSet<_> = manifests::names(self.path()).unwrap().into_iter().collect();
        names.extend(manifests::names(&self.path().join(MANIFESTS)).unwrap());
        names
    }
}

/// Commits, and crashes behind so many steps; `None` where it did.
fn commit_until(partition: &Partition, pending: &PendingLoad, steps: usize) -> Option<LoadReceipt> {
    let mut left = steps;
    let mut after = |_| {
        if left == 0 {
            return Err(FileError::Internal("crash".into()));
        }
        left -= 1;
        Ok(())
    };
    match commit_observed(partition.path(), pending, &mut after) {
        Ok(receipt) => Some(receipt),
        Err(FileError::Internal(_)) => None,
        Err(other) => panic!("{other}"),
    }
}

/// A partition that was loaded twice, with what a dead attempt left, and a third load about to be committed.
fn before_third(load: Load) -> (Partition, PendingLoad) {
    let partition = Partition::new();
    for (epoch, token) in [(1, "one"), (2, "two")] {
        commit(partition.path(), &partition.load(load, epoch, token, 2)).unwrap();
    }
    partition.load(load, 3, "dead", 1);
    fs::write(partition.file("part-3-7.parquet", Stage::Partial), "half").unwrap();
    let pending = partition.load(load, 4, "three", 3);
    // A newer attempt is at work; nobody may touch what it has.
    partition.load(load, 9, "newer", 1);
    (partition, pending)
}

#[test]
fn a_crash_anywhere_shows_the_old_load_or_the_new_and_a_repeat_ends_the_same() {
    for load in [Load::Replace, Load::Append] {
        let (partition, pending) = before_third(load);
        let old = partition.seen();
        commit(partition.path(), &pending).unwrap();
        let (new, settled) = (partition.seen(), partition.files());
        assert_ne!(old, new);
        assert!(settled.contains("part-9-0.parquet.staged") && !settled.contains("part-3-7.parquet.partial"));

        let mut crashes = 0;
        loop {
            let (partition, pending) = before_third(load);
            let first = commit_until(&partition, &pending, crashes);
            let seen = partition.seen();
            assert!(
                seen == old || seen == new,
                "{load:?} after {crashes} steps: {seen:?}"
            );
            // The same load again, by an attempt that took its parts over.
            let mut again = pending.clone();
            again.epoch = Epoch(5);
            let receipt = commit(partition.path(), &again).unwrap();
            assert_eq!((receipt.rows, receipt.parts), (30, 3));
            assert_eq!(receipt.repeated, seen == new);
            assert_eq!(partition.seen(), new);
            assert_eq!(partition.files(), settled, "{load:?} after {crashes} steps");
            if first.is_some() {
                break;
            }
            crashes += 1;
        }
        assert!(crashes >= 7, "only {crashes} steps were tried");
    }
}

#[test]
fn a_crash_and_then_another_load_leaves_nothing_behind() {
    for crash_behind in 0..5 {
        let (partition, pending) = before_third(Load::Replace);
        commit_until(&partition, &pending, crash_behind);
        commit(partition.path(), &partition.load(Load::Replace, 6, "other", 1)).unwrap();
        assert_eq!(partition.seen(), ["other 0"]);
        let parts: Vec<_> = partition
            .files()
            .into_iter()
            .filter(|name| name.starts_with("part"))
            .collect();
        assert_eq!(parts, ["part-6-0.parquet", "part-9-0.parquet.staged"]);
    }
}

#[test]
fn of_two_commits_at_once_the_newer_attempt_is_seen_last() {
    for load in [Load::Replace, Load::Append] {
        for _ in 0..50 {
            let partition = Partition::new();
            commit(partition.path(), &partition.load(load, 1, "base", 1)).unwrap();
            let loads = [
                partition.load(load, 2, "older", 2),
                partition.load(load, 3, "newer", 2),
            ];
            // Both have decided on the same manifest before either goes on.
            let decided = Barrier::new(2);
            let results = Mutex::new(Vec::new());
            std::thread::scope(|threads| {
                for pending in &loads {
                    let (decided, results, partition) = (&decided, &results, &partition);
                    threads.spawn(move || {
                        let mut first = true;
                        let result = commit_observed(partition.path(), pending, &mut |step| {
                            if step == Step::Decided && std::mem::take(&mut first) {
                                decided.wait();
                            }
                            Ok(())
                        });
                        results
                            .lock()
                            .unwrap()
                            .push((pending.epoch.0, result.map(|_| ()).map_err(|error| error.code())));
                    });
                }
            });
            let mut results = results.into_inner().unwrap();
            results.sort_by_key(|(epoch, _)| *epoch);
            assert_eq!(results[1], (3, Ok(())));
            let base: &[&str] = if load == Load::Append { &["base 0"] } else { &[] };
            let older: &[&str] = match (&results[0].1, load) {
                (Ok(()), Load::Append) => &["older 0", "older 1"],
                (Ok(()), _) => &[],
                (Err(code), _) => {
                    assert_eq!(*code, "attempt.fenced");
                    &[]
                }
            };
            assert_eq!(partition.seen(), [base, older, &["newer 0", "newer 1"]].concat());
            if results[0].1.is_err() {
                assert!(!partition.files().iter().any(|name| name.starts_with("part-2-")));
            }
        }
    }
}

#[test]
fn two_attempts_at_one_load_show_it_once() {
    for _ in 0..50 {
        let partition = Partition::new();
        let zombie = partition.load(Load::Append, 2, "load", 3);
        let mut heir = zombie.clone();
        heir.epoch = Epoch(3);
        let receipts: Vec<_> = std::thread::scope(|threads| {
            let running: Vec<_> = [&zombie, &heir]
                .map(|pending| threads.spawn(|| commit(partition.path(), pending).unwrap()))
                .into();
            running.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(receipts.iter().filter(|receipt| receipt.repeated).count(), 1);
        assert_eq!(partition.seen(), ["load 0", "load 1", "load 2"]);
    }
}

#[test]
fn staged_parts_of_another_size_are_not_taken() {
    let partition = Partition::new();
    let pending = partition.load(Load::Replace, 1, "load", 2);
    fs::write(partition.file(&pending.parts[1].name, Stage::Staged), "cut").unwrap();
    assert_eq!(
        verify_staged(partition.path(), &pending.parts)
            .unwrap_err()
            .code(),
        "file.staged_lost"
    );
    fs::remove_file(partition.file(&pending.parts[1].name, Stage::Staged)).unwrap();
    assert_eq!(
        commit(partition.path(), &pending).unwrap_err().code(),
        "file.staged_lost"
    );
    assert!(partition.seen().is_empty());
}

#[test]
fn a_commit_that_sleeps_through_several_others_is_refused() {
    let partition = Partition::new();
    commit(partition.path(), &partition.load(Load::Append, 1, "base", 1)).unwrap();
    let sleeper = partition.load(Load::Append, 2, "sleeper", 1);
    let mut slept = false;
    let result = commit_observed(partition.path(), &sleeper, &mut |step| {
        if matches!(step, Step::Placed(_)) && !std::mem::replace(&mut slept, true) {
            for (epoch, token) in [(3, "a"), (4, "b"), (5, "c")] {
                commit(partition.path(), &partition.load(Load::Append, epoch, token, 1))?;
            }
            // The version that the sleeper is about to create has been swept up, and is free again.
            assert_eq!(manifests::versions(partition.path())?.into_iter().min(), Some(3));
        }
        Ok(())
    });
    assert_eq!(result.unwrap_err().code(), "attempt.fenced");
    assert_eq!(partition.seen(), ["base 0", "a 0", "b 0", "c 0"]);
    assert_eq!(
        manifests::versions(partition.path()).unwrap().into_iter().min(),
        Some(3)
    );
}
