//! How the slices of an asset stand, as ranges: which rows change when one slice moves.

use tidegate_core::plan::{AssetName, Digest, PartitionKey, PartitionRange, RangeState};
use tidegate_core::port::PartitionPlace;

use crate::error::StateError;
use crate::pool::Pool;
use crate::values::from_text;

/// A range as the table has it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Row {
    pub(crate) first_key: String,
    pub(crate) last_key: String,
    pub(crate) state: String,
}

/// What becomes of the rows.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    /// The first keys of ranges that go.
    pub(crate) gone: Vec<String>,
    /// Ranges that come.
    pub(crate) new: Vec<Row>,
}

/// The rows that change when a slice comes to stand so, or is forgotten. `before` are the two ranges that begin at or
/// before it, nearest first; `behind` is the range that begins at the next key.
///
/// What lies in a range beside the slice stays in it only as far as there are neighbours that lie there too: what is no
/// slice of the asset any more is dropped.
pub(crate) fn changes(
    mut before: Vec<Row>,
    behind: Option<Row>,
    key: &str,
    previous: Option<&str>,
    next: Option<&str>,
    state: Option<&str>,
) -> Changes {
    let mut changes = Changes::default();
    let around = before.first().is_some_and(|row| row.last_key.as_str() >= key);
    let around = around.then(|| before.remove(0));
    let (mut first, mut last) = (key.to_owned(), key.to_owned());
    let mut left = before.into_iter().next();
    let mut right = behind;
    if let Some(row) = around {
        if Some(row.state.as_str()) == state {
            return changes;
        }
        if let Some(previous) = previous.filter(|previous| *previous >= row.first_key.as_str()) {
            changes.new.push(Row {
                last_key: previous.to_owned(),
                ..row.clone()
            });
            left = None;
        }
        if let Some(next) = next.filter(|next| *next <= row.last_key.as_str()) {
            changes.new.push(Row {
                first_key: next.to_owned(),
                ..row.clone()
            });
            right = None;
        }
        changes.gone.push(row.first_key);
    }
    let Some(state) = state else { return changes };
    if let Some(row) = left.filter(|row| row.state == state && Some(row.last_key.as_str()) == previous) {
        first.clone_from(&row.first_key);
        changes.gone.push(row.first_key);
    }
    if let Some(row) = right.filter(|row| row.state == state) {
        last = row.last_key;
        changes.gone.push(row.first_key);
    }
    changes.new.push(Row {
        first_key: first,
        last_key: last,
        state: state.to_owned(),
    });
    changes
}

/// Makes the cut the asset's, and takes the ranges of another away.
macro_rules! adopt {
    ($tx:ident, $asset:expr, $cut:expr) => {
        let current: Option<String> = sqlx::query_scalar("SELECT cut FROM partition_cuts WHERE asset = $1")
            .bind($asset)
            .fetch_optional(&mut *$tx)
            .await?;
        if current.as_deref() != Some($cut) {
            sqlx::query(
                "INSERT INTO partition_cuts (asset, cut) VALUES ($1, $2) ON CONFLICT (asset) DO UPDATE SET cut = $2",
            )
            .bind($asset)
            .bind($cut)
            .execute(&mut *$tx)
            .await?;
            sqlx::query("DELETE FROM partition_ranges WHERE asset = $1 AND cut <> $2")
                .bind($asset)
                .bind($cut)
                .execute(&mut *$tx)
                .await?;
        }
    };
}
pub(crate) use adopt;

