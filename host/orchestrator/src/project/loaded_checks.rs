//! Checks of what lies in destinations: `relation` and `sql`. They run once a load is shown, since no two destinations
//! stage alike, and none of them can be asked for what it has staged (decision 16).

use std::sync::Arc;

use arrow_schema::Schema;
use futures::TryStreamExt as _;
use tidegate_core::plan::{CheckKind, CheckStep, LoadedCheck, LoadedTable, Partition};
use tidegate_core::port::{LogSink, Severity, Verdict};
use tidegate_core::schema::{Asset, CheckDecl, Column, Placed, RelationDecl, fill_placeholders};
use tidegate_core::{Error, Kind, Result};
use tidegate_sql::{Limits, MEMORY_CODE, Table, query, tables_of};

use super::Project;
use super::connect::placed;
use super::sql::unopened;

impl Project {
    /// Reads a check's statement. Nothing is opened.
    pub(super) async fn prepare_loaded_check(
        &self,
        asset: &Placed<Asset>,
        index: usize,
        decl: &CheckDecl,
        loaded: &Schema,
    ) -> Result<LoadedCheck, Vec<Error>> {
        let own = &asset.value.name;
        let (pointer, sql, names, failures) = match (&decl.relation, &decl.sql) {
            (Some(relation), _) => {
                self.relation_columns(asset, index, relation, loaded)?;
                let failures = format!(
                    "values of `{}` are not in `{}.{}`",
                    relation.column,
                    relation.asset,
                    relation.to()
                );
                let names = vec![
                    ("own".to_owned(), own.clone(), true),
                    ("other".to_owned(), relation.asset.clone(), false),
                ];
                ("relation", relation_sql(relation), names, failures)
            }
            (None, sql) => {
                let sql = fill_placeholders(sql.as_deref().unwrap_or_default(), |name| format!("\"{name}\""));
                let at = |error: Error| vec![placed(asset, &format!("/checks/{index}/sql"), error)];
                let mut names = Vec::new();
                for name in tables_of(&sql).map_err(|error| at(error.into()))? {
                    let known = self.loaded.assets.keys().find(|known| known.as_str() == name);
                    let known = known.ok_or_else(|| at(self.no_table(&name)))?;
                    names.push((name, known.clone(), known == own));
                }
                ("sql", sql, names, "rows are what the query looks for".to_owned())
            }
        };
        let mut tables = Vec::new();
        for (name, of, own) in names {
            let mut source = self.whole_asset(&of)?;
            // Columns that came by the contract are there too.
            if own && let Some(columns) = Column::of_schema(loaded) {
                source.columns = columns;
            }
            tables.push(LoadedTable { name, source, own });
        }
        let check = LoadedCheck {
            sql,
            tables,
            memory_bytes: decl.limits().memory.0,
            failures,
        };
        // Planned, so that what is wrong with the statement is known before any data moves; not one batch is asked for.
        let tables: Vec<Table> = check
            .tables
            .iter()
            .map(|table| Table {
                name: table.name.clone(),
                columns: table.source.columns.clone(),
                open: unopened(),
            })
            .collect();
        let planned = query(&check.sql, &tables, self.check_limits(&check)).await;
        match planned {
            Ok(_) => Ok(check),
            Err(error) => Err(vec![placed(asset, &format!("/checks/{index}/{pointer}"), error)]),
        }
    }

