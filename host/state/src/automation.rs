//! Automation: each evaluation one transaction under the leader's fence, with its runs and what conditions remember.

use std::collections::HashMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::QueryBuilder;
use sqlx::types::{Json, Uuid};
use tidegate_core::Result;
use tidegate_core::plan::{AssetName, KeptMemory, PartitionKey, RunId, Updated};
use tidegate_core::port::{
    AssetEvaluation, AutomationCursor, AutomationStore, BlockingResult, EVALUATIONS_KEPT, Leader,
    NewAssetEvaluation, NewEvaluation, ReadMemory, Ticked,
};

use crate::blocking;
use crate::error::StateError;
use crate::leader::unless_leads_return;
use crate::pool::Pool;
use crate::runs;
use crate::store::SqlStateStore;
use crate::values::{from_integer, from_json, from_text, instant, to_integer, to_json};

#[async_trait]
impl AutomationStore for SqlStateStore {
    async fn automation_cursor(&self) -> Result<AutomationCursor> {
        Ok(cursor(&self.pool).await?)
    }

    async fn automation_memories(&self) -> Result<Vec<ReadMemory>> {
        Ok(memories(&self.pool).await?)
    }

    async fn last_update(&self) -> Result<u64> {
        Ok(last_update(&self.pool).await?)
    }

    async fn updates(&self, after: u64, limit: u32) -> Result<Vec<(u64, Updated)>> {
        Ok(updates(&self.pool, after, limit).await?)
    }

    async fn assets_of_runs(&self, runs: &[RunId]) -> Result<HashMap<RunId, Vec<AssetName>>> {
        Ok(assets_of_runs(&self.pool, runs).await?)
    }

    async fn open_partitions(&self) -> Result<Vec<(AssetName, PartitionKey)>> {
        Ok(open_partitions(&self.pool).await?)
    }

    async fn last_check_number(&self) -> Result<u64> {
        Ok(blocking::last_number(&self.pool).await?)
    }

    async fn blocking_results(&self, after: u64, limit: u32) -> Result<Vec<(u64, BlockingResult)>> {
        Ok(blocking::behind(&self.pool, after, limit).await?)
    }

    async fn failed_blocking_results(&self) -> Result<Vec<BlockingResult>> {
        Ok(blocking::failed(&self.pool).await?)
    }

    async fn keep_evaluation(&self, leader: &Leader, evaluation: &NewEvaluation) -> Result<Ticked> {
        Ok(keep(&self.pool, leader, evaluation).await?)
    }

    async fn evaluations(&self, asset: &AssetName, limit: u32) -> Result<Vec<AssetEvaluation>> {
        Ok(list(&self.pool, asset, limit).await?)
    }
}

fn name(text: &str) -> Result<AssetName, StateError> {
    from_text("asset", text, |name| name.parse().ok())
}

#[derive(sqlx::FromRow)]
struct CursorRow {
    sequence: i64,
    evaluated_at: Option<DateTime<Utc>>,
    seen: Option<Json<Value>>,
}

async fn cursor(pool: &Pool) -> Result<AutomationCursor, StateError> {
    let row: Option<CursorRow> = on_pool!(pool, |db| {
        sqlx::query_as("SELECT sequence, evaluated_at, seen FROM automation WHERE one = 1")
            .fetch_optional(db)
            .await?
    });
    let Some(CursorRow {
        sequence,
        evaluated_at,
        seen,
    }) = row
    else {
        return Ok(AutomationCursor::default());
    };
    let seen = seen
        .map(|seen| from_json("what automation has seen", seen))
        .transpose()?;
    Ok(AutomationCursor {
        sequence,
        evaluated_at,
        seen,
    })
}

async fn memories(pool: &Pool) -> Result<Vec<ReadMemory>, StateError> {
    let rows: Vec<(String, Json<Value>)> = on_pool!(pool, |db| {
        sqlx::query_as("SELECT asset, body FROM automation_memory ORDER BY asset")
            .fetch_all(db)
            .await?
    });
    rows.into_iter()
        .map(|(asset, body)| {
            let memory: Result<KeptMemory, StateError> = from_json("what a condition remembers", body);
            Ok((name(&asset)?, memory.map_err(Into::into)))
        })
        .collect()
}

