//! A table as the server has it.

use super::super::error::Result;
use super::super::server::{Session, value};
use super::super::sql::literal;

/// A table as the catalogs tell of it.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) struct LiveTable {
    /// `r` for a table, `p` for one in partitions, others for what is none.
    pub(in super::super) kind: String,
    /// What it is.
    pub(in super::super) comment: Option<String>,
    /// Its columns, in order.
    pub(in super::super) columns: Vec<LiveColumn>,
    /// The columns of each index that lets no value of them come twice, sorted.
    pub(in super::super) unique: Vec<Vec<String>>,
}

/// A column.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) struct LiveColumn {
    pub(in super::super) name: String,
    pub(in super::super) data_type: String,
    pub(in super::super) nullable: bool,
    /// Whether a row that does not name it gets a value all the same.
    pub(in super::super) filled: bool,
    pub(in super::super) comment: Option<String>,
}

impl LiveTable {
    /// The table of a name, or none.
    pub(in super::super) async fn read(
        session: &mut Session,
        schema: &str,
        table: &str,
    ) -> Result<Option<Self>> {
        let named = format!(
            "pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = {} AND c.relname = {}",
            literal(schema),
            literal(table)
        );
        let Some(row) = session
            .row(&format!(
                "SELECT c.relkind::text, obj_description(c.oid, 'pg_class') FROM {named}"
            ))
            .await?
        else {
            return Ok(None);
        };
        let columns = session
            .rows(&format!(
                "SELECT a.attname::text, format_type(a.atttypid, a.atttypmod), a.attnotnull, \
                 a.atthasdef OR a.attidentity <> '', col_description(c.oid, a.attnum) \
                 FROM {named} JOIN pg_attribute a ON a.attrelid = c.oid \
                 WHERE a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"
            ))
            .await?;
        let columns = columns
            .iter()
            .map(|row| {
                Ok(LiveColumn {
                    name: value(row, 0)?,
                    data_type: value(row, 1)?,
                    nullable: !value::<bool>(row, 2)?,
                    filled: value(row, 3)?,
                    comment: value(row, 4)?,
                })
            })
            .collect::<Result<_>>()?;
        // Of the columns behind an INCLUDE nothing is promised.
        let unique = session
            .rows(&format!(
                "SELECT array_agg(a.attname::text ORDER BY a.attname) \
                 FROM {named} JOIN pg_index i ON i.indrelid = c.oid \
                 JOIN pg_attribute a ON a.attrelid = c.oid \
                   AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1]) \
                 WHERE i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL \
                 GROUP BY i.indexrelid"
            ))
            .await?;
        Ok(Some(Self {
            kind: value(&row, 0)?,
            comment: value(&row, 1)?,
            columns,
            unique: unique.iter().map(|row| value(row, 0)).collect::<Result<_>>()?,
        }))
    }

    /// The column of a name.
    pub(in super::super) fn column(&self, name: &str) -> Option<&LiveColumn> {
        self.columns.iter().find(|column| column.name == name)
    }
}
