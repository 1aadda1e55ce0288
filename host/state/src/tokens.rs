//! Tokens of the API, by the digest of their secrets.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tidegate_core::Result;
use tidegate_core::port::{Role, TokenRecord, TokenStore};

use crate::error::StateError;
use crate::materializations::digest;
use crate::pool::Pool;
use crate::store::SqlStateStore;
use crate::values::{from_text, instant};

#[async_trait]
impl TokenStore for SqlStateStore {
    async fn insert_token(&self, token: &TokenRecord) -> Result<()> {
        Ok(insert(&self.pool, token).await?)
    }

    async fn token(&self, id: &str) -> Result<Option<TokenRecord>> {
        Ok(one(&self.pool, id).await?)
    }

    async fn tokens(&self) -> Result<Vec<TokenRecord>> {
        Ok(list(&self.pool).await?)
    }

    async fn revoke_token(&self, id: &str, at: DateTime<Utc>) -> Result<bool> {
        Ok(revoke(&self.pool, id, at).await?)
    }

    async fn use_token(&self, id: &str, at: DateTime<Utc>) -> Result<()> {
        Ok(used(&self.pool, id, at).await?)
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    name: String,
    role: String,
    digest: String,
    created_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
    last_used_at: Option<DateTime<Utc>>,
}

impl TryFrom<Row> for TokenRecord {
    type Error = StateError;

    fn try_from(row: Row) -> Result<Self, StateError> {
        Ok(Self {
            id: row.id,
            name: row.name,
            role: from_text("role", &row.role, Role::parse)?,
            digest: digest(row.digest)?,
            created_at: row.created_at,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
            last_used_at: row.last_used_at,
        })
    }
}

async fn insert(pool: &Pool, token: &TokenRecord) -> Result<(), StateError> {
    on_pool!(pool, |db| {
        sqlx::query(
            "INSERT INTO tokens (id, name, role, digest, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(&token.id)
        .bind(&token.name)
        .bind(token.role.text())
        .bind(token.digest.to_string())
        .bind(instant(token.created_at))
        .bind(token.expires_at.map(instant))
        .execute(db)
        .await?;
    });
    Ok(())
}

async fn one(pool: &Pool, id: &str) -> Result<Option<TokenRecord>, StateError> {
    let row: Option<Row> = on_pool!(pool, |db| {
        sqlx::query_as(
            "SELECT id, name, role, digest, created_at, expires_at, revoked_at, last_used_at
             FROM tokens WHERE id = $1",
        )
        .bind(id)
        .fetch_optional(db)
        .await?
    });
    row.map(TokenRecord::try_from).transpose()
}

async fn list(pool: &Pool) -> Result<Vec<TokenRecord>, StateError> {
    let rows: Vec<Row> = on_pool!(pool, |db| {
        sqlx::query_as(
            "SELECT id, name, role, digest, created_at, expires_at, revoked_at, last_used_at
             FROM tokens ORDER BY created_at, id",
        )
        .fetch_all(db)
        .await?
    });
    rows.into_iter().map(TokenRecord::try_from).collect()
}

async fn revoke(pool: &Pool, id: &str, at: DateTime<Utc>) -> Result<bool, StateError> {
    let revoked = on_pool!(pool, |db| {
        sqlx::query("UPDATE tokens SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL")
            .bind(instant(at))
            .bind(id)
            .execute(db)
            .await?
            .rows_affected()
    });
    Ok(revoked == 1)
}

async fn used(pool: &Pool, id: &str, at: DateTime<Utc>) -> Result<(), StateError> {
    on_pool!(pool, |db| {
        sqlx::query("UPDATE tokens SET last_used_at = $1 WHERE id = $2")
            .bind(instant(at))
            .bind(id)
            .execute(db)
            .await?;
    });
    Ok(())
}
