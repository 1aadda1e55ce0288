//! What becomes of one value.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use tidegate_sdk::prelude::*;

use crate::{Column, Method};

/// The fewest bytes of a key: 112 bits, the least that NIST SP 800-131A rev. 2 (section 10) allows for HMAC.
const KEY_MIN_BYTES: usize = 14;

/// The most characters that `keep_last` may leave; more of a value is no mask.
const KEEP_MAX: u32 = 64;

/// The hexadecimal digits of a SHA-256.
const HEX_BYTES: usize = 64;

/// A method, ready to write.
pub(crate) enum Write {
    Hmac(Box<Hmac<Sha256>>),
    Sha(Box<Sha256>),
    KeepLast { keep: usize, mask: String },
    KeepDomain,
    Redact(String),
}

/// Why a method cannot take a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadValue {
    /// No e-mail address.
    Email,
}

impl BadValue {
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Email => "hash.email",
        }
    }

    pub(crate) fn message(self) -> &'static str {
        match self {
            Self::Email => {
                "the value is not an e-mail address: it has no `@` with something before and behind it"
            }
        }
    }
}

impl Write {
    /// `at` makes the JSON pointer of a key of the column's config.
    pub(crate) fn new(
        column: &Column,
        salt: Option<&str>,
        at: impl Fn(&str) -> String,
    ) -> Result<Self, Fault> {
        if column.keep.is_some() && column.method != Method::KeepLast {
            return Err(Fault::config(
                at("keep"),
                "`keep` is for the method `keep_last` alone",
            ));
        }
        let masks = matches!(column.method, Method::KeepLast | Method::Redact);
        if column.replacement.is_some() && !masks {
            let message = "`replacement` is for the methods `keep_last` and `redact` alone";
            return Err(Fault::config(at("replacement"), message));
        }
        let replacement = |default: &str| column.replacement.clone().unwrap_or_else(|| default.into());
        match column.method {
            Method::HmacSha256 => {
                let salt = salt.unwrap_or_default().as_bytes();
                if salt.len() < KEY_MIN_BYTES {
                    let message = format!(
                        "`hmac_sha256` needs a salt of at least {KEY_MIN_BYTES} bytes, and this one has {}",
                        salt.len()
                    );
                    return Err(Fault::config("/salt", message));
                }
                let keyed =
                    Hmac::new_from_slice(salt).map_err(|error| Fault::config("/salt", error.to_string()))?;
                Ok(Self::Hmac(Box::new(keyed)))
            }
            Method::Sha256 => Ok(Self::Sha(Box::new(
                Sha256::new().chain_update(salt.unwrap_or_default()),
            ))),
            Method::KeepLast => match column.keep {
                Some(keep @ 1..=KEEP_MAX) => Ok(Self::KeepLast {
                    keep: keep as usize,
                    mask: replacement("*"),
                }),
                Some(keep) => {
                    let message = format!("`keep` must be 1 to {KEEP_MAX}, and is {keep}");
                    Err(Fault::config(at("keep"), message))
                }
                None => Err(Fault::config(
                    at("keep"),
                    "`keep_last` needs `keep`, a number of characters",
                )),
            },
            Method::KeepDomain => Ok(Self::KeepDomain),
            Method::Redact => Ok(Self::Redact(replacement("[redacted]"))),
        }
    }

    /// About how many bytes a column comes to.
    pub(crate) fn expected_bytes(&self, values: &StringArray) -> usize {
        match self {
            Self::Hmac(_) | Self::Sha(_) => HEX_BYTES * values.len(),
            Self::KeepLast { .. } | Self::KeepDomain => values.value_data().len(),
            Self::Redact(text) => text.len() * values.len(),
        }
    }

    /// Writes what becomes of a value behind `bytes`.
    pub(crate) fn append(&self, text: &str, bytes: &mut Vec<u8>) -> Result<(), BadValue> {
        match self {
            Self::Hmac(keyed) => {
                let mut keyed = Hmac::clone(keyed);
                keyed.update(text.as_bytes());
                append_hex(&keyed.finalize().into_bytes().into(), bytes);
            }
            Self::Sha(salted) => {
                let digest = Sha256::clone(salted).chain_update(text).finalize();
                append_hex(&digest.into(), bytes);
            }
            Self::KeepLast { keep, mask } => append_last(text, *keep, mask, bytes),
            Self::KeepDomain => bytes.extend_from_slice(domain(text).ok_or(BadValue::Email)?.as_bytes()),
            Self::Redact(replacement) => bytes.extend_from_slice(replacement.as_bytes()),
        }
        Ok(())
    }
}

fn append_hex(digest: &[u8; HEX_BYTES / 2], bytes: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut hex = [0; HEX_BYTES];
    for (pair, byte) in hex.as_chunks_mut::<2>().0.iter_mut().zip(digest) {
        *pair = [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
    }
    bytes.extend_from_slice(&hex);
}

/// A value of no more than `keep` characters is masked whole, or it would go on as it is.
fn append_last(text: &str, keep: usize, mask: &str, bytes: &mut Vec<u8>) {
    let characters = text.chars().count();
    let masked = if characters > keep {
        characters - keep
    } else {
        characters
    };
    for _ in 0..masked {
        bytes.extend_from_slice(mask.as_bytes());
    }
    let kept = text.char_indices().nth(masked).map_or(text.len(), |(at, _)| at);
    bytes.extend_from_slice(&text.as_bytes()[kept..]);
}

/// What stands behind the last `@`; an `@` before it can only stand in a quoted local part (RFC 5321, 4.1.2).
fn domain(text: &str) -> Option<&str> {
    let (local, domain) = text.rsplit_once('@')?;
    let good = !local.is_empty() && !domain.is_empty() && !domain.contains(char::is_whitespace);
    good.then_some(domain)
}
