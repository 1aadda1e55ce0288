//! SQL between source and destination, and by itself: which assets it names, and how they are read.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use futures::FutureExt as _;
use futures::stream::BoxStream;
use tidegate_core::plan::{AssetName, Partition, SourceSpec, SqlSpec, SqlTable, Step};
use tidegate_core::port::{LogSink, OpenSource, Unheard};
use tidegate_core::schema::{Asset, Placed, closest, fill_placeholders};
use tidegate_core::{Error, Errors, Result};
use tidegate_plugin::{Lineage, OutputColumn};
use tidegate_sql::{Limits, OpenColumns, SqlTransform, Table, TableColumn, query, tables_of};

use super::Project;
use super::connect::placed;
use super::prepare::PlannedStep;
use crate::error::OrchestratorError;

/// What a statement is given its tables by: everything that reads them, and where their words go.
pub(crate) type Opener = Arc<dyn Fn(SourceSpec) -> OpenColumns + Send + Sync>;

impl Project {
    /// Reads a transform's statement over the stream. Nothing is opened.
    pub(crate) async fn prepare_sql(
        &self,
        asset: &Placed<Asset>,
        index: usize,
        sql: &str,
        stream: &SchemaRef,
    ) -> Result<(PlannedStep, SchemaRef), Vec<Error>> {
        let pointer = format!("/transforms/{index}/sql");
        let at = |error: Error| vec![placed(asset, &pointer, error)];
        let mut tables = Vec::new();
        for name in asset.value.transforms[index].assets() {
            tables.push(SqlTable {
                source: self.whole_asset(&name)?,
                asset: name,
            });
        }
        let spec = SqlSpec {
            index,
            sql: fill_placeholders(sql, |name| format!("\"{name}\"")),
            tables,
            memory_bytes: asset.value.transforms[index].limits.memory.0,
            batch_rows: self.loaded.project.value.batch_rows,
        };
        // Nothing is read while a statement is only looked at.
        let bound = bind_sql(&spec, stream, &(Arc::new(|_| unopened()) as Opener))
            .await
            .map_err(at)?;
        let lineage = Lineage(bound.lineage().into_iter().map(output_column).collect());
        let step = PlannedStep {
            spec: Step::Sql(spec),
            lineage,
            secrets: Vec::new(),
        };
        Ok((step, tidegate_core::port::StreamTransform::output_schema(&bound)))
    }

    /// Reads all of an asset.
    pub(crate) fn whole_asset(&self, name: &AssetName) -> Result<SourceSpec, Vec<Error>> {
        let Some(asset) = self.loaded.assets.get(name) else {
            // `load_project` has refused unknown names with their place.
            return Err(Vec::new());
        };
        let destination = self.destination(asset)?;
        let connector = self
            .connector(&destination.connector)
            .map_err(|error| vec![error])?;
        connector
            .asset_source(name, &destination, &asset.value.columns)
            .map_err(|error| vec![placed(asset, "/destination", error)])
    }

    /// What opens assets for a statement.
    pub(crate) fn opener(self: &Arc<Self>, log: Arc<dyn LogSink>) -> Opener {
        self.slice_opener(log, None)
    }

    /// What opens one slice of assets for a statement, or all of them.
    pub(crate) fn slice_opener(
        self: &Arc<Self>,
        log: Arc<dyn LogSink>,
        partition: Option<Partition>,
    ) -> Opener {
        let project = self.clone();
        Arc::new(move |source| {
            let (project, log, partition) = (project.clone(), log.clone(), partition.clone());
            Arc::new(move |names| {
                let (project, log, source) = (project.clone(), log.clone(), source.clone());
                let partition = partition.clone();
                async move {
                    project
                        .open_columns(source, &names, partition.as_ref(), log)
                        .await
                }
                .boxed()
            })
        })
    }

