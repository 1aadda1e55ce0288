//! Where secrets are kept beside the environment: files, AWS Secrets Manager and Vault.
//!
//! A service is asked when a secret is used, at most once in a while ([`LIFETIME`]), and never for longer than
//! [`TIME_LIMIT`]. What it says is held in memory alone.

mod aws;
mod file;
mod vault;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use tidegate_core::schema::{SecretName, Unavailable};
use tokio::runtime::{Builder, Handle, Runtime, RuntimeFlavor};

pub use vault::{VaultConfig, VaultLogin};

/// How long a service's answer is used: a secret that was changed is seen within this time.
pub const LIFETIME: Duration = Duration::from_mins(5);

/// How long a failure is told again without asking: a project has many references to a service that is down.
const FAILURE_LIFETIME: Duration = Duration::from_secs(5);

/// How long one secret may take, with login and second attempts. Less than a worker may be silent.
const TIME_LIMIT: Duration = Duration::from_secs(5);

/// A secret as it is kept: text, or an object of keys.
type Fetched = Result<Value, Unavailable>;

/// The stores of one process.
pub struct SecretStores {
    root: PathBuf,
    aws: Arc<aws::Aws>,
    vault: Option<Arc<vault::Vault>>,
    /// By place, and under a store's name that it does not answer.
    held: Mutex<HashMap<String, Held>>,
    /// Its own, since references are filled in where nothing can be awaited. Made when it is first needed.
    runtime: Mutex<Option<Runtime>>,
}

struct Held {
    fetched: Fetched,
    until: Instant,
}

impl SecretStores {
    /// Connects to nothing. Relative paths of files start at `root`; without a `vault`, its secrets cannot be had.
    pub fn new(root: PathBuf, vault: Option<VaultConfig>) -> Self {
        Self {
            root,
            aws: Arc::default(),
            vault: vault.map(|config| Arc::new(vault::Vault::new(config))),
            held: Mutex::default(),
            runtime: Mutex::default(),
        }
    }

    /// The value of a secret; none where there is no such file. Variables of the environment are no store's. Blocks its
    /// thread for [`TIME_LIMIT`] at most for each secret that is waited for; other tasks go on.
    pub fn get(&self, name: SecretName<'_>) -> Result<Option<String>, Unavailable> {
        match name {
            SecretName::Variable(_) => Ok(None),
            SecretName::File(path) => file::read(&self.root.join(path)),
            SecretName::Aws { name, key } => {
                let (aws, wanted) = (Arc::clone(&self.aws), name.to_owned());
                let kept = self.held_or(
                    "aws",
                    format!("aws:{name}"),
                    async move { aws.fetch(&wanted).await },
                )?;
                match key {
                    None => text(&kept),
                    Some(key) => {
                        // What the parser says of it could hold a part of it.
                        let parsed = kept.as_str().and_then(|text| serde_json::from_str(text).ok());
                        member(&parsed.unwrap_or(Value::Null), key)
                    }
                }
                .map(Some)
            }
            SecretName::Vault { path, key } => {
                let Some(vault) = self.vault.clone() else {
                    return Err(refused("VAULT_ADDR is not set"));
                };
                let wanted = path.to_owned();
                let kept = self.held_or("vault", format!("vault:{path}"), async move {
                    vault.fetch(&wanted).await
                })?;
                member(&kept, key).map(Some)
            }
        }
    }

    /// What is held of a place in a store, or what it gives now.
    fn held_or(
        &self,
        store: &str,
        place: String,
        fetch: impl Future<Output = Fetched> + Send + 'static,
    ) -> Fetched {
        let ask = || {
            // One at a time: whoever wants the same finds it, and a service is not asked twice at once.
            let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let told = |name: &str| held.get(name).filter(|found| found.until > now);
            if let Some(found) = told(&place).or_else(|| told(store)) {
                return found.fetched.clone();
            }
            let fetched = self.wait(fetch);
            let (name, lifetime) = match &fetched {
                Ok(_) => (place, LIFETIME),
                // One that does not answer is not waited for once for each of its secrets.
                Err(why) if why.passes => (store.to_owned(), FAILURE_LIFETIME),
                Err(_) => (place, FAILURE_LIFETIME),
            };
            let until = Instant::now() + lifetime;
            let kept = fetched.clone();
            held.insert(name, Held { fetched: kept, until });
            fetched
        };
        // The other tasks of this thread are given to another one.
        let many =
            Handle::try_current().is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread);
        if many {
            tokio::task::block_in_place(ask)
        } else {
            ask()
        }
    }

    fn wait(&self, fetch: impl Future<Output = Fetched> + Send + 'static) -> Fetched {
        let (told, answer) = sync_channel(1);
        {
            let mut runtime = self.runtime.lock().unwrap_or_else(PoisonError::into_inner);
            let runtime = match &mut *runtime {
                Some(runtime) => runtime,
                none => {
                    let made = Builder::new_multi_thread().worker_threads(1).enable_all().build();
                    none.insert(made.map_err(|error| refused(&format!("no thread for it: {error}")))?)
                }
            };
            runtime.spawn(async move {
                let fetched = tokio::time::timeout(TIME_LIMIT, fetch).await;
                let fetched =
                    fetched.unwrap_or_else(|_| Err(passing(format!("no answer in {TIME_LIMIT:?}"))));
                let _ = told.send(fetched);
            });
        }
        answer
            .recv()
            .unwrap_or_else(|_| Err(refused("asking for it broke off")))
    }
}

impl Drop for SecretStores {
    fn drop(&mut self) {
        // Where it is dropped inside another runtime, waiting would panic.
        let mut runtime = self.runtime.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A value as text: what is no text is written as JSON has it.
fn text(value: &Value) -> Result<String, Unavailable> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(_) | Value::Bool(_) => Ok(value.to_string()),
        _ => Err(refused("it is neither text nor a number")),
    }
}

fn member(value: &Value, key: &str) -> Result<String, Unavailable> {
    let Value::Object(members) = value else {
        return Err(refused("it is no JSON object, so it has no keys"));
    };
    match members.get(key) {
        Some(value) => text(value),
        None => Err(refused(&format!("it has no key `{key}`"))),
    }
}

/// What the same question meets again.
fn refused(why: &str) -> Unavailable {
    Unavailable {
        why: why.to_owned(),
        passes: false,
    }
}

/// What may pass.
fn passing(why: impl Into<String>) -> Unavailable {
    Unavailable {
        why: why.into(),
        passes: true,
    }
}

/// An error with its causes, each once.
fn causes(error: &dyn std::error::Error) -> String {
    let mut told = error.to_string();
    let mut below = error.source();
    while let Some(cause) = below {
        let text = cause.to_string();
        if !told.contains(&text) {
            told = format!("{told}: {text}");
        }
        below = cause.source();
    }
    told
}
