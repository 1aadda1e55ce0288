//! Where a state store is: the address in the configuration, taken apart.

use std::path::PathBuf;
use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;

use crate::error::StateError;

/// Where a state store is.
pub(crate) enum Address {
    /// A file.
    Sqlite(PathBuf),
    /// A database on a server.
    Postgres(Box<PgConnectOptions>),
}

impl Address {
    /// Reads `sqlite:PATH`, `postgres://…` or `postgresql://…`. What follows `sqlite:` (or `sqlite://`) is a path as it
    /// stands, with nothing escaped. No error shows the address, since it may hold a password.
    pub(crate) fn parse(text: &str) -> Result<Self, StateError> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            // SQLite itself would read the last two as something else than a path.
            if path.is_empty() || path.starts_with(':') || path.starts_with("file:") {
                return Err(StateError::Address(
                    "`sqlite:` wants the path of a file behind it".to_owned(),
                ));
            }
            return Ok(Self::Sqlite(path.into()));
        }
        let Some(rest) = text
            .strip_prefix("postgres://")
            .or_else(|| text.strip_prefix("postgresql://"))
        else {
            return Err(StateError::Address(
                "it starts with neither `sqlite:` nor `postgres://`".to_owned(),
            ));
        };
        // Without this, the part of a password behind a bare `/`, `?` or `#` would be taken for the database's name, and
        // be shown.
        let authority = rest.find(['/', '?', '#']).map_or(rest, |end| &rest[..end]);
        if rest.contains('@') && !authority.contains('@') {
            return Err(StateError::Address(
                "in the user name and password, `/`, `?`, `#` and `@` must be percent-encoded, as %2F, %3F, %23 and %40"
                    .to_owned(),
            ));
        }
        PgConnectOptions::from_str(text)
            .map(|options| Self::Postgres(Box::new(options)))
            .map_err(|_| StateError::Address("it is not a Postgres URL".to_owned()))
    }
}

/// The address as it can be shown: without the password.
impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(options) => write!(
                f,
                "postgres://{}@{}:{}/{}",
                options.get_username(),
                options.get_host(),
                options.get_port(),
                options.get_database().unwrap_or_default()
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Address;

    fn shown(text: &str) -> String {
        match Address::parse(text) {
            Ok(address) => address.to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_path_stands_as_it_is() {
        for path in ["state.db", "/var/lib/a b/100%?.db", "../ü.db"] {
            assert_eq!(shown(&format!("sqlite:{path}")), format!("sqlite:{path}"));
        }
        assert_eq!(shown("sqlite:///var/state.db"), "sqlite:/var/state.db");
    }

    #[test]
    fn a_password_is_never_shown() {
        for text in [
            "postgres://ann:s3cret@db:5433/tidegate",
            "postgresql://ann@db/tidegate?password=s3cret",
            "postgres://ann:12/s3cret@db/tidegate",
            "postgres://ann:12#s3cret@db/tidegate",
            "postgres://ann:x?s3cret@db/tidegate",
            "postgres://ann:s3cret@db:port/tidegate",
            "mysql://ann:s3cret@db/tidegate",
            "s3cret",
        ] {
            assert!(!shown(text).contains("s3cret"), "{text} gave {}", shown(text));
        }
        assert_eq!(
            shown("postgres://ann:s3cret@db:5433/tidegate"),
            "postgres://ann@db:5433/tidegate"
        );
    }

    #[test]
    fn what_is_no_file_is_refused() {
        for text in [
            "sqlite:",
            "sqlite://",
            "sqlite::memory:",
            "sqlite:file:x?mode=memory",
        ] {
            assert!(shown(text).contains("wants the path"), "{text}");
        }
    }
}
