//! Real components under other names and versions, and keys to sign them with.
#![allow(dead_code, reason = "each test file uses its own part of it")]

use std::io::Cursor;
use std::path::{Path, PathBuf};

use minisign::KeyPair;
use serde_json::{Value, json};

/// The component with another manifest: a section in front of the one that it has, which is the one that is read.
pub(crate) fn repackaged(wasm: &[u8], manifest: &Value) -> Vec<u8> {
    let name = b"tidegate:manifest";
    let text = manifest.to_string();
    let mut section = leb(name.len());
    section.extend_from_slice(name);
    section.extend_from_slice(text.as_bytes());
    let (header, rest) = wasm.split_at(8);
    [header, &[0], &leb(section.len()), &section, rest].concat()
}

/// The manifest of a transform; `description` tells two builds of one version apart.
pub(crate) fn manifest(name: &str, version: &str, description: &str) -> Value {
    json!({
        "name": name, "version": version, "description": description,
        "roles": ["transform"], "contract": "0.1.0",
    })
}

/// Writes a component of a name and version into a folder.
pub(crate) fn component(wasm: &[u8], folder: &Path, name: &str, version: &str, description: &str) -> PathBuf {
    std::fs::create_dir_all(folder).unwrap();
    let file = folder.join(format!("{name}-{version}.wasm"));
    std::fs::write(&file, repackaged(wasm, &manifest(name, version, description))).unwrap();
    file
}

/// A new key, and the line of its public half that a project names.
pub(crate) fn key() -> (KeyPair, String) {
    let pair = KeyPair::generate_unencrypted_keypair().unwrap();
    let public = pair.pk.to_base64();
    (pair, public)
}

/// The minisign signature of some bytes.
pub(crate) fn sign(pair: &KeyPair, bytes: &[u8]) -> String {
    minisign::sign(Some(&pair.pk), &pair.sk, Cursor::new(bytes), None, None)
        .unwrap()
        .into_string()
}

fn leb(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}
