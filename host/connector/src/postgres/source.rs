//! The source: a table, a query, or what an asset of a Postgres destination holds, copied out of one snapshot.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use arrow_schema::SchemaRef;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tidegate_core::port::{Cursor, LogLevel, LogLine, OpenSource, Source, SourceBatch, Watermark};
use tidegate_core::schema::Column;
use tokio::sync::mpsc::{self, Receiver};
use tokio::task::JoinSet;

use super::config::{OnBadRow, ResourceConfig, SourceConfig};
use super::decode::{Decoded, Decoder};
use super::error::{PostgresError, Result};
use super::read::{Work, lost, read};
use super::selection::Selection;
use super::server::{Server, Session, value};
use super::since::Since;
use super::slice::{SliceColumn, condition};
use super::sql::{literal, name};

/// Batches that a reader may be ahead of whoever takes them.
const AHEAD_BATCHES: usize = 2;
/// Shares of a table for each reader, so that one that is done early has more to do.
const SHARES: i64 = 4;
/// From this version on a range of pages is read alone (TID range scans); before it the whole table is, for each.
const RANGES_FROM: u32 = 140_000;
/// One snapshot for all that is read, and nothing is written.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// A source as a task carries it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum CheckedSource {
    /// What YAML says.
    Configured(SourceConfig),
    /// The table of an asset.
    Asset {
        schema: String,
        table: String,
        /// What says which slice a row is in.
        slice: Vec<SliceColumn>,
    },
}

/// Reads one snapshot. It has no place that a later attempt could go on from: the snapshot ends with the session.
pub(super) struct PostgresSource {
    schema: SchemaRef,
    batches: Receiver<Result<Decoded>>,
    readers: JoinSet<()>,
    on_bad_row: OnBadRow,
    watermark: Option<Watermark>,
    /// Keeps the snapshot for readers that begin late.
    snapshot: Option<Session>,
}

/// What is read: what stands behind `FROM` and `WHERE`, and what may be large in it.
struct Target {
    from: String,
    /// The table itself, where it is one.
    table: Option<(String, String)>,
    condition: Option<String>,
}

impl PostgresSource {
    /// Looks at what is to be read, and begins to.
    pub(super) async fn open(
        resource: &ResourceConfig,
        config: &CheckedSource,
        open: &OpenSource<'_>,
    ) -> Result<Self> {
        let server = Server::new(resource, "tidegate source")?;
        let mut session = server.connect().await?;
        session.execute(BEGIN).await?;
        let settings = match config {
            CheckedSource::Configured(config) => config.clone(),
            CheckedSource::Asset { .. } => SourceConfig::plain(),
        };
        let target = config.target(resource, &mut session, open).await?;
        let largest = target
            .may_hold_large(&mut session)
            .await?
            .then_some(settings.max_value_bytes.0);
        let selection = Selection::of(&mut session, &target.from, &open.spec.columns, largest).await?;
        let mut conditions: Vec<String> = target.condition.iter().cloned().collect();
        let mut order = String::new();
        let mut watermark = None;
        if let Some(cursor) = &open.spec.cursor {
            let since = Since::new(cursor, &open.spec.columns)?;
            let found = since.watermark(&mut session, &target.from).await?;
            watermark = found.or_else(|| open.since.cloned());
            conditions.extend(open.since.and_then(|mark| since.condition(mark)));
            // Of two rows of one key the later one must come later.
            order = format!(" ORDER BY {}", name(&cursor.column));
        }
        let pages = if order.is_empty() {
            target.shares(&mut session, settings.parallel, open).await?
        } else {
            vec![String::new()]
        };
        let statements: Vec<String> = pages
            .into_iter()
            .map(|share| {
                let mut all = conditions.clone();
                all.extend(Some(share).filter(|share| !share.is_empty()));
                let condition = match all.as_slice() {
                    [] => String::new(),
                    some => format!(" WHERE {}", some.join(" AND ")),
                };
                format!(
                    "COPY (SELECT {} FROM {}{condition}{order}) TO STDOUT (FORMAT binary)",
                    selection.list, target.from
                )
            })
            .collect();
        let count = (settings.parallel as usize).min(statements.len());
        let (crew, snapshot) = crew(&server, session, count).await?;
        let schema = Column::schema(&open.spec.columns);
        let work = Arc::new(Work {
            statements,
            next: AtomicUsize::new(0),
        });
        let (sender, batches) = mpsc::channel(AHEAD_BATCHES * count);
        let mut readers = JoinSet::new();
        let shapes = Arc::new(selection.shapes);
        let (guarded, batch_rows) = (selection.guarded, open.batch_rows);
        for member in crew {
            let (schema, shapes) = (schema.clone(), shapes.clone());
            let decoder = move || Decoder::new(schema.clone(), &shapes, guarded, batch_rows);
            readers.spawn(read(member, work.clone(), decoder, sender.clone()));
        }
        Ok(Self {
            schema,
            batches,
            readers,
            on_bad_row: settings.on_bad_row,
            watermark,
            snapshot,
        })
    }