async fn last_update(pool: &Pool) -> Result<u64, StateError> {
    let last: Option<i64> = on_pool!(pool, |db| {
        sqlx::query_scalar("SELECT MAX(sequence) FROM materializations")
            .fetch_one(db)
            .await?
    });
    from_integer("a materialization's number", last.unwrap_or_default())
}

async fn updates(pool: &Pool, after: u64, limit: u32) -> Result<Vec<(u64, Updated)>, StateError> {
    let after = to_integer("a materialization's number", after)?;
    let rows: Vec<(i64, Uuid, String, String, DateTime<Utc>)> = on_pool!(pool, |db| {
        sqlx::query_as(
            "SELECT sequence, run, asset, partition_key, at FROM materializations
             WHERE sequence > $1 ORDER BY sequence LIMIT $2",
        )
        .bind(after)
        .bind(i64::from(limit))
        .fetch_all(db)
        .await?
    });
    rows.into_iter()
        .map(|(sequence, run, asset, partition, at)| {
            let updated = Updated {
                asset: name(&asset)?,
                partition: PartitionKey(partition),
                run: RunId(run),
                at,
            };
            Ok((from_integer("a materialization's number", sequence)?, updated))
        })
        .collect()
}

async fn assets_of_runs(pool: &Pool, runs: &[RunId]) -> Result<HashMap<RunId, Vec<AssetName>>, StateError> {
    let mut found: HashMap<RunId, Vec<AssetName>> = HashMap::new();
    for some in runs.chunks(runs::ROWS_PER_INSERT) {
        let rows: Vec<(Uuid, String)> = on_pool!(pool, |db| {
            let mut query = QueryBuilder::new(
                // Steps of jobs have names of their own.
                "SELECT DISTINCT run, asset FROM run_partitions WHERE partition_key NOT LIKE 'step:%' AND run IN (",
            );
            let mut ids = query.separated(", ");
            for run in some {
                ids.push_bind(run.0);
            }
            query.push(")");
            query.build_query_as().fetch_all(db).await?
        });
        for (run, asset) in rows {
            found.entry(RunId(run)).or_default().push(name(&asset)?);
        }
    }
    Ok(found)
}

async fn open_partitions(pool: &Pool) -> Result<Vec<(AssetName, PartitionKey)>, StateError> {
    let rows: Vec<(String, String)> = on_pool!(pool, |db| {
        sqlx::query_as(
            "SELECT p.asset, p.partition_key FROM runs r JOIN run_partitions p ON p.run = r.id
             WHERE r.state IN ('queued', 'starting', 'running', 'cancelling')
               AND p.state IN ('pending', 'running', 'failed')
               AND p.partition_key NOT LIKE 'step:%'",
        )
        .fetch_all(db)
        .await?
    });
    rows.into_iter()
        .map(|(asset, partition)| Ok((name(&asset)?, PartitionKey(partition))))
        .collect()
}

/// An asset's evaluation, with its documents as columns.
struct Columns<'a> {
    of: &'a NewAssetEvaluation,
    requested: i64,
    runs: Json<Value>,
    tree: Option<Json<Value>>,
    error: Option<Json<Value>>,
}

impl<'a> Columns<'a> {
    fn new(of: &'a NewAssetEvaluation) -> Result<Self, StateError> {
        let tree = of.explained.as_ref().map(|tree| to_json("an explanation", tree));
        let error = of
            .error
            .as_ref()
            .map(|error| to_json("an evaluation's error", error));
        Ok(Self {
            of,
            requested: to_integer("how many are asked for", of.requested)?,
            runs: to_json("an evaluation's runs", &of.runs)?,
            tree: tree.transpose()?,
            error: error.transpose()?,
        })
    }
}

