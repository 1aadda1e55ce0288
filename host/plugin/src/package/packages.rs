//! Settles which plugin each requirement of a project means.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;
use tidegate_core::plan::Digest;
use tidegate_core::schema::closest;

use super::error::PackageError;
use super::lock::{Lock, LockEntry};
use super::registry::Registry;
use super::release::Package;
use super::signature::TrustedKeys;
use super::store::Store;
use crate::catalog::{Catalog, Plugin, Requirement};
use crate::error::PluginError;

/// What a project says of packages.
pub struct PackagesConfig {
    /// Its `tidegate.lock`, which need not be there.
    pub lock_file: PathBuf,
    /// Its registries; of two with the same version, the first is asked.
    pub registries: Vec<Arc<dyn Registry>>,
    /// Whose signatures it takes.
    pub trusted_keys: TrustedKeys,
    /// Where fetched components are kept: a folder of the user's.
    pub store: PathBuf,
}

/// Whether the lock may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Locking {
    /// What is not locked yet is added.
    Write,
    /// What is not locked is an error.
    Locked,
}

/// A plugin whose entries in the lock are others than before.
#[derive(Debug, Clone, Serialize)]
pub struct LockChange {
    /// The plugin.
    pub name: String,
    /// Its entries before.
    pub was: Vec<LockEntry>,
    /// Its entries now.
    pub now: Vec<LockEntry>,
}

/// The registries, the lock and the store of a project.
pub struct Packages {
    lock_file: PathBuf,
    registries: Vec<Arc<dyn Registry>>,
    keys: TrustedKeys,
    store: Store,
}

/// What a requirement means: a plugin, and its entry in the lock where it has one.
type Chosen = (Arc<Plugin>, Option<LockEntry>);

impl Packages {
    /// The packages of a project. Reads nothing.
    pub fn new(config: PackagesConfig) -> Self {
        Self {
            lock_file: config.lock_file,
            registries: config.registries,
            keys: config.trusted_keys,
            store: Store::new(config.store),
        }
    }

    /// The project's registries.
    pub fn registries(&self) -> &[Arc<dyn Registry>] {
        &self.registries
    }

    /// The project's lock as it is.
    pub fn lock(&self) -> Result<Lock, PackageError> {
        Lock::read(&self.lock_file)
    }

    /// Settles what each requirement means, for [`Catalog::find`] to answer, its error too. What the lock says holds; else
    /// it is the newest in the plugin folders, else the newest of the registries, which is fetched and added to the lock.
    /// The lock is written only where every requirement has an answer.
    pub async fn settle(
        &self,
        catalog: &Catalog,
        wanted: &[Requirement],
        locking: Locking,
    ) -> Result<(), PackageError> {
        let before = self.lock()?;
        let mut lock = before.clone();
        let mut whole = true;
        for requirement in wanted {
            let chosen = self.choose(catalog, &lock, requirement, locking).await;
            whole &= chosen.is_ok();
            let answer = chosen.map(|(plugin, entry)| {
                if let Some(entry) = entry {
                    lock.put(entry);
                }
                plugin
            });
            catalog.settle(requirement, answer);
        }
        if whole && locking == Locking::Write && lock != before {
            lock.write(&self.lock_file)?;
        }
        Ok(())
    }

    /// Makes the lock anew from all requirements of a project: what is locked and fits stays, what nobody asks for goes.
    /// `pins` names plugins that are locked though they lie in a plugin folder.
    pub async fn relock(
        &self,
        catalog: &Catalog,
        wanted: &[Requirement],
        pins: &[String],
    ) -> Result<Vec<LockChange>, Vec<PluginError>> {
        let before = self.lock().map_err(of_package)?;
        let asked: Vec<&str> = wanted.iter().map(|one| one.name.as_str()).collect();
        used(pins, &asked, "is not a plugin that the project asks for").map_err(of_package)?;
        self.rewrite(catalog, wanted, pins, before.clone(), &before).await
    }

    /// Like [`Packages::relock`], with the entries of these plugins, or of all, chosen anew.
    pub async fn update(
        &self,
        catalog: &Catalog,
        wanted: &[Requirement],
        names: &[String],
    ) -> Result<Vec<LockChange>, Vec<PluginError>> {
        let before = self.lock().map_err(of_package)?;
        let locked: Vec<&str> = before.plugins().iter().map(|entry| entry.name.as_str()).collect();
        used(names, &locked, "is not in tidegate.lock").map_err(of_package)?;
        let renewed = |entry: &LockEntry| names.is_empty() || names.contains(&entry.name);
        let pins: Vec<String> = before
            .plugins()
            .iter()
            .filter(|entry| renewed(entry) && entry.registry.is_none())
            .map(|entry| entry.name.clone())
            .collect();
        let mut kept = before.clone();
        kept.retain(|entry| !renewed(entry));
        self.rewrite(catalog, wanted, &pins, kept, &before).await
    }

