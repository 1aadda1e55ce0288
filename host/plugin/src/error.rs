//! What goes wrong around a plugin, and whose fault it is.

use tidegate_core::schema::ByteSize;
use tidegate_core::{Error, Kind, Place};

use crate::limits::{MAX_FAULT_BYTES, cut};
use crate::log::printable;
use crate::package::PackageError;
use crate::secrets::Secrets;

/// A failure of the runtime or of a plugin, before it is known which step and batch it belongs to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PluginError {
    /// No component of that name lies in the plugin folders.
    #[error("there is no plugin `{name}` in {folders}")]
    NotFound {
        /// What was asked for.
        name: String,
        /// Where was looked.
        folders: String,
        /// A name close to it.
        near: Option<String>,
    },
    /// Components of that name are there, of other versions.
    #[error("no version of `{name}` fits `{wanted}`; there is {found}")]
    Version {
        /// The plugin.
        name: String,
        /// The requirement.
        wanted: String,
        /// The versions that are there.
        found: String,
    },
    /// The requirement is not one.
    #[error("`{0}` does not name a plugin: {1}")]
    Requirement(String, String),
    /// The file is not a component that this Tidegate runs.
    #[error("`{file}` is not a plugin: {why}")]
    NotAPlugin {
        /// Which file.
        file: String,
        /// What is wrong with it.
        why: String,
    },
    /// The component was built with another version of the contract.
    #[error("`{file}` is built for the contract {built}, and this Tidegate speaks {speaks}")]
    Contract {
        /// Which file.
        file: String,
        /// What it was built for.
        built: String,
        /// What this host runs.
        speaks: String,
    },
    /// The file is a component, and cannot be linked.
    #[error("`{file}` cannot be linked: {why}")]
    Link {
        /// Which file.
        file: String,
        /// Which import or export.
        why: String,
    },
    /// A file could not be read or written.
    #[error("{what} `{file}`: {why}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// Which file.
        file: String,
        /// The system's words.
        why: String,
    },
    /// The folder of compiled plugins cannot be used.
    #[error("{what} `{folder}`: {why}")]
    Cache {
        /// What was tried.
        what: &'static str,
        /// Which folder.
        folder: String,
        /// The system's words, or what is wrong with it.
        why: String,
    },
    /// The plugin cannot be used as that.
    #[error("`{plugin}` is not a {role}; it is a {roles}")]
    Role {
        /// The plugin and its version.
        plugin: String,
        /// What it is wanted as.
        role: &'static str,
        /// What it can be used as.
        roles: String,
    },
    /// A registry, the lock or a signature is not as it should be.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// The engine could not be started.
    #[error("the WebAssembly engine did not start: {0}")]
    Engine(String),
}

impl From<PluginError> for Error {
    fn from(error: PluginError) -> Self {
        // A damaged file's own names are in it, as the engine quotes them.
        let message = printable(&cut(error.to_string(), MAX_FAULT_BYTES));
        match error {
            PluginError::NotFound { near, .. } => {
                let error = Self::new(Kind::Schema, "plugin.not_found", message);
                match near {
                    Some(near) => error.hint(format!("did you mean `{near}`?")),
                    None => error.hint("build it, or add its folder to `plugins` in project.yaml"),
                }
            }
            PluginError::Version { .. } => Self::new(Kind::Schema, "plugin.version", message)
                .hint("change the version asked for, or build that one"),
            PluginError::Requirement(..) => Self::new(Kind::Schema, "plugin.requirement", message)
                .hint("write a name, or a name and a version such as `hash-email@^1`"),
            PluginError::NotAPlugin { .. } => Self::new(Kind::Plugin, "plugin.not_a_plugin", message)
                .hint("a plugin is a component built for wasm32-wasip2 with an SDK, its manifest inside"),
            PluginError::Contract { .. } => Self::new(Kind::Plugin, "plugin.contract_version", message).hint(
                "use a version of the plugin that was built for this contract, or a Tidegate that speaks the other",
            ),
            PluginError::Package(error) => error.into(),
            PluginError::Link { why, .. } => {
                Self::new(Kind::Plugin, "plugin.link", message).hint(if why.contains("`wasi:sockets/") {
                    "a plugin has no sockets: let it ask over HTTP, with the SDK's client and a grant in `http`"
                } else {
                    "rebuild it with an SDK of this Tidegate's contract; a plugin may import nothing else"
                })
            }
            PluginError::Io { .. } => Self::new(Kind::Resource, "plugin.io", message),
            PluginError::Cache { .. } => Self::new(Kind::Resource, "plugin.io", message)
                .hint("name a folder of your own with the variable TIDEGATE_CACHE"),
            PluginError::Role { .. } => {
                Self::new(Kind::Schema, "plugin.role", message).hint("name a plugin that has this role")
            }
            PluginError::Engine(_) => Self::new(Kind::Internal, "plugin.engine", message),
        }
    }
}

