//! What goes wrong around a plugin, and whose fault it is.

use tidegate_core::{Error, Kind, Place};

use crate::limits::{MAX_FAULT_BYTES, cut};
use crate::log::printable;
use crate::secrets::Secrets;

/// A failure of the runtime or of a plugin, before it is known which step and batch it belongs to.
#[derive(Debug, thiserror::Error)]
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
    /// The engine could not be started.
    #[error("the WebAssembly engine did not start: {0}")]
    Engine(String),
}

impl From<PluginError> for Error {
    fn from(error: PluginError) -> Self {
        let message = error.to_string();
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
            PluginError::Link { .. } => Self::new(Kind::Plugin, "plugin.link", message)
                .hint("rebuild it with an SDK of this Tidegate's contract; a plugin may import nothing else"),
            PluginError::Io { .. } => Self::new(Kind::Resource, "plugin.io", message),
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
    #[error("failed for now: {0}")]
    Retryable(String),
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
            Self::Retryable(_) => "plugin.retryable",
            Self::Fatal(_) => "plugin.fatal",
            Self::Trap(_) => "plugin.trap",
            Self::Time { .. } => "plugin.time_limit",
            Self::Memory { .. } => "plugin.memory_limit",
            Self::Output { .. } => "plugin.output_limit",
            Self::Contract(_) => "plugin.contract",
            Self::Ungranted(_) => "plugin.ungranted_column",
            Self::Busy => "plugin.busy",
            Self::Host(_) => "plugin.host",
        }
    }

    /// Whose fault it is.
    fn kind(&self) -> Kind {
        match self {
            Self::Config { .. } | Self::Schema(_) | Self::Ungranted(_) => Kind::Schema,
            Self::Data(_) => Kind::Data,
            Self::Retryable(_) | Self::Busy => Kind::Resource,
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

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Time { allowed_ms } => format!(
                "raise `limits: {{time_per_batch: {}ms}}` on the step, or make batches smaller with `batch_rows`",
                allowed_ms * 2
            ),
            Self::Memory { allowed_bytes, .. } => format!(
                "raise `limits: {{memory: {}}}` on the step, or make batches smaller with `batch_rows`",
                tidegate_core::schema::ByteSize(allowed_bytes * 2)
            ),
            Self::Output { allowed_bytes, .. } => format!(
                "raise `limits: {{output: {}}}` on the step, or make batches smaller with `batch_rows`",
                tidegate_core::schema::ByteSize(allowed_bytes * 2)
            ),
            Self::Ungranted(column) => format!("add `{column}` to `writes` of the step"),
            Self::Schema(_) => "look at `reads` of the step: the order of columns counts".to_owned(),
            Self::Busy => "run fewer assets at once".to_owned(),
            Self::Contract(_) | Self::Trap(_) | Self::Fatal(_) => {
                "tell the plugin's author; a plugin test shows the same".to_owned()
            }
            _ => return None,
        })
    }

    /// The error of a call: says plugin, version, digest, step, batch, and whose fault it is.
    pub fn at_step(&self, step: &StepName, call: &str, batch: Option<u64>) -> Error {
        let batch = batch
            .map(|sequence| format!(", batch {sequence}"))
            .unwrap_or_default();
        // Whatever words of the guest's are in it: names of its shape, a time zone, its own message.
        let clean = |text: String| printable(&cut(step.secrets.redact(text), MAX_FAULT_BYTES));
        let what = clean(self.to_string());
        let mut error = Error::new(
            self.kind(),
            self.code(),
            format!(
                "plugin {}@{} ({}), step {}, {call}{batch}: {what}; {}",
                step.plugin,
                step.version,
                step.digest,
                step.index,
                self.blame()
            ),
        );
        error.hint = self.hint().map(clean);
        if matches!(self, Self::Retryable(_) | Self::Busy) {
            error = error.later();
        }
        if let Self::Config { pointer, .. } = self {
            error = error.at(Place::Pointer(format!("/config{pointer}")));
        }
        error
    }
}

/// What errors call a step.
#[derive(Debug, Clone)]
pub struct StepName {
    /// Its place among the asset's transforms, from 0.
    pub index: usize,
    /// The plugin.
    pub plugin: String,
    /// Its version.
    pub version: String,
    /// The first digits of its digest.
    pub digest: String,
    /// What its errors must not show.
    pub(crate) secrets: Secrets,
}
