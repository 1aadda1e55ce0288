//! Tokens: `tdg_`, an id that may be shown, `_`, and a secret that is kept nowhere.

use chrono::{DateTime, Utc};
use rand::TryRngCore as _;
use rand::rngs::OsRng;
use subtle::ConstantTimeEq as _;
use tidegate_core::plan::Digest;
use tidegate_core::port::{Role, StateStore, TokenRecord};
use tidegate_core::{Error, Kind, Result};

/// What a token begins with, so that whoever finds one knows what it is.
const PREFIX: &str = "tdg_";

/// Bytes of an id, and of a secret: 256 bits cannot be guessed, so one round of SHA-256 is digest enough.
const ID_BYTES: usize = 8;
const SECRET_BYTES: usize = 32;

/// `last_used_at` is written once in so long, so that a token that is used all the time does not write all the time.
const SEEN_EVERY_S: i64 = 60;

/// A token that was just made: the only time that its text is there.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// What whoever holds it shows.
    pub text: String,
    /// What is kept of it.
    pub record: TokenRecord,
}

impl NewToken {
    /// A token with a secret of the system's own randomness.
    pub fn make(
        name: String,
        role: Role,
        now: DateTime<Utc>,
        expires_at: Option<DateTime<Utc>>,
    ) -> Result<Self> {
        let (id, secret) = (random::<ID_BYTES>()?, random::<SECRET_BYTES>()?);
        Ok(Self {
            text: format!("{PREFIX}{id}_{secret}"),
            record: TokenRecord {
                digest: Digest::of(secret.as_bytes()),
                id,
                name,
                role,
                created_at: now,
                expires_at,
                revoked_at: None,
                last_used_at: None,
            },
        })
    }
}

/// Random bytes, as hexadecimal digits.
fn random<const BYTES: usize>() -> Result<String> {
    let mut bytes = [0; BYTES];
    OsRng.try_fill_bytes(&mut bytes).map_err(|error| {
        let message = format!("the system gives no random bytes: {error}");
        Error::new(Kind::Internal, "api.random", message)
    })?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The token that a text is, where it opens anything now.
pub(super) async fn find(
    state: &dyn StateStore,
    text: &str,
    now: DateTime<Utc>,
) -> Result<Option<TokenRecord>> {
    let Some((id, secret)) = text.strip_prefix(PREFIX).and_then(|rest| rest.split_once('_')) else {
        return Ok(None);
    };
    // What cannot be an id asks the store nothing.
    if id.len() != 2 * ID_BYTES || secret.len() != 2 * SECRET_BYTES {
        return Ok(None);
    }
    let found = state.token(id).await?;
    let shown = Digest::of(secret.as_bytes());
    // Of an id that there is none of as much is done as of another.
    let kept = found.as_ref().map_or(&shown, |token| &token.digest);
    let same = bool::from(shown.hex().as_bytes().ct_eq(kept.hex().as_bytes()));
    let Some(token) = found.filter(|token| same && token.valid_at(now)) else {
        return Ok(None);
    };
    let seen = token.last_used_at;
    if seen.is_none_or(|seen| (now - seen).num_seconds() >= SEEN_EVERY_S) {
        state.use_token(&token.id, now).await?;
    }
    Ok(Some(token))
}