    async fn next_batch(&mut self) -> Result<Option<SourceBatch>> {
        let Some(decoded) = self.batches.recv().await else {
            // All senders are gone: each reader has ended, and a good one has said all.
            while let Some(ended) = self.readers.join_next().await {
                ended.map_err(|_| lost())?;
            }
            self.snapshot = None;
            return Ok(None);
        };
        let decoded = decoded?;
        if let (Some(rejects), Some(row), OnBadRow::Fail) =
            (&decoded.rejects, decoded.first_bad, self.on_bad_row)
        {
            return Err(PostgresError::BadRow {
                row,
                complaint: rejects.messages.value(0).to_owned(),
            });
        }
        Ok(Some(SourceBatch {
            batch: decoded.batch,
            cursor: Cursor(serde_json::Value::Null),
            rejects: decoded.rejects,
        }))
    }
}

/// Sessions that read, all of one snapshot, and the one that keeps it for those that begin late.
async fn crew(server: &Server, mut first: Session, count: usize) -> Result<(Vec<Session>, Option<Session>)> {
    if count <= 1 {
        return Ok((vec![first], None));
    }
    let id = first
        .text("SELECT pg_export_snapshot()")
        .await?
        .unwrap_or_default();
    let mut crew = Vec::new();
    for _ in 0..count {
        let mut member = server.connect().await?;
        member
            .execute(&format!("{BEGIN}; SET TRANSACTION SNAPSHOT {}", literal(&id)))
            .await?;
        crew.push(member);
    }
    Ok((crew, Some(first)))
}

#[async_trait]
impl Source for PostgresSource {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn watermark(&self) -> Option<Watermark> {
        self.watermark.clone()
    }

    async fn next(&mut self) -> tidegate_core::Result<Option<SourceBatch>> {
        Ok(self.next_batch().await?)
    }
}

impl SourceConfig {
    /// What holds of a query over assets.
    pub(super) fn of_query(query: String) -> Self {
        Self {
            query: Some(query),
            ..Self::plain()
        }
    }

    /// What holds of a source that nobody configured: that of an asset.
    fn plain() -> Self {
        Self {
            table: None,
            query: None,
            parallel: 1,
            // What a load has brought is read again, whatever its size.
            max_value_bytes: tidegate_core::schema::ByteSize(1 << 30),
            on_bad_row: OnBadRow::Fail,
        }
    }
}