/// Moves a slice to a state (an `Option` of [`RangeState`]'s text), where the cut is still the asset's.
macro_rules! move_slice {
    ($tx:ident, $dialect:ident, $asset:expr, $key:expr, $cut:expr, $previous:expr, $next:expr, $state:expr) => {
        let current: Option<String> = sqlx::query_scalar($dialect::LOCK_RANGES)
            .bind($asset)
            .fetch_optional(&mut *$tx)
            .await?;
        if current.as_deref() == Some($cut) {
            let before: Vec<crate::ranges::Row> = sqlx::query_as(
                "SELECT first_key, last_key, state FROM partition_ranges
                 WHERE asset = $1 AND cut = $2 AND first_key <= $3 ORDER BY first_key DESC LIMIT 2",
            )
            .bind($asset)
            .bind($cut)
            .bind($key)
            .fetch_all(&mut *$tx)
            .await?;
            let behind: Option<crate::ranges::Row> = sqlx::query_as(
                "SELECT first_key, last_key, state FROM partition_ranges
                 WHERE asset = $1 AND cut = $2 AND first_key = $3",
            )
            .bind($asset)
            .bind($cut)
            .bind($next)
            .fetch_optional(&mut *$tx)
            .await?;
            let changes = crate::ranges::changes(before, behind, $key, $previous, $next, $state);
            for first in &changes.gone {
                sqlx::query("DELETE FROM partition_ranges WHERE asset = $1 AND cut = $2 AND first_key = $3")
                    .bind($asset)
                    .bind($cut)
                    .bind(first.as_str())
                    .execute(&mut *$tx)
                    .await?;
            }
            for row in &changes.new {
                sqlx::query(
                    "INSERT INTO partition_ranges (asset, cut, first_key, last_key, state)
                     VALUES ($1, $2, $3, $4, $5)",
                )
                .bind($asset)
                .bind($cut)
                .bind(row.first_key.as_str())
                .bind(row.last_key.as_str())
                .bind(row.state.as_str())
                .execute(&mut *$tx)
                .await?;
            }
        }
    };
}
pub(crate) use move_slice;

/// Moves the slice of an attempt that ends, where it was claimed with its place.
macro_rules! mark {
    ($tx:ident, $dialect:ident, $attempt:expr, $state:expr) => {
        let attempt: &tidegate_core::port::AttemptKey = $attempt;
        let place: Option<(Option<String>, Option<String>, Option<String>)> = sqlx::query_as(
            "SELECT cut, previous_key, next_key FROM attempts
             WHERE run = $1 AND asset = $2 AND partition_key = $3 AND attempt = $4",
        )
        .bind(attempt.run.0)
        .bind(attempt.asset.as_str())
        .bind(attempt.partition.0.as_str())
        .bind(i64::from(attempt.attempt))
        .fetch_optional(&mut *$tx)
        .await?;
        if let Some((Some(cut), previous, next)) = place {
            crate::ranges::move_slice!(
                $tx,
                $dialect,
                attempt.asset.as_str(),
                attempt.partition.0.as_str(),
                cut.as_str(),
                previous.as_deref(),
                next.as_deref(),
                Some($state.text())
            );
        }
    };
}
pub(crate) use mark;

pub(crate) async fn list(
    pool: &Pool,
    asset: &AssetName,
    cut: &Digest,
) -> Result<Vec<PartitionRange>, StateError> {
    let cut = cut.to_string();
    let rows: Vec<Row> = on_pool!(pool, |db| {
        sqlx::query_as(
            "SELECT first_key, last_key, state FROM partition_ranges WHERE asset = $1 AND cut = $2 ORDER BY first_key",
        )
        .bind(asset.as_str())
        .bind(cut.as_str())
        .fetch_all(db)
        .await?
    });
    rows.into_iter()
        .map(|row| {
            Ok(PartitionRange {
                state: from_text("state of partitions", &row.state, RangeState::parse)?,
                first: PartitionKey(row.first_key),
                last: PartitionKey(row.last_key),
            })
        })
        .collect()
}

pub(crate) async fn set(
    pool: &Pool,
    asset: &AssetName,
    partition: &PartitionKey,
    place: &PartitionPlace,
    state: Option<RangeState>,
) -> Result<(), StateError> {
    let (asset, key, cut) = (asset.as_str(), partition.0.as_str(), place.cut.to_string());
    let previous = place.previous.as_ref().map(|key| key.0.as_str());
    let next = place.next.as_ref().map(|key| key.0.as_str());
    let state = state.map(RangeState::text);
    in_transaction!(pool, |tx, dialect| {
        adopt!(tx, asset, cut.as_str());
        move_slice!(tx, dialect, asset, key, cut.as_str(), previous, next, state);
    });
    Ok(())
}