async fn keep(pool: &Pool, leader: &Leader, new: &NewEvaluation) -> Result<Ticked, StateError> {
    let columns = new
        .runs
        .iter()
        .map(runs::Columns::of)
        .collect::<Result<Vec<_>, _>>()?;
    let assets = new
        .assets
        .iter()
        .map(Columns::new)
        .collect::<Result<Vec<_>, _>>()?;
    let seen = to_json("what automation has seen", &new.seen)?;
    let memories = new.memories.iter().map(|(asset, memory)| {
        let body = memory
            .as_ref()
            .map(|memory| to_json("what a condition remembers", memory));
        Ok((asset, body.transpose()?))
    });
    let memories = memories.collect::<Result<Vec<_>, StateError>>()?;
    let sequence = new.seen_sequence + 1;
    let at = instant(new.at);
    let launched = in_transaction!(pool, |tx, dialect| {
        unless_leads_return!(tx, dialect, leader, Ticked::NotLeading);
        let statement = if new.seen_sequence == 0 {
            "INSERT INTO automation (one, sequence, evaluated_at, seen) VALUES (1, $1, $2, $3) ON CONFLICT DO NOTHING"
        } else {
            "UPDATE automation SET sequence = $1, evaluated_at = $2, seen = $3 WHERE one = 1 AND sequence = $1 - 1"
        };
        let moved = sqlx::query(statement)
            .bind(sequence)
            .bind(at)
            .bind(&seen)
            .execute(&mut *tx)
            .await?
            .rows_affected();
        if moved == 0 {
            return Ok(Ticked::Stale);
        }
        for (asset, body) in &memories {
            match body {
                Some(body) => {
                    sqlx::query(
                        "INSERT INTO automation_memory (asset, body) VALUES ($1, $2)
                         ON CONFLICT (asset) DO UPDATE SET body = $2",
                    )
                    .bind(asset.as_str())
                    .bind(body)
                    .execute(&mut *tx)
                    .await?;
                }
                None => {
                    sqlx::query("DELETE FROM automation_memory WHERE asset = $1")
                        .bind(asset.as_str())
                        .execute(&mut *tx)
                        .await?;
                }
            }
        }
        let mut launched = Vec::new();
        for columns in &columns {
            let inserted = runs::insert!(tx, columns);
            launched.push((columns.run.id, inserted));
        }
        for columns in &assets {
            sqlx::query(
                "INSERT INTO automation_evaluations (asset, sequence, at, requested, runs, tree, error)
                 VALUES ($1, $2, $3, $4, $5, $6, $7)",
            )
            .bind(columns.of.asset.as_str())
            .bind(sequence)
            .bind(at)
            .bind(columns.requested)
            .bind(&columns.runs)
            .bind(&columns.tree)
            .bind(&columns.error)
            .execute(&mut *tx)
            .await?;
            sqlx::query(
                "DELETE FROM automation_evaluations WHERE asset = $1 AND sequence <= (
                     SELECT sequence FROM automation_evaluations WHERE asset = $1
                     ORDER BY sequence DESC LIMIT 1 OFFSET $2)",
            )
            .bind(columns.of.asset.as_str())
            .bind(EVALUATIONS_KEPT)
            .execute(&mut *tx)
            .await?;
        }
        launched
    });
    Ok(Ticked::Kept(launched))
}

#[derive(sqlx::FromRow)]
struct Row {
    sequence: i64,
    at: DateTime<Utc>,
    requested: i64,
    runs: Json<Value>,
    tree: Option<Json<Value>>,
    error: Option<Json<Value>>,
}

async fn list(pool: &Pool, asset: &AssetName, limit: u32) -> Result<Vec<AssetEvaluation>, StateError> {
    let rows: Vec<Row> = on_pool!(pool, |db| {
        sqlx::query_as(
            "SELECT sequence, at, requested, runs, tree, error FROM automation_evaluations
             WHERE asset = $1 ORDER BY sequence DESC LIMIT $2",
        )
        .bind(asset.as_str())
        .bind(i64::from(limit))
        .fetch_all(db)
        .await?
    });
    rows.into_iter()
        .map(|row| {
            let explained = row.tree.map(|tree| from_json("an explanation", tree));
            let error = row.error.map(|error| from_json("an evaluation's error", error));
            Ok(AssetEvaluation {
                sequence: row.sequence,
                at: row.at,
                requested: from_integer("how many are asked for", row.requested)?,
                runs: from_json("an evaluation's runs", row.runs)?,
                explained: explained.transpose()?,
                error: error.transpose()?,
            })
        })
        .collect()
}
