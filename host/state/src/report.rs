//! What is told of an asset from outside: kept as a run that has ended, with its event.

use serde_json::{Value, json};
use sqlx::types::{Json, Uuid};
use tidegate_core::plan::{Epoch, RangeState, RunId, WorkerId};
use tidegate_core::port::{
    AttemptKey, Event, EventKind, Inserted, Kept, LoadReceipt, Materialization, Outcome, Report, Reported,
    RunEnd, RunState, TaskCounts, Watermark,
};

use crate::error::StateError;
use crate::pool::Pool;
use crate::ranges::adopt;
use crate::values::instant;
use crate::{events, materializations, outcomes, runs};

/// A run that was carried out elsewhere has ended when it becomes known.
const END: &str = "UPDATE runs SET state = 'succeeded', started_at = $1, finished_at = $1 WHERE id = $2";

/// The attempt under way at a slice, for as long as its lease lasts: another one is lost, and refused by its epoch.
const UNDER_WAY: &str = "SELECT run, worker FROM attempts
     WHERE asset = $1 AND partition_key = $2 AND state = 'running' AND lease_until > $3";

/// Where the next run reads on: what is told from outside does not change it.
const WATERMARK: &str = "SELECT watermark FROM materializations
     WHERE asset = $1 AND partition_key = $2 ORDER BY epoch DESC LIMIT 1";

pub(crate) async fn keep(pool: &Pool, told: &Report) -> Result<Kept<RunId>, StateError> {
    let columns = runs::Columns::of(&told.run)?;
    let event = event(told);
    let (asset, key, at) = (
        told.asset.as_str(),
        told.partition.0.as_str(),
        instant(told.run.at),
    );
    in_transaction!(pool, |tx, dialect| {
        if let Inserted::Known(known) = runs::insert!(tx, &columns) {
            return Ok(Kept::Done(known));
        }
        sqlx::query(END)
            .bind(at)
            .bind(told.run.id.0)
            .execute(&mut *tx)
            .await?;
        if let Reported::Materialization { rows, bytes } = told.what {
            sqlx::query(
                "INSERT INTO fences (asset, partition_key, epoch) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            )
            .bind(asset)
            .bind(key)
            .bind(told.run.at.timestamp())
            .execute(&mut *tx)
            .await?;
            sqlx::query(dialect::LOCK_FENCE)
                .bind(asset)
                .bind(key)
                .execute(&mut *tx)
                .await?;
            let held: Option<(Uuid, String)> = sqlx::query_as(UNDER_WAY)
                .bind(asset)
                .bind(key)
                .bind(at)
                .fetch_optional(&mut *tx)
                .await?;
            if let Some((run, worker)) = held {
                return Ok(Kept::Held {
                    partition: told.partition.clone(),
                    run: RunId(run),
                    worker: WorkerId(worker),
                });
            }
            let epoch: i64 = sqlx::query_scalar(
                "UPDATE fences SET epoch = epoch + 1 WHERE asset = $1 AND partition_key = $2 RETURNING epoch",
            )
            .bind(asset)
            .bind(key)
            .fetch_one(&mut *tx)
            .await?;
            let watermark: Option<Option<Json<Value>>> = sqlx::query_scalar(WATERMARK)
                .bind(asset)
                .bind(key)
                .fetch_optional(&mut *tx)
                .await?;
            let watermark = watermark.flatten().map(|watermark| Watermark(watermark.0));
            let attempt = attempt(told, Epoch(epoch));
            let loaded = materialization(told, Epoch(epoch), rows, bytes, watermark);
            let loaded = materializations::Columns::of(&loaded)?;
            materializations::insert!(tx, attempt, &loaded);
            let end = RunEnd {
                run: told.run.id,
                state: RunState::Succeeded,
                error: None,
                at: told.run.at,
            };
            outcomes::insert!(tx, &Outcome::Run(end), told.run.at);
            sqlx::query("UPDATE run_partitions SET state = 'succeeded' WHERE run = $1")
                .bind(told.run.id.0)
                .execute(&mut *tx)
                .await?;
            if let Some(place) = &told.place {
                let cut = place.cut.to_string();
                let previous = place.previous.as_ref().map(|key| key.0.as_str());
                let next = place.next.as_ref().map(|key| key.0.as_str());
                adopt!(tx, asset, cut.as_str());
                let state = Some(RangeState::Materialized.text());
                crate::ranges::move_slice!(tx, dialect, asset, key, cut.as_str(), previous, next, state);
            }
        }
        events::insert!(tx, dialect, &event);
    });
    Ok(Kept::Done(told.run.id))
}

fn event(told: &Report) -> Event {
    let (kind, data) = match told.what {
        Reported::Materialization { rows, bytes } => (
            EventKind::Materialized,
            json!({"rows": rows, "bytes": bytes, "external": true, "metadata": told.metadata}),
        ),
        Reported::Observation => (
            EventKind::Observed,
            json!({"external": true, "metadata": told.metadata}),
        ),
    };
    Event {
        run: told.run.id,
        asset: Some(told.asset.clone()),
        partition: Some(told.partition.clone()),
        attempt: None,
        kind,
        data,
        at: told.run.at,
    }
}

fn attempt(told: &Report, epoch: Epoch) -> AttemptKey {
    AttemptKey {
        run: told.run.id,
        asset: told.asset.clone(),
        partition: told.partition.clone(),
        attempt: 0,
        epoch,
    }
}

fn materialization(
    told: &Report,
    epoch: Epoch,
    rows: u64,
    bytes: u64,
    watermark: Option<Watermark>,
) -> Materialization {
    Materialization {
        run: told.run.id,
        asset: told.asset.clone(),
        partition: told.partition.clone(),
        epoch,
        at: told.run.at,
        load: LoadReceipt {
            rows,
            bytes,
            parts: 0,
            location: String::new(),
            repeated: false,
        },
        counts: TaskCounts::default(),
        plugins: Vec::new(),
        duration_ms: 0,
        watermark,
        code_version: None,
        inputs: None,
        metadata: told.metadata.clone(),
        external: true,
    }
}