/// How a call into a guest failed. The guest's own words, where there are any, are cut to a readable length.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The guest says that its config is wrong.
    #[error("the config is refused: {message}")]
    Config {
        /// A JSON pointer into the config.
        pointer: String,
        /// What is wrong.
        message: String,
    },
    /// The guest says that the granted columns are wrong.
    #[error("the granted columns are refused: {0}")]
    Schema(String),
    /// The guest says that the batch is wrong.
    #[error("the batch is refused: {0}")]
    Data(String),
    /// The guest says that it may pass.
    #[error("failed for now: {message}")]
    Retryable {
        /// What happened.
        message: String,
        /// How long to wait at least, where the other side said so.
        after_ms: Option<u64>,
    },
    /// The guest gave up.
    #[error("gave up: {0}")]
    Fatal(String),
    /// The guest trapped: a panic, an overflow of its stack, a bad access.
    #[error("trapped: {0}")]
    Trap(String),
    /// The guest ran too long.
    #[error("ran for more than {allowed_ms} ms in one call")]
    Time {
        /// What was allowed.
        allowed_ms: u64,
    },
    /// The guest asked for more memory than it may have.
    #[error("asked for {wanted_bytes} bytes of memory; {allowed_bytes} are allowed")]
    Memory {
        /// What it would then have had.
        wanted_bytes: u64,
        /// What was allowed.
        allowed_bytes: u64,
    },
    /// The guest returned more than it may.
    #[error("what it returned from one call comes to more than {allowed_bytes} bytes")]
    Output {
        /// What was allowed.
        allowed_bytes: u64,
    },
    /// What the guest returned breaks the contract.
    #[error("broke the contract: {0}")]
    Contract(String),
    /// What the guest wants to write was not granted.
    #[error("writes the column `{0}`, which is not granted")]
    Ungranted(String),
    /// The guest gave up after the gate had refused a request of its.
    #[error("{said}; {what}")]
    Refused {
        /// How it gave up.
        said: String,
        /// What was refused.
        what: String,
        /// How the schema can open it.
        hint: String,
    },
    /// As many instances as there may be are running.
    #[error("no instance of it can start: too many plugins run in this process")]
    Busy,
    /// The host failed, not the guest.
    #[error("the host failed: {0}")]
    Host(String),
}

