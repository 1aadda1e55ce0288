//! A signed request, after Standard Webhooks (<https://www.standardwebhooks.com>).

use std::ops::RangeInclusive;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use tidegate_core::schema::WebhookDecl;
use tidegate_core::{Error, Kind, Result};
use uuid::Uuid;

use super::channel::{Sent, filled};
use super::message::Message;
use super::post::Target;
use crate::project::Project;

/// What a secret to sign with begins with.
const SECRET: &str = "whsec_";

/// How long a key is, in bytes, by Standard Webhooks. A shorter one could be guessed; an empty one would let anybody sign.
const KEY_BYTES: RangeInclusive<usize> = 24..=64;

pub(super) async fn send(
    project: &Project,
    decl: &WebhookDecl,
    name: &str,
    id: Uuid,
    message: &Message,
    now: DateTime<Utc>,
) -> Result<Sent> {
    let (decl, mut secrets) = filled(project, decl)?;
    let key = decl.sign_with.as_deref();
    // The key is secret without the word before it, too.
    secrets.extend(key.and_then(|key| key.strip_prefix(SECRET)).map(str::to_owned));
    let target = Target::new(name, &decl.url, secrets)?;
    let body = serde_json::to_value(message).unwrap_or_default();
    let body = target.hidden.redact_value(body).to_string();
    let mut grant = decl.grant();
    let timestamp = now.timestamp().to_string();
    if let Some(key) = key {
        let signature = sign(key, id, &timestamp, &body)
            .map_err(|why| Error::new(Kind::Schema, "notification.key", format!("{name}: {why}")))?;
        grant.headers.insert("webhook-signature".into(), signature);
    }
    grant.headers.insert("webhook-id".into(), id.to_string());
    grant.headers.insert("webhook-timestamp".into(), timestamp);
    target.post(project, name, &grant, body).await
}

/// The signature of id, time and body, as its header has it.
fn sign(key: &str, id: Uuid, timestamp: &str, body: &str) -> Result<String, &'static str> {
    let encoded = key
        .strip_prefix(SECRET)
        .ok_or("the secret of `sign_with` does not begin with `whsec_`")?;
    let key = STANDARD
        .decode(encoded)
        .map_err(|_| "what follows `whsec_` in the secret of `sign_with` is not base64")?;
    if !KEY_BYTES.contains(&key.len()) {
        return Err("the secret of `sign_with` has not 24 to 64 bytes in base64 behind `whsec_`");
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(&key)
        .map_err(|_| "the secret of `sign_with` cannot be signed with")?;
    mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    Ok(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_signs_only_where_it_is_one() {
        let id = Uuid::nil();
        let signed = sign("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", id, "1", "{}").unwrap();
        // Of the same by Python's hmac.
        assert_eq!(signed, "v1,08rqTzVwvXhau1ExsttaQ5YcKmItJQZVpUxx542c2no=");
        assert!(sign("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", id, "1", "{}").is_err());
        assert!(sign("whsec_?", id, "1", "{}").is_err());
        for (bytes, well) in [(0, false), (23, false), (24, true), (64, true), (65, false)] {
            let key = format!("whsec_{}", STANDARD.encode(vec![7; bytes]));
            assert_eq!(sign(&key, id, "1", "{}").is_ok(), well, "{bytes}");
        }
    }
}
