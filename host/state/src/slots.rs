//! What attempts under way use of what is limited.

/// The attempts under way that use a pool: each for as long as its lease runs, so one whose worker is gone frees it.
pub(crate) const USED: &str = "SELECT COUNT(*) FROM slots s
     JOIN attempts a ON a.run = s.run AND a.asset = s.asset AND a.partition_key = s.partition_key
                    AND a.attempt = s.attempt
     WHERE s.pool = $1 AND a.state = 'running' AND a.lease_until > $2";

/// The first pool of a claim that is full, if one is. Claims that name a pool come one after the other: whoever counts
/// holds the pool's lock until its own attempt counts too. Pools are locked in the order of their names.
macro_rules! first_full {
    ($tx:ident, $dialect:ident, $claiming:expr) => {{
        let claiming: &tidegate_core::port::Claiming<'_> = $claiming;
        let mut pools: Vec<&tidegate_core::port::PoolLimit> = claiming.pools.iter().collect();
        pools.sort_by(|a, b| a.pool.cmp(&b.pool));
        let mut full = None;
        for limit in pools {
            $dialect::lock_pool!($tx, &limit.pool);
            let used: i64 = sqlx::query_scalar(crate::slots::USED)
                .bind(limit.pool.as_str())
                .bind(crate::values::instant(claiming.at))
                .fetch_one(&mut *$tx)
                .await?;
            if used >= i64::from(limit.limit) {
                full = Some(limit.pool.clone());
                break;
            }
        }
        full
    }};
}
pub(crate) use first_full;

/// Gives an attempt a slot of each of its pools.
macro_rules! occupy {
    ($tx:ident, $claiming:expr, $attempt:expr) => {
        for limit in $claiming.pools {
            sqlx::query(
                "INSERT INTO slots (pool, run, asset, partition_key, attempt) VALUES ($1, $2, $3, $4, $5)",
            )
            .bind(limit.pool.as_str())
            .bind($claiming.run.0)
            .bind($claiming.asset.as_str())
            .bind($claiming.partition.0.as_str())
            .bind($attempt)
            .execute(&mut *$tx)
            .await?;
        }
    };
}
pub(crate) use occupy;

/// Takes an attempt's slots away.
macro_rules! release {
    ($tx:ident, $attempt:expr) => {
        sqlx::query(
            "DELETE FROM slots WHERE run = $1 AND asset = $2 AND partition_key = $3 AND attempt = $4",
        )
        .bind($attempt.run.0)
        .bind($attempt.asset.as_str())
        .bind($attempt.partition.0.as_str())
        .bind(i64::from($attempt.attempt))
        .execute(&mut *$tx)
        .await?;
    };
}
pub(crate) use release;