    async fn rewrite(
        &self,
        catalog: &Catalog,
        wanted: &[Requirement],
        pins: &[String],
        mut known: Lock,
        before: &Lock,
    ) -> Result<Vec<LockChange>, Vec<PluginError>> {
        let mut lock = Lock::default();
        let mut errors = Vec::new();
        for requirement in wanted {
            let chosen = self.choose(catalog, &known, requirement, Locking::Write).await;
            let (plugin, entry) = match chosen {
                Ok(chosen) => chosen,
                Err(error) => {
                    errors.push(error);
                    continue;
                }
            };
            let pinned = pins.contains(&requirement.name);
            let entry = entry.or_else(|| pinned.then(|| locked_as(&plugin, requirement, None, None)));
            if let Some(entry) = entry {
                known.put(entry.clone());
                lock.put(entry);
            }
            catalog.settle(requirement, Ok(plugin));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        if lock != *before {
            lock.write(&self.lock_file).map_err(of_package)?;
        }
        Ok(changes(before, &lock))
    }

    async fn choose(
        &self,
        catalog: &Catalog,
        lock: &Lock,
        wanted: &Requirement,
        locking: Locking,
    ) -> Result<Chosen, PluginError> {
        if let Some(entry) = lock.find(wanted) {
            let (plugin, signed_by) = self.locked(catalog, entry).await?;
            let entry = locked_as(&plugin, wanted, entry.registry.clone(), signed_by);
            return Ok((plugin, Some(entry)));
        }
        let here = match catalog.in_folders(wanted) {
            Ok(plugin) => return Ok((plugin, None)),
            Err(error @ (PluginError::NotFound { .. } | PluginError::Version { .. })) => error,
            Err(other) => return Err(other),
        };
        if self.registries.is_empty() {
            return Err(here);
        }
        if locking == Locking::Locked {
            return Err(PackageError::NotLocked {
                wanted: wanted.to_string(),
            }
            .into());
        }
        let (registry, version) = self.newest(wanted, here).await?;
        let (plugin, signed_by) = self
            .fetch(registry.as_ref(), &wanted.name, &version, None)
            .await?;
        let entry = locked_as(&plugin, wanted, Some(registry.place().to_owned()), signed_by);
        Ok((plugin, Some(entry)))
    }

    /// The newest version in the registries that fits; `here` is what the plugin folders answered.
    async fn newest(
        &self,
        wanted: &Requirement,
        here: PluginError,
    ) -> Result<(&Arc<dyn Registry>, semver::Version), PluginError> {
        let mut best: Option<(&Arc<dyn Registry>, semver::Version)> = None;
        let mut versions = Vec::new();
        for registry in &self.registries {
            for version in registry.versions(&wanted.name).await? {
                let newer = best.as_ref().is_none_or(|(_, best)| version > *best);
                if newer && wanted.versions.matches(&version) {
                    best = Some((registry, version.clone()));
                }
                versions.push(version);
            }
        }
        match best {
            Some(best) => Ok(best),
            None => Err(self.none_fits(wanted, versions, here).await),
        }
    }

    async fn none_fits(
        &self,
        wanted: &Requirement,
        mut versions: Vec<semver::Version>,
        here: PluginError,
    ) -> PluginError {
        versions.sort();
        versions.dedup();
        let mut found: Vec<String> = versions.iter().rev().map(ToString::to_string).collect();
        match here {
            PluginError::NotFound { name, folders, near } if found.is_empty() => {
                let mut names = BTreeSet::new();
                for registry in &self.registries {
                    names.extend(registry.names().await.unwrap_or_default());
                }
                let places = self
                    .registries
                    .iter()
                    .map(|one| format!("the registry `{}`", one.place()));
                PluginError::NotFound {
                    near: near
                        .or_else(|| closest(&name, names.iter().map(String::as_str)).map(str::to_owned)),
                    folders: std::iter::once(folders)
                        .chain(places)
                        .collect::<Vec<_>>()
                        .join(", "),
                    name,
                }
            }
            PluginError::Version { found: more, .. } if found.is_empty() => version_error(wanted, more),
            PluginError::Version { found: more, .. } => {
                found.push(more);
                version_error(wanted, found.join(", "))
            }
            _ => version_error(wanted, found.join(", ")),
        }
    }

    /// The plugin of an entry, to the byte.
    async fn locked(
        &self,
        catalog: &Catalog,
        entry: &LockEntry,
    ) -> Result<(Arc<Plugin>, Option<String>), PluginError> {
        let Some(place) = &entry.registry else {
            let exact = semver::Comparator {
                op: semver::Op::Exact,
                major: entry.version.major,
                minor: Some(entry.version.minor),
                patch: Some(entry.version.patch),
                pre: entry.version.pre.clone(),
            };
            let plugin = catalog.in_folders(&Requirement {
                name: entry.name.clone(),
                versions: std::iter::once(exact).collect(),
            })?;
            if plugin.digest != entry.digest {
                return Err(changed(entry, &entry.from(), &plugin.digest).into());
            }
            return Ok((plugin, None));
        };
        let Some(registry) = self.registries.iter().find(|registry| registry.place() == place) else {
            return Err(PackageError::Lock {
                file: self.lock_file.display().to_string(),
                why: format!(
                    "`{}` {} is locked from the registry `{place}`, which `registries` in project.yaml does not name",
                    entry.name, entry.version
                ),
            }
            .into());
        };
        if let Some(kept) = self.kept(entry) {
            return Ok(kept);
        }
        self.fetch(registry.as_ref(), &entry.name, &entry.version, Some(entry))
            .await
    }

    /// The plugin of an entry as an earlier fetch left it, if that is all it must be.
    fn kept(&self, entry: &LockEntry) -> Option<(Arc<Plugin>, Option<String>)> {
        let stored = self.store.get(&entry.digest)?;
        let signed_by = self
            .keys
            .verify(&entry.name, &stored.wasm, stored.signature.as_deref())
            .ok()?;
        let plugin = Plugin::of_bytes(stored.file, stored.wasm).ok()?;
        let same = plugin.manifest.name == entry.name && plugin.manifest.version == entry.version;
        same.then(|| (Arc::new(plugin), signed_by))
    }

    /// Fetches a version, and believes nothing of it: digest, signature and manifest are looked at before it is kept.
    async fn fetch(
        &self,
        registry: &dyn Registry,
        name: &str,
        version: &semver::Version,
        entry: Option<&LockEntry>,
    ) -> Result<(Arc<Plugin>, Option<String>), PluginError> {
        let Package {
            release,
            wasm,
            signature,
        } = registry.fetch(name, version).await?;
        let digest = Digest::of(&wasm);
        if let Some(entry) = entry
            && entry.digest != digest
        {
            return Err(changed(entry, &entry.from(), &digest).into());
        }
        let shown = format!("{name}@{version}");
        let signed_by = self.keys.verify(&shown, &wasm, signature.as_deref())?;
        let plugin = Plugin::of_bytes(self.store.file(&digest), wasm)?;
        if let Some(why) = release.differs(&plugin) {
            return Err(PackageError::damaged(registry.place(), name, version, why).into());
        }
        self.store.put(&digest, &plugin.wasm, signature.as_deref())?;
        Ok((Arc::new(plugin), signed_by))
    }
}

fn locked_as(
    plugin: &Plugin,
    wanted: &Requirement,
    registry: Option<String>,
    signed_by: Option<String>,
) -> LockEntry {
    LockEntry {
        name: plugin.manifest.name.clone(),
        version: plugin.manifest.version.clone(),
        digest: plugin.digest.clone(),
        registry,
        requirements: vec![wanted.versions.to_string()],
        signed_by,
    }
}

fn changed(entry: &LockEntry, from: &str, found: &Digest) -> PackageError {
    PackageError::DigestChanged {
        name: entry.name.clone(),
        version: entry.version.to_string(),
        from: from.into(),
        locked: entry.digest.to_string(),
        found: found.to_string(),
    }
}

fn version_error(wanted: &Requirement, found: String) -> PluginError {
    PluginError::Version {
        name: wanted.name.clone(),
        wanted: wanted.versions.to_string(),
        found,
    }
}

fn of_package(error: PackageError) -> Vec<PluginError> {
    vec![error.into()]
}

/// Whether every name is among the known ones.
fn used(names: &[String], known: &[&str], why: &str) -> Result<(), PackageError> {
    let Some(name) = names.iter().find(|name| !known.contains(&name.as_str())) else {
        return Ok(());
    };
    let known: BTreeSet<&str> = known.iter().copied().collect();
    Err(PackageError::NotUsed {
        name: name.clone(),
        why: why.into(),
        known: known.into_iter().collect::<Vec<_>>().join(", "),
    })
}

/// The plugins whose version, digest or place differ, sorted.
fn changes(before: &Lock, now: &Lock) -> Vec<LockChange> {
    let of = |lock: &Lock, name: &str| -> Vec<LockEntry> {
        let entries = lock.plugins().iter().filter(|entry| entry.name == name);
        entries.cloned().collect()
    };
    let what = |entries: &[LockEntry]| -> Vec<(semver::Version, Digest, Option<String>)> {
        let entries = entries.iter();
        entries
            .map(|entry| {
                (
                    entry.version.clone(),
                    entry.digest.clone(),
                    entry.registry.clone(),
                )
            })
            .collect()
    };
    let names: BTreeSet<&str> = [before, now]
        .iter()
        .flat_map(|lock| lock.plugins().iter().map(|entry| entry.name.as_str()))
        .collect();
    names
        .into_iter()
        .map(|name| LockChange {
            name: name.to_owned(),
            was: of(before, name),
            now: of(now, name),
        })
        .filter(|change| what(&change.was) != what(&change.now))
        .collect()
}