/// The cut stays, so that what is under way still leaves its mark.
pub(crate) async fn clear(pool: &Pool, asset: &AssetName) -> Result<(), StateError> {
    in_transaction!(pool, |tx, dialect| {
        sqlx::query(dialect::LOCK_RANGES)
            .bind(asset.as_str())
            .execute(&mut *tx)
            .await?;
        sqlx::query("DELETE FROM partition_ranges WHERE asset = $1")
            .bind(asset.as_str())
            .execute(&mut *tx)
            .await?;
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// What the table would hold, by first key.
    #[derive(Default)]
    struct Ranges(BTreeMap<String, Row>);

    impl Ranges {
        fn set(&mut self, number: usize, keys: usize, state: Option<&str>) {
            let key = key(number);
            let previous = number.checked_sub(1).map(super::tests::key);
            let next = Some(number + 1)
                .filter(|next| *next < keys)
                .map(super::tests::key);
            let before = self.0.range(..=key.clone()).rev().take(2);
            let before: Vec<Row> = before.map(|(_, row)| row.clone()).collect();
            let behind = next.as_ref().and_then(|next| self.0.get(next).cloned());
            let changes = changes(before, behind, &key, previous.as_deref(), next.as_deref(), state);
            for first in changes.gone {
                assert!(self.0.remove(&first).is_some());
            }
            for row in changes.new {
                assert_eq!(self.0.insert(row.first_key.clone(), row), None);
            }
        }
    }

    fn key(number: usize) -> String {
        format!("{number:05}")
    }

    /// The fewest ranges that say the same.
    fn ranges_of(states: &[Option<&'static str>]) -> Vec<Row> {
        let mut rows: Vec<Row> = Vec::new();
        let mut before = None;
        for (number, state) in states.iter().enumerate() {
            if let Some(state) = state {
                match rows.last_mut() {
                    Some(row) if before == Some(*state) => row.last_key = key(number),
                    _ => rows.push(Row {
                        first_key: key(number),
                        last_key: key(number),
                        state: (*state).to_owned(),
                    }),
                }
            }
            before = *state;
        }
        rows
    }

    #[test]
    fn any_order_of_moves_ends_in_the_fewest_ranges() {
        const KEYS: usize = 10_000;
        let mut states = vec![None; KEYS];
        let mut ranges = Ranges::default();
        // A fixed sequence of Lehmer's generator: a failure is one again.
        let mut seed: u64 = 42;
        let mut random = |below: usize| {
            seed = seed * 48_271 % 2_147_483_647;
            seed as usize % below
        };
        for step in 0..60_000 {
            // Half of the moves in a corner, where ranges meet.
            let number = random(if step % 2 == 0 { 60 } else { KEYS });
            let state = [Some("materialized"), Some("materialized"), Some("failed"), None][random(4)];
            states[number] = state;
            ranges.set(number, KEYS, state);
            if step % 5_000 == 0 {
                let found: Vec<Row> = ranges.0.values().cloned().collect();
                assert_eq!(found, ranges_of(&states));
            }
        }
        let found: Vec<Row> = ranges.0.values().cloned().collect();
        assert_eq!(found, ranges_of(&states));
        for (number, state) in states.iter_mut().enumerate() {
            *state = Some("materialized");
            ranges.set(number, KEYS, *state);
        }
        assert_eq!(ranges.0.len(), 1);
    }

    #[test]
    fn what_is_no_slice_any_more_is_dropped_from_a_range() {
        let row = |first: &str, last: &str, state: &str| Row {
            first_key: first.to_owned(),
            last_key: last.to_owned(),
            state: state.to_owned(),
        };
        // The slices begin later now, at c.
        let found = changes(
            vec![row("a", "e", "materialized")],
            None,
            "c",
            None,
            Some("d"),
            Some("failed"),
        );
        assert_eq!(found.gone, ["a"]);
        assert_eq!(
            found.new,
            [row("d", "e", "materialized"), row("c", "c", "failed")]
        );
    }
}