    async fn open_columns(
        &self,
        mut source: SourceSpec,
        names: &[String],
        partition: Option<&Partition>,
        log: Arc<dyn LogSink>,
    ) -> Result<Box<dyn tidegate_core::port::Source>> {
        let secrets;
        (source.resource, secrets) = self.with_secrets(&source.resource)?;
        // In the order in which they are wanted; one at least, since a source without columns has no rows.
        let mut columns: Vec<_> = names
            .iter()
            .filter_map(|name| source.columns.iter().find(|column| column.name == *name))
            .cloned()
            .collect();
        if columns.is_empty() {
            columns.extend(source.columns.first().cloned());
        }
        source.columns = columns;
        let open = OpenSource {
            spec: &source,
            partition,
            cursor: None,
            since: None,
            batch_rows: self.loaded.project.value.batch_rows,
            log,
            secrets: &secrets,
        };
        self.connector(&source.connector)?.open_source(open).await
    }

    /// The answer of a query over assets, where they lie: its columns, and its batches in order. A table is an asset's
    /// name, in double quotes where it has a `-` in it; `{NAME}` is the same.
    pub async fn query(
        self: &Arc<Self>,
        sql: &str,
        memory_bytes: u64,
    ) -> Result<(SchemaRef, BoxStream<'static, Result<RecordBatch>>), Errors> {
        let sql = fill_placeholders(sql, |name| format!("\"{name}\""));
        let mut tables = Vec::new();
        let mut errors = Vec::new();
        for name in tables_of(&sql).map_err(Error::from)? {
            let known = self.loaded.assets.keys().find(|known| known.as_str() == name);
            match known {
                Some(asset) => match self.table(asset) {
                    Ok(table) => tables.push(table),
                    Err(more) => errors.extend(more),
                },
                None => errors.push(self.no_table(&name)),
            }
        }
        Errors::or(errors, ())?;
        let limits = Limits {
            memory_bytes,
            batch_rows: self.loaded.project.value.batch_rows,
        };
        Ok(query(&sql, &tables, limits).await?)
    }

    pub(super) fn no_table(&self, name: &str) -> Error {
        let known = self.loaded.assets.keys().map(AssetName::as_str);
        let hint = match closest(name, known.clone()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the assets are {}", known.collect::<Vec<_>>().join(", ")),
        };
        OrchestratorError::UnknownAsset {
            name: name.to_owned(),
            hint,
        }
        .into()
    }

    /// The table that a query may name an asset by.
    fn table(self: &Arc<Self>, name: &AssetName) -> Result<Table, Vec<Error>> {
        let source = self.whole_asset(name)?;
        Ok(Table {
            name: name.to_string(),
            columns: source.columns.clone(),
            open: self.opener(Arc::new(Unheard))(source),
        })
    }
}

/// A statement over the stream, its tables opened by `opener` once it runs.
pub(crate) async fn bind_sql(spec: &SqlSpec, stream: &SchemaRef, opener: &Opener) -> Result<SqlTransform> {
    let tables: Vec<Table> = spec
        .tables
        .iter()
        .map(|table| Table {
            name: table.asset.to_string(),
            columns: table.source.columns.clone(),
            open: opener(table.source.clone()),
        })
        .collect();
    let limits = Limits {
        memory_bytes: spec.memory_bytes,
        batch_rows: spec.batch_rows,
    };
    Ok(SqlTransform::bind(&spec.sql, stream.clone(), &tables, limits).await?)
}

/// For a statement that does not run.
pub(super) fn unopened() -> OpenColumns {
    Arc::new(|_| {
        let error = Error::new(
            tidegate_core::Kind::Internal,
            "sql.internal",
            "a table was read while its statement was only looked at",
        );
        std::future::ready(Err(error)).boxed()
    })
}

/// A column of the stream by its name, one of an asset with the asset's before it.
fn output_column((name, from): (String, Vec<TableColumn>)) -> OutputColumn {
    let passed_on = matches!(from.as_slice(), [(table, column)] if table == "input" && *column == name);
    OutputColumn {
        from: from
            .into_iter()
            .map(|(table, column)| {
                if table == "input" {
                    column
                } else {
                    format!("{table}.{column}")
                }
            })
            .collect(),
        made: !passed_on,
        name,
    }
}
