//! Tokens of the API.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::plan::Digest;

/// What the holder of a token may do; each may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Looks.
    Viewer,
    /// Launches and stops runs, and reports what was done elsewhere.
    Operator,
    /// Everything.
    Admin,
}

impl Role {
    /// Every role, the least first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Admin];

    /// As the store and the API write it.
    pub fn text(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    /// The role that [`Role::text`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.text() == text)
    }
}

/// A token as the store knows it: its secret is nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRecord {
    /// The part of it that may be shown.
    pub id: String,
    /// What it is for, in the words of whoever made it.
    pub name: String,
    /// What its holder may do.
    pub role: Role,
    /// The digest of its secret part.
    pub digest: Digest,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// From when on it opens nothing; none for never.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was taken back.
    pub revoked_at: Option<DateTime<Utc>>,
    /// When it was last seen, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
}

impl TokenRecord {
    /// Whether it opens anything at an instant.
    pub fn valid_at(&self, at: DateTime<Utc>) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| at < end)
    }
}

/// Keeps the tokens of the API.
#[async_trait]
pub trait TokenStore: Send + Sync {
    /// Keeps a new one.
    async fn insert_token(&self, token: &TokenRecord) -> Result<()>;
    /// The token of an id.
    async fn token(&self, id: &str) -> Result<Option<TokenRecord>>;
    /// All of them, the oldest first.
    async fn tokens(&self) -> Result<Vec<TokenRecord>>;
    /// Takes one back: it opens nothing from then on. `false` where there is none of that id, or it was taken back before.
    async fn revoke_token(&self, id: &str, at: DateTime<Utc>) -> Result<bool>;
    /// It was seen.
    async fn use_token(&self, id: &str, at: DateTime<Utc>) -> Result<()>;
}
