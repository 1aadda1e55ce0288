//! `tidegate asset lineage`: columns, from the sources down to what is made from them.

use std::collections::BTreeMap;
use std::process::ExitCode;

use serde_json::json;
use tidegate_core::plan::AssetName;
use tidegate_core::schema::closest;
use tidegate_core::{Error, Errors, Kind};
use tidegate_orchestrator::{ColumnLineage, Origin, Project};

use crate::arguments::ProjectAt;
use crate::output::{Output, Table};
use crate::session;

type Known = BTreeMap<AssetName, Vec<ColumnLineage>>;

pub(super) async fn run(at: &ProjectAt, what: &str, output: &Output) -> Result<ExitCode, Errors> {
    let project = session::open_project(at)?;
    let (name, column) = match what.split_once('.') {
        Some((name, column)) => (name, Some(column)),
        None => (what, None),
    };
    let name = session::asset(&project, name)?;
    let mut known = project.lineage_above(&name).await?;
    let own = known.get(&name).cloned().unwrap_or_default();
    if let Some(column) = column
        && own.iter().all(|each| each.column != column)
    {
        return Err(unknown(&name, column, &own).into());
    }
    let below = project.lineage_below(&name).await?;
    known.extend(below.clone());
    let columns: Vec<&ColumnLineage> = own
        .iter()
        .filter(|each| column.is_none_or(|wanted| each.column == wanted))
        .collect();
    let described: Vec<_> = columns
        .iter()
        .map(|each| {
            json!({
                "column": each.column,
                "from": each.from,
                "made_by": each.made_by,
                "roots": roots(&known, &name, &each.column),
                "into": into(&below, &name, &each.column),
            })
        })
        .collect();
    output.show(&json!({"asset": name, "columns": described}), || match column {
        Some(column) => {
            print(&project, &known, &name, column, 0);
            for origin in into(&below, &name, column) {
                say!("made into {}", shown(&project, &name, &origin));
            }
        }
        None => table(&project, &known, &below, &name, &columns),
    });
    Ok(ExitCode::SUCCESS)
}

fn unknown(asset: &AssetName, column: &str, own: &[ColumnLineage]) -> Error {
    let names: Vec<&str> = own.iter().map(|each| each.column.as_str()).collect();
    let hint = match closest(column, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the columns are {}", names.join(", ")),
    };
    Error::new(
        Kind::Usage,
        "asset.unknown_column",
        format!("`{asset}` loads no column `{column}`"),
    )
    .hint(hint)
}

fn find<'a>(known: &'a Known, asset: &AssetName, column: &str) -> Option<&'a ColumnLineage> {
    known.get(asset)?.iter().find(|each| each.column == column)
}

/// Where values come into the project: columns of sources, with the asset that reads each. The graph has no cycles, so this
/// ends; a column that is reached twice is told once.
fn roots(known: &Known, asset: &AssetName, column: &str) -> Vec<Origin> {
    let mut found: Vec<Origin> = Vec::new();
    let mut seen: Vec<(AssetName, String)> = vec![(asset.clone(), column.to_owned())];
    let mut at = 0;
    while let Some((asset, column)) = seen.get(at).cloned() {
        at += 1;
        let from = find(known, &asset, &column).map_or(&[][..], |lineage| lineage.from.as_slice());
        for origin in from {
            let next = match (&origin.asset, &origin.column) {
                (Some(above), Some(column)) => Some((above.clone(), column.clone())),
                _ => None,
            };
            match next {
                Some(next) if !seen.contains(&next) => seen.push(next),
                Some(_) => {}
                None => {
                    let root = Origin {
                        asset: origin.asset.clone().or_else(|| Some(asset.clone())),
                        column: origin.column.clone(),
                    };
                    if !found.contains(&root) {
                        found.push(root);
                    }
                }
            }
        }
    }
    found
}

/// The columns that are directly made from one.
fn into(below: &Known, asset: &AssetName, column: &str) -> Vec<Origin> {
    let mut found = Vec::new();
    for (name, columns) in below {
        for each in columns {
            let made = each.from.iter().any(|origin| {
                origin.asset.as_ref() == Some(asset)
                    && origin.column.as_deref().is_none_or(|from| from == column)
            });
            if made {
                found.push(Origin {
                    asset: Some(name.clone()),
                    column: Some(each.column.clone()),
                });
            }
        }
    }
    found
}

/// An origin as it is read: `orders.id`, `orders` where the column is not known, or the column of a source.
fn shown(project: &Project, reader: &AssetName, origin: &Origin) -> String {
    match (&origin.asset, &origin.column) {
        (Some(asset), Some(column)) => format!("{asset}.{column}"),
        (Some(asset), None) => format!("{asset} (a query that its database runs)"),
        (None, column) => {
            let asset = project.documents().assets.get(reader);
            let resource = asset.and_then(|asset| asset.value.source.resource.as_ref());
            let source = resource.map_or("source", AssetName::as_str);
            format!("{} of {source}", column.as_deref().unwrap_or_default())
        }
    }
}

/// Roots as they are read: `id of raw`, once for each, and assets that a query names.
fn first_from(project: &Project, roots: &[Origin]) -> String {
    let mut told: Vec<String> = Vec::new();
    for root in roots {
        let text = match (&root.asset, &root.column) {
            (Some(reader), Some(column)) => {
                let source = Origin {
                    asset: None,
                    column: Some(column.clone()),
                };
                shown(project, reader, &source)
            }
            (Some(asset), None) => asset.to_string(),
            (None, _) => continue,
        };
        if !told.contains(&text) {
            told.push(text);
        }
    }
    told.join(", ")
}

fn print(project: &Project, known: &Known, asset: &AssetName, column: &str, depth: usize) {
    let Some(lineage) = find(known, asset, column) else {
        return;
    };
    let by = if lineage.made_by.is_empty() {
        String::new()
    } else {
        format!("  made by {}", lineage.made_by.join(", "))
    };
    say!("{}{asset}.{column}{by}", "  ".repeat(depth));
    for origin in &lineage.from {
        match (&origin.asset, &origin.column) {
            (Some(above), Some(column)) => print(project, known, above, column, depth + 1),
            _ => say!("{}{}", "  ".repeat(depth + 1), shown(project, asset, origin)),
        }
    }
}

fn table(project: &Project, known: &Known, below: &Known, name: &AssetName, columns: &[&ColumnLineage]) {
    let list = |origins: &[Origin]| {
        let each = origins.iter().map(|origin| shown(project, name, origin));
        each.collect::<Vec<_>>().join(", ")
    };
    let mut table = Table::new(&["column", "from", "made by", "first from", "made into"]);
    for each in columns {
        table.row([
            each.column.clone(),
            list(&each.from),
            each.made_by.join(", "),
            first_from(project, &roots(known, name, &each.column)),
            list(&into(below, name, &each.column)),
        ]);
    }
    table.print();
}
