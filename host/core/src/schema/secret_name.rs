//! What stands behind `secret:` in a reference: where a secret is kept.

/// Where a secret is kept, as a reference names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretName<'a> {
    /// `NAME`: a variable of the environment.
    Variable(&'a str),
    /// `file:PATH`: a file.
    File(&'a str),
    /// `aws:NAME` or `aws:NAME#KEY`: AWS Secrets Manager. With a key, the secret is JSON, and one of its values is meant.
    Aws {
        /// Its name or ARN.
        name: &'a str,
        /// The key in its JSON.
        key: Option<&'a str>,
    },
    /// `vault:PATH#KEY`: a key of a secret in Vault's key-value store, version 2.
    Vault {
        /// Where it lies, the mount first.
        path: &'a str,
        /// Its key.
        key: &'a str,
    },
}

impl<'a> SecretName<'a> {
    /// Reads what stands behind `secret:`; why it cannot be read, where that is so.
    pub fn parse(text: &'a str) -> Result<Self, &'static str> {
        let Some((store, rest)) = text.split_once(':') else {
            return Ok(Self::Variable(text));
        };
        if text.chars().any(char::is_control) {
            return Err("it has a control character");
        }
        match store {
            "file" if rest.is_empty() => Err("`file:` is followed by a path"),
            "file" => Ok(Self::File(rest)),
            "aws" => match rest.split_once('#') {
                None if rest.is_empty() => Err("`aws:` is followed by the secret's name"),
                None => Ok(Self::Aws {
                    name: rest,
                    key: None,
                }),
                Some((name, key)) if !name.is_empty() && !key.is_empty() => {
                    Ok(Self::Aws { name, key: Some(key) })
                }
                Some(_) => Err("a name stands before `#`, and a key behind it"),
            },
            "vault" => match rest.split_once('#') {
                Some((path, key)) if !key.is_empty() => {
                    let segments: Vec<&str> = path.split('/').collect();
                    if segments.len() < 2 || segments.iter().any(|part| matches!(*part, "" | "." | "..")) {
                        return Err("a path of Vault is `MOUNT/PATH`, such as `secret/shop/db`");
                    }
                    Ok(Self::Vault { path, key })
                }
                _ => Err("a key follows Vault's path, such as `vault:secret/shop/db#password`"),
            },
            _ => Err("the stores are `file:`, `aws:` and `vault:`"),
        }
    }

    /// Whether a service has to be asked for it.
    pub fn is_remote(self) -> bool {
        matches!(self, Self::Aws { .. } | Self::Vault { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_store_is_named_and_what_is_wrong_is_told() {
        let aws = |name, key| Ok(SecretName::Aws { name, key });
        assert_eq!(SecretName::parse("X"), Ok(SecretName::Variable("X")));
        assert_eq!(
            SecretName::parse("file:/run/secrets/x"),
            Ok(SecretName::File("/run/secrets/x"))
        );
        assert_eq!(SecretName::parse("aws:shop/db"), aws("shop/db", None));
        let arn = "aws:arn:aws:secretsmanager:eu-west-1:1:secret:shop-Ab#user";
        assert_eq!(
            SecretName::parse(arn),
            aws("arn:aws:secretsmanager:eu-west-1:1:secret:shop-Ab", Some("user"))
        );
        let vault = SecretName::parse("vault:secret/shop/db#password").unwrap();
        assert_eq!(
            vault,
            SecretName::Vault {
                path: "secret/shop/db",
                key: "password"
            }
        );
        assert!(vault.is_remote() && !SecretName::Variable("X").is_remote());
        for bad in [
            "file:",
            "aws:",
            "aws:#key",
            "aws:name#",
            "vault:secret/x",
            "vault:secret#key",
            "vault:secret/../sys#key",
            "vault:secret//x#key",
            "vault:secret/x#",
            "gcp:x",
            "file:a\nb",
        ] {
            assert!(SecretName::parse(bad).is_err(), "{bad}");
        }
    }
}