    /// Whether both columns of a relation are there.
    fn relation_columns(
        &self,
        asset: &Placed<Asset>,
        index: usize,
        relation: &RelationDecl,
        loaded: &Schema,
    ) -> Result<(), Vec<Error>> {
        let mut errors = Vec::new();
        let mut refuse = |below: &str, message: String, hint: String| {
            let error = Error::new(Kind::Schema, "schema.unknown_column", message).hint(hint);
            errors.push(placed(asset, &format!("/checks/{index}/relation{below}"), error));
        };
        if loaded.column_with_name(&relation.column).is_none() {
            let names: Vec<&str> = loaded
                .fields()
                .iter()
                .map(|field| field.name().as_str())
                .collect();
            refuse(
                "/column",
                format!("no column `{}` is loaded", relation.column),
                format!("the columns are {}", names.join(", ")),
            );
        }
        let theirs: Vec<&str> = self
            .loaded
            .assets
            .get(&relation.asset)
            .into_iter()
            .flat_map(|other| &other.value.columns)
            .map(|column| column.name.as_str())
            .collect();
        if !theirs.contains(&relation.to()) {
            let below = if relation.to.is_some() { "/to" } else { "/column" };
            refuse(
                below,
                format!("`{}` has no column `{}`", relation.asset, relation.to()),
                format!("its columns are {}; write `to: COLUMN`", theirs.join(", ")),
            );
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    fn check_limits(&self, check: &LoadedCheck) -> Limits {
        Limits {
            memory_bytes: check.memory_bytes,
            batch_rows: self.loaded.project.value.batch_rows,
        }
    }

    /// What the checks of what lies in the destination say, of one slice or of all. A check that cannot be carried out has
    /// failed, and says why.
    pub(crate) async fn look_at_loaded(
        self: &Arc<Self>,
        step: &CheckStep,
        partition: Option<&Partition>,
        log: &Arc<dyn LogSink>,
    ) -> Option<Verdict> {
        let CheckKind::Loaded(check) = &step.kind else {
            return None;
        };
        let (passed, message, measures) = match self.count_failures(check, partition, log).await {
            Ok(0) => (true, format!("no {}", check.failures), vec![("failed", 0)]),
            Ok(failed) => (
                false,
                format!("{failed} {}", check.failures),
                vec![("failed", failed)],
            ),
            Err(error) => (false, undone(&error, check.memory_bytes), Vec::new()),
        };
        Some(
            step.declared(Verdict {
                check: String::new(),
                passed,
                severity: Severity::Error,
                blocking: false,
                message,
                measures: measures
                    .into_iter()
                    .map(|(name, value): (&str, u64)| (name.to_owned(), value as f64))
                    .collect(),
            }),
        )
    }

    async fn count_failures(
        self: &Arc<Self>,
        check: &LoadedCheck,
        partition: Option<&Partition>,
        log: &Arc<dyn LogSink>,
    ) -> Result<u64> {
        let whole = self.opener(log.clone());
        let slice = self.slice_opener(log.clone(), partition.cloned());
        let tables: Vec<Table> = check
            .tables
            .iter()
            .map(|table| Table {
                name: table.name.clone(),
                columns: table.source.columns.clone(),
                open: if table.own {
                    slice(table.source.clone())
                } else {
                    whole(table.source.clone())
                },
            })
            .collect();
        let (_, batches) = query(&check.sql, &tables, self.check_limits(check)).await?;
        batches
            .try_fold(0, |rows, batch| {
                std::future::ready(Ok(rows + batch.num_rows() as u64))
            })
            .await
    }
}

/// Why a check could not be carried out. Messages about data quote it, and no value of a row stands in a result.
fn undone(error: &Error, memory_bytes: u64) -> String {
    let why = match (error.kind, error.code.as_str()) {
        (Kind::Data, code) => format!("a value cannot be read or computed ({code})"),
        (_, MEMORY_CODE) => {
            format!("{memory_bytes} bytes do not suffice: write more `limits: {{memory: …}}`")
        }
        _ => error.to_string(),
    };
    format!("it could not be carried out: {why}")
}

/// One aggregate, which goes to the disk where the memory does not suffice; a join would not.
fn relation_sql(relation: &RelationDecl) -> String {
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let (column, to) = (quoted(&relation.column), quoted(relation.to()));
    format!(
        "SELECT k.v FROM (SELECT own.{column} AS v, 1 AS mine FROM own WHERE own.{column} IS NOT NULL
         UNION ALL SELECT other.{to} AS v, 0 AS mine FROM other) k GROUP BY k.v HAVING min(k.mine) = 1"
    )
}
