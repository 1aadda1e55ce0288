//! How a table as it is becomes the one that the schema asks for.

use tidegate_core::port::{Change, ChangeBy};

use super::super::error::{ClickHouseError, Result};
use super::super::server::Server;
use super::super::sql::name;
use super::super::told_type::integer;
use super::definition::{LOAD_COLUMN, TableDefinition, load_column_ddl, tuple};
use super::live::LiveTable;

/// What has to change, in the order in which it has to be done; all of it is found.
///
/// Columns that the schema does not name are left alone, and so are comments, codecs, TTL and settings of a table that is
/// there: they are used when it is made.
pub(in super::super) fn differences(wanted: &TableDefinition, live: Option<&LiveTable>) -> Vec<Change> {
    let Some(live) = live else {
        return vec![Change {
            what: format!("the table `{}` is new", wanted.name),
            statement: wanted.create(),
            by: ChangeBy::Run,
        }];
    };
    let alter = format!("ALTER TABLE {}", name(&wanted.name));
    let mut changes = Vec::new();
    if !live.has_load_column() {
        changes.push(Change {
            what: "the host's own column is not there".into(),
            statement: format!("{alter} ADD COLUMN IF NOT EXISTS {}", load_column_ddl()),
            by: ChangeBy::Run,
        });
    }
    let mut before: Option<&str> = None;
    for column in &wanted.columns {
        match live.column(&column.name) {
            None => {
                let place =
                    before.map_or_else(|| " FIRST".into(), |before| format!(" AFTER {}", name(before)));
                changes.push(Change {
                    what: format!("column `{}` is new", column.name),
                    statement: format!("{alter} ADD COLUMN IF NOT EXISTS {}{place}", column.ddl()),
                    by: ChangeBy::Evolve,
                });
            }
            Some(found) => {
                let same = found.data_type == column.data_type
                    || (column.may_be_dictionary && plain_text(&found.data_type) == column.data_type)
                    || squeezed(&found.data_type) == squeezed(&column.data_type);
                if !same {
                    let widens =
                        !found.in_a_key() && widens(&plain_text(&found.data_type), &column.data_type);
                    changes.push(Change {
                        what: format!(
                            "column `{}` is {}, and the schema says {}",
                            column.name, found.data_type, column.data_type
                        ),
                        statement: format!(
                            "{alter} MODIFY COLUMN {} {}",
                            name(&column.name),
                            column.data_type
                        ),
                        by: if widens { ChangeBy::Evolve } else { ChangeBy::Hand },
                    });
                }
            }
        }
        before = Some(&column.name);
    }
    let by_hand = |what: String| Change {
        what,
        statement: rebuild(wanted),
        by: ChangeBy::Hand,
    };
    // A cluster's engines are the same with a prefix.
    let engine = live
        .engine
        .trim_start_matches("Replicated")
        .trim_start_matches("Shared");
    let wanted_engine = wanted
        .engine_name()
        .trim_start_matches("Replicated")
        .trim_start_matches("Shared");
    if engine != wanted_engine {
        changes.push(by_hand(format!(
            "its engine is {}, and the schema says {}",
            live.engine,
            wanted.engine_name()
        )));
    }
    let keys = [
        (
            "partition key",
            &live.partition_key,
            wanted.partition_by.clone().unwrap_or_default(),
        ),
        ("order", &live.sorting_key, tuple(&wanted.order_by)),
    ];
    for (what, found, wanted) in keys {
        if key(found) != key(&wanted) {
            let shown = |key: &str| match key {
                "" => "none".to_owned(),
                key => format!("`{}`", key.replace('`', "")),
            };
            changes.push(by_hand(format!(
                "its {what} is {}, and the schema says {}",
                shown(found),
                shown(&wanted)
            )));
        }
    }
    changes
}

/// Makes the changes that a run may make, and fails where others are left.
pub(in super::super) async fn mend(
    server: &Server,
    table: &str,
    changes: &[Change],
    evolve: bool,
) -> Result<()> {
    let made = |change: &&Change| change.by == ChangeBy::Run || (evolve && change.by == ChangeBy::Evolve);
    let left: Vec<&Change> = changes.iter().filter(|change| !made(change)).collect();
    if !left.is_empty() {
        return Err(ClickHouseError::TableDiffers {
            table: table.to_owned(),
            differences: left.iter().map(|change| change.what.clone()).collect(),
            statements: left.iter().map(|change| change.statement.clone()).collect(),
        });
    }
    for change in changes {
        server.execute(&change.statement).await?;
    }
    Ok(())
}

