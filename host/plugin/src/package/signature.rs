//! Signatures of minisign: who vouches for a component.

use minisign_verify::{Error as VerifyError, PublicKey, Signature};

use super::error::PackageError;

/// The keys whose signatures a project takes. Without any, signatures are not asked for.
#[derive(Clone, Default)]
pub struct TrustedKeys {
    keys: Vec<(String, PublicKey)>,
}

impl std::fmt::Debug for TrustedKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.keys.iter().map(|(text, _)| text))
            .finish()
    }
}

impl TrustedKeys {
    /// The keys of a project: each the line of a `minisign.pub` that begins with `RW`.
    pub fn new(keys: &[String]) -> Result<Self, PackageError> {
        let keys = keys
            .iter()
            .map(|text| match PublicKey::from_base64(text.trim()) {
                Ok(key) => Ok((text.trim().to_owned(), key)),
                Err(error) => Err(PackageError::Key(
                    text.chars().take(80).flat_map(char::escape_debug).collect(),
                    error.to_string(),
                )),
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { keys })
    }

    /// Whether signatures are asked for.
    pub fn required(&self) -> bool {
        !self.keys.is_empty()
    }

    /// The key that vouches for a component; none where no signature is asked for. `name` is for messages.
    pub fn verify(
        &self,
        name: &str,
        wasm: &[u8],
        signature: Option<&str>,
    ) -> Result<Option<String>, PackageError> {
        if !self.required() {
            return Ok(None);
        }
        let Some(text) = signature else {
            return Err(PackageError::Unsigned(name.into()));
        };
        let signature = decode(name, text)?;
        for (key, public) in &self.keys {
            // Only signatures of a file's hash: the old kind, of the file itself, has no use here.
            match public.verify(wasm, &signature, false) {
                Ok(()) => return Ok(Some(key.clone())),
                Err(VerifyError::UnexpectedKeyId) => {}
                Err(VerifyError::InvalidSignature) => {
                    return Err(bad(name, "it is of other bytes, or was changed"));
                }
                Err(error) => return Err(bad(name, &error.to_string())),
            }
        }
        Err(PackageError::UnknownKey(name.into()))
    }
}

/// Reads a signature, so that what is none is refused before it is published.
pub(crate) fn decode(name: &str, text: &str) -> Result<Signature, PackageError> {
    Signature::decode(text).map_err(|_| bad(name, "it is not a minisign signature"))
}

fn bad(name: &str, why: &str) -> PackageError {
    PackageError::BadSignature {
        name: name.into(),
        why: why.into(),
    }
}
