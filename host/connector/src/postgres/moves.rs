//! What makes staged rows visible: statements of one transaction.

use tidegate_core::plan::Partition;
use tidegate_core::port::Part;

use super::error::{PostgresError, Result};
use super::server::Session;
use super::slice::{SliceColumn, condition};
use super::sql::{name, names};
use super::stage::Stages;
use super::table::{Mode, TableDefinition};

/// The moves of one load into one table.
pub(super) struct Moves<'a> {
    pub(super) target: &'a TableDefinition,
    pub(super) stages: &'a Stages,
    pub(super) parts: &'a [Part],
    /// The columns that are loaded.
    pub(super) columns: &'a [&'a str],
}

impl Moves<'_> {
    /// Shows what is staged.
    pub(super) async fn show(
        &self,
        session: &mut Session,
        mode: Mode,
        columns: &[SliceColumn],
        slice: Option<&Partition>,
    ) -> Result<()> {
        match mode {
            Mode::Append => self.append(session).await,
            Mode::Upsert => self.upsert(session).await,
            Mode::Replace => {
                self.delete(session, "").await?;
                self.append(session).await
            }
            Mode::ReplaceSlice => {
                let inside = slice.and_then(|slice| condition(columns, slice));
                let (Some(slice), Some(inside)) = (slice, inside) else {
                    return Err(PostgresError::Internal("a slice has no columns".into()));
                };
                self.refuse_outside(session, columns, slice, &inside).await?;
                self.delete(session, &format!(" WHERE {inside}")).await?;
                self.append(session).await
            }
        }
    }

    async fn delete(&self, session: &mut Session, condition: &str) -> Result<()> {
        // Not TRUNCATE: readers would wait for it, or see nothing.
        session
            .execute(&format!("DELETE FROM {}{condition}", self.target.place()))
            .await
    }

    async fn append(&self, session: &mut Session) -> Result<()> {
        let columns = names(self.columns.iter().copied());
        for part in self.parts {
            session
                .execute(&format!(
                    "INSERT INTO {} ({columns}) SELECT {columns} FROM {}",
                    self.target.place(),
                    self.stages.place(&part.name)
                ))
                .await?;
        }
        Ok(())
    }

    /// Of rows of one key the one that was written last counts: that of the later part, and in a part the one that stands
    /// further back, since nothing but one `COPY` has written there.
    async fn upsert(&self, session: &mut Session) -> Result<()> {
        if self.parts.is_empty() {
            return Ok(());
        }
        let columns = names(self.columns.iter().copied());
        let key = names(self.target.key.iter().map(String::as_str));
        let staged: Vec<String> = self
            .parts
            .iter()
            .enumerate()
            .map(|(index, part)| {
                format!(
                    "SELECT {index} AS _tidegate_part, ctid AS _tidegate_place, {columns} FROM {}",
                    self.stages.place(&part.name)
                )
            })
            .collect();
        let set: Vec<String> = self
            .columns
            .iter()
            .filter(|column| !self.target.key.iter().any(|key| key == *column))
            .map(|column| format!("{0} = excluded.{0}", name(column)))
            .collect();
        let conflict = if set.is_empty() {
            "NOTHING".to_owned()
        } else {
            format!("UPDATE SET {}", set.join(", "))
        };
        // In the order of the keys, so that two loads lock rows in one order.
        session
            .execute(&format!(
                "INSERT INTO {} ({columns}) SELECT {columns} FROM (SELECT DISTINCT ON ({key}) * FROM ({}) AS staged \
                 ORDER BY {key}, _tidegate_part DESC, _tidegate_place DESC) AS newest \
                 ON CONFLICT ({key}) DO {conflict}",
                self.target.place(),
                staged.join(" UNION ALL ")
            ))
            .await
    }

    async fn refuse_outside(
        &self,
        session: &mut Session,
        columns: &[SliceColumn],
        slice: &Partition,
        inside: &str,
    ) -> Result<()> {
        let mut rows = 0;
        for part in self.parts {
            rows += session
                .number(&format!(
                    "SELECT count(*) FROM {} WHERE {inside} IS NOT TRUE",
                    self.stages.place(&part.name)
                ))
                .await?;
        }
        if rows > 0 {
            return Err(PostgresError::OutsideSlice {
                column: names_of(columns),
                partition: slice.key.0.clone(),
                rows,
            });
        }
        Ok(())
    }
}

fn names_of(columns: &[SliceColumn]) -> String {
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    names.join("` and `")
}
