//! The manifest's custom section: its text as it stands in a component, and a component with another.

use serde_json::Value;
use wasmparser::{Parser, Payload};

use crate::error::PluginError;
use crate::manifest::{MAX_MANIFEST_BYTES, SECTION};

/// A component's first bytes: the magic number, then version and layer of the component model (its Binary.md).
const HEADER_BYTES: usize = 8;

/// The id of a custom section (WebAssembly core specification, 5.5.2).
const CUSTOM: u8 = 0;

/// The manifest of a component as JSON, with whatever keys it has.
pub fn manifest_json(file: &str, wasm: &[u8]) -> Result<Value, PluginError> {
    let not = |why: String| PluginError::NotAPlugin {
        file: file.to_owned(),
        why,
    };
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload.map_err(|error| not(format!("the file is damaged: {}", error.message())))?;
        if let Payload::CustomSection(section) = payload
            && section.name() == SECTION
        {
            return serde_json::from_slice(section.data())
                .map_err(|error| not(format!("its manifest is not readable: {error}")));
        }
    }
    Err(not("it has no manifest".into()))
}

/// The component with another manifest, as its first section, where it hides those of the modules inside. Doing it again
/// replaces it.
pub fn with_manifest(file: &str, wasm: &[u8], manifest: &Value) -> Result<Vec<u8>, PluginError> {
    let not = |why: String| PluginError::NotAPlugin {
        file: file.to_owned(),
        why,
    };
    let text = manifest.to_string();
    if text.len() > MAX_MANIFEST_BYTES {
        return Err(not(format!(
            "its manifest would have {} bytes; {MAX_MANIFEST_BYTES} are allowed",
            text.len()
        )));
    }
    let mut out = wasm
        .get(..HEADER_BYTES)
        .ok_or_else(|| not("it is empty".into()))?
        .to_vec();
    let mut body = Vec::with_capacity(text.len() + SECTION.len() + 1);
    leb128(SECTION.len(), &mut body);
    body.extend_from_slice(SECTION.as_bytes());
    body.extend_from_slice(text.as_bytes());
    out.push(CUSTOM);
    leb128(body.len(), &mut out);
    out.extend_from_slice(&body);
    let mut rest = HEADER_BYTES;
    for (start, end) in own_manifests(wasm).map_err(not)? {
        out.extend_from_slice(&wasm[rest..start]);
        rest = end;
    }
    out.extend_from_slice(&wasm[rest..]);
    Ok(out)
}

/// Where the manifests of the component itself stand, headers included; not those of modules inside it.
fn own_manifests(wasm: &[u8]) -> Result<Vec<(usize, usize)>, String> {
    let damaged = || "the file is damaged: a section is cut short".to_owned();
    let mut found = Vec::new();
    let mut start = HEADER_BYTES;
    while start < wasm.len() {
        let (size, behind) = number(wasm, start + 1).ok_or_else(damaged)?;
        let end = behind
            .checked_add(size)
            .filter(|end| *end <= wasm.len())
            .ok_or_else(damaged)?;
        if wasm[start] == CUSTOM {
            let (length, name) = number(wasm, behind).ok_or_else(damaged)?;
            if wasm[name..end].get(..length) == Some(SECTION.as_bytes()) {
                found.push((start, end));
            }
        }
        start = end;
    }
    Ok(found)
}

/// A LEB128 number of 32 bits at a place, and where it ends.
fn number(bytes: &[u8], mut at: usize) -> Option<(usize, usize)> {
    let mut value = 0_u64;
    for shift in (0..35).step_by(7) {
        let byte = *bytes.get(at)?;
        at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some((usize::try_from(value).ok()?, at));
        }
    }
    None
}

/// An unsigned LEB128 number (WebAssembly core specification, 5.2.2).
fn leb128(mut value: usize, out: &mut Vec<u8>) {
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "what a test cannot go on without fails it")]
mod tests {
    use serde_json::json;

    use super::*;

    const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

    #[test]
    fn a_manifest_is_put_first_and_replaced() {
        let other = [EMPTY, b"\0\x05\x04name"].concat();
        let first = with_manifest("x", &other, &json!({"name": "a"})).unwrap();
        assert_eq!(manifest_json("x", &first).unwrap(), json!({"name": "a"}));
        // Of two bytes as LEB128.
        let long = json!({"name": "b".repeat(300)});
        let second = with_manifest("x", &first, &long).unwrap();
        assert_eq!(manifest_json("x", &second).unwrap(), long);
        assert_eq!(with_manifest("x", &second, &json!({"name": "a"})).unwrap(), first);
        assert!(second.ends_with(b"\0\x05\x04name"));
    }

    #[test]
    fn what_is_cut_short_is_refused() {
        let whole = with_manifest("x", EMPTY, &json!({"name": "a"})).unwrap();
        for length in [0, 4, 9, 10, whole.len() - 1] {
            assert!(
                with_manifest("x", &whole[..length], &json!({})).is_err(),
                "{length}"
            );
        }
        let endless = [EMPTY, &[0, 0xff, 0xff, 0xff, 0xff, 0xff]].concat();
        assert!(with_manifest("x", &endless, &json!({})).is_err());
    }
}
