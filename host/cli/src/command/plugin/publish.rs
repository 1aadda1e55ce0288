//! `tidegate plugin publish`.

use std::path::Path;
use std::process::ExitCode;

use serde_json::json;
use tidegate_core::{Error, Errors, Kind};
use tidegate_plugin::package::{Package, Published, TrustedKeys, open_registry};

use crate::arguments::Publish;
use crate::output::{Output, bytes};

/// A minisign signature has four short lines.
const MAX_SIGNATURE_BYTES: u64 = 4 << 10;

pub(crate) async fn run(arguments: &Publish, output: &Output) -> Result<ExitCode, Errors> {
    let keys = TrustedKeys::new(&arguments.key).map_err(Error::from)?;
    let signature = arguments.signature.as_deref().map(read_signature).transpose()?;
    let package = Package::of_file(&arguments.file, signature, &keys).map_err(Error::from)?;
    // Seen from where the command is typed, not from a project.
    let registry = open_registry(&arguments.to, Path::new("")).map_err(Error::from)?;
    let published = registry.publish(&package).await.map_err(Error::from)?;
    let release = &package.release;
    let (word, done) = match published {
        Published::New => ("new", "published"),
        Published::Already => ("already", "was published already, the same:"),
        Published::Signed => ("signed", "was published already, and now is signed:"),
    };
    output.show(
        &json!({"registry": arguments.to, "published": word, "release": release, "bytes": package.wasm.len()}),
        || {
            say!(
                "{done} {}@{} ({}, {}) in {}",
                release.name,
                release.version,
                bytes(package.wasm.len() as u64),
                release.digest,
                arguments.to
            );
        },
    );
    Ok(ExitCode::SUCCESS)
}

fn read_signature(file: &Path) -> Result<String, Error> {
    let refuse = |why: String| {
        Error::new(
            Kind::Resource,
            "plugin.io",
            format!("cannot read the signature `{}`: {why}", file.display()),
        )
        .hint("make it with `minisign -S -m FILE`")
    };
    let length = std::fs::metadata(file)
        .map_err(|error| refuse(error.to_string()))?
        .len();
    if length > MAX_SIGNATURE_BYTES {
        return Err(refuse(format!("it has {length} bytes")));
    }
    std::fs::read_to_string(file).map_err(|error| refuse(error.to_string()))
}
