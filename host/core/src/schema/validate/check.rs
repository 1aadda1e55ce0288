//! A check is one of the built-in ones or a plugin, and has the keys of that one.

use std::collections::BTreeSet;

use super::{Asset, LoadedProject, Placed, unknown};
use crate::error::Error;
use crate::plan::AssetName;
use crate::schema::{CheckDecl, RowCountAnomalyDecl};

/// What is wrong with an asset's checks. Whether columns are there and have the right types is known once the load is.
pub(super) fn checks(asset: &Placed<Asset>, loaded: &LoadedProject, errors: &mut Vec<Error>) {
    let Placed { value, document } = asset;
    let mut titles = BTreeSet::new();
    for (index, check) in value.checks.iter().enumerate() {
        let pointer = format!("/checks/{index}");
        for (below, message, hint) in faults(check) {
            errors.push(
                document
                    .error("schema.check", &format!("{pointer}{below}"), message)
                    .hint(hint),
            );
        }
        let title = check.title();
        if check.kinds().len() == 1 && titles.contains(&title) {
            errors.push(
                document
                    .error(
                        "schema.check",
                        &pointer,
                        format!("there are two checks `{title}`"),
                    )
                    .hint("give one of them a `name`: results are kept under it"),
            );
        }
        titles.insert(title);
        let below = if check.sql.is_some() {
            "/sql"
        } else {
            "/relation/asset"
        };
        for name in check.assets() {
            if !loaded.assets.contains_key(&name) {
                let known: Vec<&AssetName> = loaded.assets.keys().collect();
                errors.push(unknown(
                    document,
                    "asset",
                    &format!("{pointer}{below}"),
                    &name,
                    &known,
                ));
            }
        }
    }
}

type Fault = (String, String, &'static str);

fn faults(check: &CheckDecl) -> Vec<Fault> {
    let mut faults: Vec<Fault> = Vec::new();
    let mut refuse = |below: &str, message: &str, hint: &'static str| {
        faults.push((below.to_owned(), message.to_owned(), hint));
    };
    match check.kinds().as_slice() {
        [] => refuse(
            "",
            "it does not say what is checked",
            "write one of `not_null`, `unique`, `accepted_values`, `range`, `regex`, `row_count`, `row_count_anomaly`, \
             `freshness`, `relation`, `sql` and `plugin`",
        ),
        [_] => {}
        many => refuse(
            "",
            &format!("`{}` are several checks", many.join("` and `")),
            "make a check of each",
        ),
    }
    if check.plugin.is_some() {
        if check.reads.is_none() {
            refuse(
                "",
                "a plugin is shown nothing unless `reads` says what",
                "write `reads: [COLUMN, …]`, or `reads: \"*\"` for all but those tagged pii",
            );
        }
    } else {
        for (key, there) in [
            ("reads", check.reads.is_some()),
            ("config", !check.config.is_null()),
            ("http", !check.http.is_empty()),
        ] {
            if there {
                let message = format!("`{key}` is a plugin's, and this check is built in");
                refuse(&format!("/{key}"), &message, "leave it out");
            }
        }
    }
    if check.looks_after() && check.blocking == Some(true) {
        refuse(
            "/blocking",
            "it looks at what lies in the destination, once the load is shown, and so cannot keep it back",
            "leave it out, or check the rows on their way with another check or a plugin",
        );
    }
    for (key, columns) in [("not_null", &check.not_null), ("unique", &check.unique)] {
        let Some(columns) = columns else { continue };
        if columns.0.is_empty() {
            refuse(&format!("/{key}"), "no column is named", "write `[COLUMN, …]`");
        }
        let distinct: BTreeSet<&String> = columns.0.iter().collect();
        if distinct.len() < columns.0.len() {
            refuse(&format!("/{key}"), "a column is named twice", "name it once");
        }
    }
    faults.extend(values(check));
    faults
}

fn values(check: &CheckDecl) -> Vec<Fault> {
    let mut faults: Vec<Fault> = Vec::new();
    let mut refuse = |below: &str, message: &str, hint: &'static str| {
        faults.push((below.to_owned(), message.to_owned(), hint));
    };
    if check
        .accepted_values
        .as_ref()
        .is_some_and(|decl| decl.values.is_empty())
    {
        refuse(
            "/accepted_values/values",
            "no value is accepted",
            "write `values: [A, B]`",
        );
    }
    if check
        .range
        .as_ref()
        .is_some_and(|decl| decl.min.is_none() && decl.max.is_none())
    {
        refuse(
            "/range",
            "everything lies in this range",
            "write `min`, `max`, or both",
        );
    }
    if let Some(decl) = check.row_count {
        match (decl.min, decl.max) {
            (None, None) => refuse(
                "/row_count",
                "any number of rows will do",
                "write `min`, `max`, or both",
            ),
            (Some(min), Some(max)) if min > max => refuse(
                "/row_count",
                "no number of rows is at least `min` and at most `max`",
                "correct one of the two",
            ),
            _ => {}
        }
    }
    if let Some(decl) = check.row_count_anomaly {
        let allowed = RowCountAnomalyDecl::LEAST_HISTORY..=RowCountAnomalyDecl::MOST_HISTORY;
        if !allowed.contains(&decl.history) {
            refuse(
                "/row_count_anomaly/history",
                &format!("a history of {} loads; 5 to 1000 are allowed", decl.history),
                "write for example `history: 20`",
            );
        }
        if !(decl.tolerance.is_finite() && decl.tolerance > 0.0) {
            refuse(
                "/row_count_anomaly/tolerance",
                "it has to be a number above 0",
                "write for example `tolerance: 5`",
            );
        }
    }
    if check.freshness.as_ref().is_some_and(|decl| decl.within.0 == 0) {
        refuse(
            "/freshness/within",
            "nothing is ever new enough",
            "write for example `within: 26h`",
        );
    }
    faults
}