impl CheckedSource {
    async fn target(
        &self,
        resource: &ResourceConfig,
        session: &mut Session,
        open: &OpenSource<'_>,
    ) -> Result<Target> {
        let table = |schema: &str, table: &str| Target {
            from: format!("{}.{}", name(schema), name(table)),
            table: Some((schema.to_owned(), table.to_owned())),
            condition: None,
        };
        match self {
            Self::Asset {
                schema,
                table: found,
                slice,
            } => {
                if !session.has_table(schema, found).await? {
                    return Err(PostgresError::NotLoaded { table: found.clone() });
                }
                let mut target = table(schema, found);
                if let Some(wanted) = open.partition {
                    let inside = condition(slice, wanted).ok_or_else(|| {
                        PostgresError::Internal("the table does not say which slice a row is in".into())
                    })?;
                    target.condition = Some(inside);
                }
                Ok(target)
            }
            Self::Configured(config) => {
                let mut target = match (&config.table, &config.query) {
                    (Some(text), _) => {
                        let (schema, found) = resource.place_of(text);
                        table(&schema, &found)
                    }
                    (None, Some(query)) => Target {
                        from: format!("({}\n) AS source", query.trim().trim_end_matches(';')),
                        table: None,
                        condition: None,
                    },
                    (None, None) => {
                        return Err(PostgresError::Internal(
                            "a source has neither table nor query".into(),
                        ));
                    }
                };
                // A row without a value is in no slice, and whoever asked has to hear of it.
                target.condition = open.partition.and_then(|slice| {
                    let columns: Vec<SliceColumn> = open.spec.columns.iter().map(SliceColumn::of).collect();
                    let inside = condition(&columns, slice)?;
                    let missing: Vec<String> = slice
                        .bounds()
                        .map(|(column, _)| format!("{} IS NULL", name(column)))
                        .collect();
                    Some(format!("({inside} OR {})", missing.join(" OR ")))
                });
                Ok(target)
            }
        }
    }
}

impl Target {
    /// Whether values may be there that are larger than a page. A plain table has a place for such, which may be empty; of
    /// views, queries and partitioned tables nobody knows.
    async fn may_hold_large(&self, session: &mut Session) -> Result<bool> {
        let Some((schema, table)) = &self.table else {
            return Ok(true);
        };
        let query = format!(
            "SELECT c.relkind IN ('r', 'm') AND (c.reltoastrelid = 0 OR pg_relation_size(c.reltoastrelid) = 0) \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = {} AND c.relname = {}",
            literal(schema),
            literal(table)
        );
        let row = session.row(&query).await?;
        let small = row.as_ref().map(|row| value::<bool>(row, 0)).transpose()?;
        Ok(small != Some(true))
    }

    /// Conditions that share the table's pages out; one empty one for all of it.
    async fn shares(
        &self,
        session: &mut Session,
        parallel: u32,
        open: &OpenSource<'_>,
    ) -> Result<Vec<String>> {
        let whole = vec![String::new()];
        let (Some((schema, table)), true) = (&self.table, parallel > 1) else {
            return Ok(whole);
        };
        let version = session.connection.server_version_num().unwrap_or(0);
        let query = format!(
            "SELECT c.relkind::text, pg_relation_size(c.oid) / current_setting('block_size')::int8 \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = {} AND c.relname = {}",
            literal(schema),
            literal(table)
        );
        let Some(row) = session.row(&query).await? else {
            return Ok(whole);
        };
        let (kind, pages): (String, i64) = (value(&row, 0)?, value(&row, 1)?);
        if version < RANGES_FROM || !matches!(kind.as_str(), "r" | "m") {
            open.log.line(LogLine {
                step: "postgres".into(),
                level: LogLevel::Warn,
                message: format!(
                    "`{table}` is read by one connection: only plain tables of Postgres 14 and later have pages to share out"
                ),
                fields: Vec::new(),
            });
            return Ok(whole);
        }
        let shares = (i64::from(parallel) * SHARES).min(pages.max(1));
        // Where the last one ends is open: rows may lie behind what was measured.
        Ok((0..shares)
            .map(|share| {
                let (first, behind) = (share * pages / shares, (share + 1) * pages / shares);
                if share + 1 == shares {
                    format!("ctid >= '({first},0)'::tid")
                } else {
                    format!("ctid >= '({first},0)'::tid AND ctid < '({behind},0)'::tid")
                }
            })
            .collect())
    }
}