/// What a person does where a table cannot be altered into another.
fn rebuild(wanted: &TableDefinition) -> String {
    let mut next = wanted.clone();
    next.name = format!("{}_next", wanted.name);
    let columns: Vec<String> = wanted.columns.iter().map(|column| name(&column.name)).collect();
    let columns = format!("{}, {LOAD_COLUMN}", columns.join(", "));
    let (old, new) = (name(&wanted.name), name(&next.name));
    // Without the setting nobody may insert into the host's own column.
    format!(
        "{}; INSERT INTO {new} ({columns}) SELECT {columns} FROM {old} \
         SETTINGS insert_allow_materialized_columns = 1; EXCHANGE TABLES {new} AND {old}; DROP TABLE {new}",
        next.create()
    )
}

/// A key without the parentheses, spaces and backticks in which servers differ.
fn key(text: &str) -> String {
    let bare = squeezed(text);
    let bare = bare.strip_prefix("tuple").unwrap_or(&bare);
    let inner = bare.strip_prefix('(').and_then(|inner| inner.strip_suffix(')'));
    match inner {
        // `(a), (b)` begins and ends with others' parentheses.
        Some(inner) if balanced(inner) => inner.to_owned(),
        _ => bare.to_owned(),
    }
}

fn balanced(text: &str) -> bool {
    let mut depth = 0_i32;
    for letter in text.chars() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth < 0 {
            return false;
        }
    }
    depth == 0
}

/// A text without spaces and backticks.
fn squeezed(text: &str) -> String {
    text.chars()
        .filter(|letter| !matches!(letter, ' ' | '`'))
        .collect()
}

/// A type without its dictionary.
fn plain_text(data_type: &str) -> String {
    match data_type
        .strip_prefix("LowCardinality(")
        .and_then(|rest| rest.strip_suffix(')'))
    {
        Some(inner) => inner.to_owned(),
        None => data_type.to_owned(),
    }
}

/// Whether every value of one type is one of the other, and stays the same.
fn widens(from: &str, to: &str) -> bool {
    if let Some(inner) = to
        .strip_prefix("Nullable(")
        .and_then(|rest| rest.strip_suffix(')'))
    {
        let from = from
            .strip_prefix("Nullable(")
            .and_then(|rest| rest.strip_suffix(')'))
            .unwrap_or(from);
        return from == inner || widens(from, inner);
    }
    if plain_text(to) == from {
        return true;
    }
    if let (Some((signed, from)), Some((to_signed, to))) = (integer(from), integer(to)) {
        return if signed == to_signed {
            from < to
        } else {
            !signed && to_signed && from < to
        };
    }
    if let (Some((precision, scale)), Some((to_precision, to_scale))) = (decimal(from), decimal(to)) {
        return to_scale >= scale && to_precision - to_scale >= precision - scale;
    }
    matches!(
        (from, to),
        ("Float32", "Float64") | ("Date", "Date32") | ("FixedString", "String")
    ) || (from.starts_with("FixedString(") && to == "String")
}

/// Precision and scale.
fn decimal(data_type: &str) -> Option<(i32, i32)> {
    let inner = data_type.strip_prefix("Decimal(")?.strip_suffix(')')?;
    let (precision, scale) = inner.split_once(',')?;
    Some((precision.trim().parse().ok()?, scale.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_compared_by_what_they_say() {
        assert_eq!(key("(a, b)"), key("a,b"));
        assert_eq!(key("tuple()"), key(""));
        assert_eq!(key("toYYYYMM(`ts`, 'UTC')"), key("toYYYYMM(ts,'UTC')"));
        assert_eq!(key("(a % 10, toYYYYMM(b))"), key("a%10,toYYYYMM(b)"));
        assert_ne!(key("(a, b)"), key("(b, a)"));
        assert_eq!(key("(f(a), g(b))"), "f(a),g(b)");
    }

    #[test]
    fn only_what_keeps_every_value_widens() {
        for (from, to) in [
            ("Int32", "Int64"),
            ("UInt8", "Int16"),
            ("Int32", "Nullable(Int32)"),
            ("Nullable(Int32)", "Nullable(Int64)"),
            ("Decimal(9, 2)", "Decimal(18, 2)"),
            ("Float32", "Float64"),
            ("String", "LowCardinality(String)"),
        ] {
            assert!(widens(from, to), "{from} to {to}");
        }
        for (from, to) in [
            ("Int64", "Int32"),
            ("Int8", "UInt16"),
            ("UInt64", "Int64"),
            ("Nullable(Int32)", "Int32"),
            ("Decimal(9, 2)", "Decimal(9, 4)"),
            ("String", "Int64"),
            ("Float64", "Float32"),
        ] {
            assert!(!widens(from, to), "{from} to {to}");
        }
    }
}
