//! What a plugin's folder is written in, and what it is called.

use std::path::Path;

use serde_json::Value;
use tidegate_core::{Error, Kind};

/// A language with an SDK.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Language {
    /// A crate with `tidegate-sdk`, built for wasm32-wasip2.
    Rust,
    /// A project with `tidegate_sdk`, built with componentize-py.
    Python,
    /// A package with the SDK, built with componentize-js.
    Javascript,
}

/// Rust's keywords, and the crates that are there without being asked for.
const RUST_WORDS: &str = "\
    abstract alloc as async await become box break const continue core crate do dyn else enum extern false \
    final fn for gen if impl in let loop macro match mod move mut override priv proc-macro pub ref return \
    self serde static std struct super test tidegate-sdk trait true try type typeof unsafe unsized use \
    virtual where while yield";

/// Python's keywords, modules of its library that the SDK or what it imports needs, which a plugin's own would stand before,
/// and the modules of the contract (docs/plugins/python.md) and of componentize-py.
const PYTHON_WORDS: &str = "\
    abc and argparse array as assert async await base64 bisect break check class codecs collections \
    componentize-py-runtime componentize-py-types configuration contextlib continue copy dataclasses datetime \
    decimal def del destination difflib elif else enum except finally for from functools global hashlib if \
    import importlib in inspect io is itertools json keyword lambda linecache logging math nonlocal not \
    operator or os pass pathlib raise random re return sensor shutil source string struct subprocess sys \
    tempfile test tidegate-sdk token tokenize tomllib traceback transform try types typing unittest urllib \
    warnings weakref while wit-world with yield";

impl Language {
    const ALL: [Self; 3] = [Self::Rust, Self::Python, Self::Javascript];

    /// As the command line and the SDK's folder call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Python => "python",
            Self::Javascript => "javascript",
        }
    }

    /// Whether a name, which becomes a crate's or a module's, is a word of the language or of what every plugin uses.
    pub(super) fn takes(self, name: &str) -> bool {
        let words = match self {
            Self::Rust => RUST_WORDS,
            Self::Python => PYTHON_WORDS,
            // A package's name is a text, and no module of the plugin is called by it.
            Self::Javascript => "",
        };
        words.split(' ').any(|word| word == name)
    }

    /// The file that a folder of it holds.
    fn marker(self) -> &'static str {
        match self {
            Self::Rust => "Cargo.toml",
            Self::Python => "pyproject.toml",
            Self::Javascript => "package.json",
        }
    }

    /// The language of a folder, by the file that says how it is built.
    pub(super) fn of(folder: &Path) -> Result<Self, Error> {
        let found = Self::ALL
            .into_iter()
            .find(|language| folder.join(language.marker()).is_file());
        found.ok_or_else(|| {
            let markers = Self::ALL.map(Self::marker).join(", ");
            Error::new(
                Kind::Usage,
                "plugin.no_source",
                format!("`{}` holds none of {markers}", folder.display()),
            )
            .hint("name a plugin's folder, or start one with `tidegate plugin new`")
        })
    }
}

/// What a plugin can be used as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Role {
    /// Turns batches into batches.
    Transform,
    /// Reads batches from somewhere.
    Source,
    /// Writes batches somewhere.
    Destination,
    /// Gives a verdict on the batches of a load.
    Check,
    /// Looks outside and asks for runs.
    Sensor,
}

impl Role {
    /// As manifests and the templates' folders call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Transform => "transform",
            Self::Source => "source",
            Self::Destination => "destination",
            Self::Check => "check",
            Self::Sensor => "sensor",
        }
    }
}

/// A text of a JSON value, or an empty one.
pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
