//! How a table as it is becomes the one that the schema asks for.

use tidegate_core::port::{Change, ChangeBy};

use super::super::error::{PostgresError, Result};
use super::super::server::Session;
use super::super::sql::{literal, name, names};
use super::super::told_type::{arguments, letters};
use super::definition::{TableColumn, TableDefinition};
use super::live::{LiveColumn, LiveTable};

/// What has to change, in the order in which it has to be done; all of it is found.
///
/// Columns that the schema does not name are left alone, as long as a row can do without them; so are indexes, defaults and
/// constraints.
pub(in super::super) fn differences(wanted: &TableDefinition, live: Option<&LiveTable>) -> Vec<Change> {
    let Some(live) = live else {
        return vec![Change {
            what: format!("the table `{}` is new", wanted.name),
            statement: wanted.create(),
            by: ChangeBy::Run,
        }];
    };
    let place = wanted.place();
    if !matches!(live.kind.as_str(), "r" | "p") {
        let what = format!("`{}` is a view or something else that is no table", wanted.name);
        return vec![change(what, format!("DROP VIEW {place}"), ChangeBy::Hand)];
    }
    let mut changes = Vec::new();
    for column in &wanted.columns {
        match live.column(&column.name) {
            None => changes.push(added(&place, column)),
            Some(found) => changes.extend(altered(&place, column, found)),
        }
    }
    let needed =
        |found: &&LiveColumn| wanted.column(&found.name).is_none() && !found.nullable && !found.filled;
    for found in live.columns.iter().filter(needed) {
        changes.push(change(
            format!(
                "column `{}` may not be missing, and the schema has none",
                found.name
            ),
            format!(
                "ALTER TABLE {place} ALTER COLUMN {} DROP NOT NULL",
                name(&found.name)
            ),
            ChangeBy::Hand,
        ));
    }
    let mut key = wanted.key.clone();
    key.sort();
    if !key.is_empty() && !live.unique.contains(&key) {
        let columns = names(wanted.key.iter().map(String::as_str));
        changes.push(change(
            format!("nothing keeps rows of one key ({columns}) apart"),
            format!("ALTER TABLE {place} ADD PRIMARY KEY ({columns})"),
            ChangeBy::Hand,
        ));
    }
    if wanted.comment.is_some() && wanted.comment != live.comment {
        changes.push(change(
            "its comment is another".into(),
            format!(
                "COMMENT ON TABLE {place} IS {}",
                literal(wanted.comment.as_deref().unwrap_or_default())
            ),
            ChangeBy::Run,
        ));
    }
    changes
}

fn change(what: String, statement: String, by: ChangeBy) -> Change {
    Change { what, statement, by }
}

/// A column that is not there.
fn added(place: &str, column: &TableColumn) -> Change {
    let statement = format!("ALTER TABLE {place} ADD COLUMN IF NOT EXISTS {}", column.ddl());
    if column.nullable {
        return change(
            format!("column `{}` is new", column.name),
            statement,
            ChangeBy::Evolve,
        );
    }
    // Rows that are there would have no value.
    change(
        format!("column `{}` is new and may not be missing", column.name),
        format!("{statement} DEFAULT …"),
        ChangeBy::Hand,
    )
}

/// A column that is there.
fn altered(place: &str, column: &TableColumn, found: &LiveColumn) -> Vec<Change> {
    let own = name(&column.name);
    let mut changes = Vec::new();
    if found.data_type != column.data_type {
        changes.push(change(
            format!(
                "column `{}` is {}, and the schema says {}",
                column.name, found.data_type, column.data_type
            ),
            format!("ALTER TABLE {place} ALTER COLUMN {own} TYPE {}", column.data_type),
            if widens(&found.data_type, &column.data_type) {
                ChangeBy::Evolve
            } else {
                ChangeBy::Hand
            },
        ));
    }
    if column.nullable && !found.nullable {
        changes.push(change(
            format!("column `{}` may be missing", column.name),
            format!("ALTER TABLE {place} ALTER COLUMN {own} DROP NOT NULL"),
            ChangeBy::Evolve,
        ));
    }
    if let Some(comment) = column
        .comment
        .as_ref()
        .filter(|_| column.comment != found.comment)
    {
        changes.push(change(
            format!("the comment on column `{}` is another", column.name),
            format!("COMMENT ON COLUMN {place}.{own} IS {}", literal(comment)),
            ChangeBy::Run,
        ));
    }
    changes
}

/// Makes the changes that a run may make, and fails where others are left.
pub(in super::super) async fn mend(
    session: &mut Session,
    table: &str,
    changes: &[Change],
    evolve: bool,
) -> Result<()> {
    let made = |change: &&Change| change.by == ChangeBy::Run || (evolve && change.by == ChangeBy::Evolve);
    let left: Vec<&Change> = changes.iter().filter(|change| !made(change)).collect();
    if !left.is_empty() {
        return Err(PostgresError::TableDiffers {
            table: table.to_owned(),
            differences: left.iter().map(|change| change.what.clone()).collect(),
            statements: left.iter().map(|change| change.statement.clone()).collect(),
        });
    }
    for change in changes {
        session.make(&change.statement).await?;
    }
    Ok(())
}

/// Whether every value of one type is one of the other, and stays the same.
fn widens(from: &str, to: &str) -> bool {
    let rank = |text: &str| {
        ["smallint", "integer", "bigint"]
            .iter()
            .position(|name| *name == text)
    };
    if let (Some(from), Some(to)) = (rank(from), rank(to)) {
        return from < to;
    }
    // At most 20 digits are in a whole number.
    if rank(from).is_some() && to == "numeric" {
        return true;
    }
    if let (Some((precision, scale)), Some((to_precision, to_scale))) =
        (arguments(from, "numeric"), arguments(to, "numeric"))
    {
        return to_scale >= scale && to_precision - to_scale >= precision - scale;
    }
    if let (Some(from), Some(to)) = (varying(from), varying(to)) {
        return from <= to;
    }
    matches!(
        (from, to),
        ("real", "double precision") | ("character varying", "text")
    ) || (varying(from).is_some() && to == "text")
        || (arguments(from, "numeric").is_some() && to == "numeric")
}

/// How many letters a text of varying length holds; `character(n)` pads its own, and is none.
fn varying(data_type: &str) -> Option<usize> {
    letters(data_type).filter(|_| data_type.starts_with("character varying"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_keeps_every_value_widens() {
        for (from, to) in [
            ("smallint", "bigint"),
            ("integer", "numeric"),
            ("numeric(9,2)", "numeric(12,2)"),
            ("numeric(9,2)", "numeric"),
            ("real", "double precision"),
            ("character varying(3)", "text"),
            ("character varying(3)", "character varying(5)"),
        ] {
            assert!(widens(from, to), "{from} to {to}");
        }
        for (from, to) in [
            ("bigint", "integer"),
            ("numeric(9,2)", "numeric(9,4)"),
            ("double precision", "real"),
            ("text", "bigint"),
            ("text", "character varying(5)"),
            ("character(3)", "text"),
        ] {
            assert!(!widens(from, to), "{from} to {to}");
        }
    }
}
