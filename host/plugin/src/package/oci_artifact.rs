//! A release as an OCI artifact, after the layout of Wasm artifacts by the CNCF's Wasm working group, so that other tools can
//! pull it: the component is the only layer. What is said of the release and its signature are annotations of the manifest.
//! <https://tag-runtime.cncf.io/wgs/wasm/deliverables/wasm-oci-artifact/>

use std::collections::BTreeMap;

use oci_client::manifest::{OciDescriptor, OciImageManifest};
use serde_json::json;
use tidegate_core::plan::Digest;

use super::release::Package;
use crate::interfaces::Interfaces;

/// What the layout calls its parts.
pub(super) const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG_TYPE: &str = "application/vnd.wasm.config.v0+json";
const LAYER_TYPE: &str = "application/wasm";

/// Annotations of ours on a manifest: what `release.json` is in a folder, and a minisign signature of the component.
pub(super) const RELEASE: &str = "dev.tidegate.release";
pub(super) const SIGNATURE: &str = "dev.tidegate.minisig";

/// The layout wants to know when an artifact was made. Always the same, so that the same component is the same artifact.
const CREATED: &str = "1970-01-01T00:00:00Z";

/// The manifest of a release whose config was uploaded.
pub(super) fn manifest(package: &Package, config: OciDescriptor) -> Result<OciImageManifest, String> {
    let release = &package.release;
    let said = serde_json::to_string(release).map_err(|error| error.to_string())?;
    let mut annotations = BTreeMap::from([
        (RELEASE.to_owned(), said),
        (
            "org.opencontainers.image.version".to_owned(),
            release.version.to_string(),
        ),
        (
            "org.opencontainers.image.description".to_owned(),
            release.description.clone(),
        ),
    ]);
    if let Some(signature) = &package.signature {
        annotations.insert(SIGNATURE.into(), signature.clone());
    }
    Ok(OciImageManifest {
        media_type: Some(MANIFEST_TYPE.into()),
        config,
        layers: vec![descriptor(LAYER_TYPE, &release.digest, package.wasm.len())],
        annotations: Some(annotations),
        ..OciImageManifest::default()
    })
}

/// How a manifest names the config.
pub(super) fn config_descriptor(config: &[u8]) -> OciDescriptor {
    descriptor(CONFIG_TYPE, &Digest::of(config), config.len())
}

/// The tag of a version: no tag may have a `+`, and no version a `_`.
pub(super) fn tag_of(version: &semver::Version) -> String {
    version.to_string().replace('+', "_")
}

/// The version of a tag; none of one that is not ours.
pub(super) fn version_of(tag: &str) -> Option<semver::Version> {
    let version = semver::Version::parse(&tag.replace('_', "+")).ok()?;
    (tag_of(&version) == tag).then_some(version)
}

/// An annotation of a manifest.
pub(super) fn annotation<'a>(manifest: &'a OciImageManifest, name: &str) -> Option<&'a str> {
    manifest.annotations.as_ref()?.get(name).map(String::as_str)
}

fn descriptor(media_type: &str, digest: &Digest, length_bytes: usize) -> OciDescriptor {
    OciDescriptor {
        media_type: media_type.into(),
        digest: digest.to_string(),
        size: i64::try_from(length_bytes).unwrap_or(i64::MAX),
        ..OciDescriptor::default()
    }
}

/// The artifact's config, which the layout asks for.
pub(super) fn config(package: &Package) -> Result<Vec<u8>, String> {
    let interfaces = Interfaces::read(&package.wasm).map_err(|error| error.message().to_owned())?;
    let config = json!({
        "created": CREATED,
        "architecture": "wasm",
        "os": "wasip2",
        "layerDigests": [package.release.digest.to_string()],
        "component": {"exports": interfaces.exports, "imports": interfaces.imports, "target": null},
    });
    serde_json::to_vec(&config).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_and_its_tag_are_one_another() {
        for text in ["1.0.0", "1.0.0-rc.1", "1.0.0+build.7", "0.1.4-a-b+c-d.9"] {
            let version = semver::Version::parse(text).expect("a version");
            assert_eq!(version_of(&tag_of(&version)), Some(version));
        }
        for tag in ["latest", "v1.0.0", "1.0", "1.0.0+x", "01.0.0", ""] {
            assert_eq!(version_of(tag), None, "{tag}");
        }
    }
}