impl Fault {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Config { .. } => "plugin.config",
            Self::Schema(_) => "plugin.input",
            Self::Data(_) => "plugin.data",
            Self::Retryable { .. } => "plugin.retryable",
            Self::Fatal(_) => "plugin.fatal",
            Self::Trap(_) => "plugin.trap",
            Self::Time { .. } => "plugin.time_limit",
            Self::Memory { .. } => "plugin.memory_limit",
            Self::Output { .. } => "plugin.output_limit",
            Self::Contract(_) => "plugin.contract",
            Self::Ungranted(_) => "plugin.ungranted_column",
            Self::Refused { .. } => "plugin.http_refused",
            Self::Busy => "plugin.busy",
            Self::Host(_) => "plugin.host",
        }
    }

    /// Whose fault it is.
    fn kind(&self) -> Kind {
        match self {
            Self::Config { .. } | Self::Schema(_) | Self::Ungranted(_) | Self::Refused { .. } => Kind::Schema,
            Self::Data(_) => Kind::Data,
            Self::Retryable { .. } | Self::Busy => Kind::Resource,
            Self::Host(_) => Kind::Internal,
            _ => Kind::Plugin,
        }
    }

    fn blame(&self) -> &'static str {
        if *self == Self::Busy {
            return "the host is at its limit";
        }
        match self.kind() {
            Kind::Schema => "the schema is at fault",
            Kind::Data => "the data is at fault",
            Kind::Internal => "the host is at fault",
            Kind::Resource => "the plugin says that it may pass",
            _ => "the plugin is at fault",
        }
    }

    fn hint(&self, name: &PluginName) -> Option<String> {
        // Steps and checks are called a batch at a time, and say so in their limits.
        let (of, time) = if name.takes_batches() {
            ("on the step, ", "time_per_batch")
        } else {
            ("on the resource, ", "time_per_call")
        };
        let smaller = "or make batches smaller with `batch_rows`";
        // Twice as much, and at least what was asked for, in whole MiB.
        let more = |allowed: u64, wanted: u64| ByteSize(wanted.max(allowed * 2).next_multiple_of(1 << 20));
        Some(match self {
            Self::Time { allowed_ms } => {
                format!("raise `limits: {{{time}: {}ms}}` {of}{smaller}", allowed_ms * 2)
            }
            Self::Memory {
                allowed_bytes,
                wanted_bytes,
            } => format!(
                "raise `limits: {{memory: {}}}` {of}{smaller}",
                more(*allowed_bytes, *wanted_bytes)
            ),
            Self::Output { allowed_bytes } => format!(
                "raise `limits: {{output: {}}}` {of}{smaller}",
                more(*allowed_bytes, 0)
            ),
            Self::Ungranted(column) => format!("add `{column}` to `writes` of the step"),
            Self::Schema(_) if name.takes_batches() => {
                "look at `reads` of the step: the order of columns counts".to_owned()
            }
            Self::Refused { hint, .. } => hint.clone(),
            Self::Busy => "run fewer assets at once".to_owned(),
            Self::Contract(_) | Self::Trap(_) | Self::Fatal(_) => {
                "tell the plugin's author; a plugin test shows the same".to_owned()
            }
            _ => return None,
        })
    }

    /// The error of a call: says plugin, version, digest, place, batch, and whose fault it is.
    pub fn at(&self, name: &PluginName, call: &str, batch: Option<u64>) -> Error {
        let batch = batch
            .map(|sequence| format!(", batch {sequence}"))
            .unwrap_or_default();
        // Whatever words of the guest's are in it: names of its shape, a time zone, its own message.
        let clean = |text: String| printable(&cut(name.secrets.redact(text), MAX_FAULT_BYTES));
        let what = clean(self.to_string());
        let mut error = Error::new(
            self.kind(),
            self.code(),
            format!(
                "plugin {}@{} ({}), {}, {call}{batch}: {what}; {}",
                name.plugin,
                name.version,
                name.digest,
                name.place,
                self.blame()
            ),
        );
        error.hint = self.hint(name).map(clean);
        if matches!(self, Self::Retryable { .. } | Self::Busy) {
            error = error.later();
        }
        if let Self::Config { pointer, .. } = self {
            error = error.at(Place::Pointer(format!("/config{pointer}")));
        }
        error
    }
}

/// What errors call an instance.
#[derive(Debug, Clone)]
pub struct PluginName {
    /// Where it stands: `step 3`, `source`, `destination`, `check 0`, `sensor`.
    pub place: String,
    /// The plugin.
    pub plugin: String,
    /// Its version.
    pub version: String,
    /// The first digits of its digest.
    pub digest: String,
    /// What its errors must not show.
    pub(crate) secrets: Secrets,
}

impl PluginName {
    /// `plugin@version`.
    pub fn label(&self) -> String {
        format!("{}@{}", self.plugin, self.version)
    }

    fn takes_batches(&self) -> bool {
        self.place.starts_with("step") || self.place.starts_with("check")
    }
}
