//! `tidegate plan`: what a run would do.

use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value, json};
use tidegate_core::Errors;
use tidegate_core::plan::{CheckKind, CheckStep, SliceRule, SqlSpec, Step};
use tidegate_core::port::{Change, ChangeBy};
use tidegate_core::schema::{ByteSize, Column, Millis};
use tidegate_orchestrator::{AssetPlan, PlannedStep, Project, secret_names};
use tidegate_plugin::PinnedResource;

use crate::arguments::{Chosen, Plan, ProjectAt, Selection};
use crate::command::grant;
use crate::output::{Output, Table};
use crate::session;

pub(crate) async fn run(at: &ProjectAt, arguments: &Plan, output: &Output) -> Result<ExitCode, Errors> {
    let selection = &arguments.selection;
    let project = session::open_locked(at, selection.locked)?;
    let everything = Selection {
        chosen: Chosen::default(),
        all: true,
        partition: selection.partition.clone(),
        partition_range: selection.partition_range.clone(),
        locked: selection.locked,
    };
    let asked = if selection.chosen.texts().is_empty() {
        &everything
    } else {
        selection
    };
    let plans = session::plans(&project, asked).await?;
    let mut changes = Vec::new();
    let mut errors = Vec::new();
    for plan in &plans {
        let found = if arguments.apply {
            project.apply_changes(plan).await
        } else {
            project.changes(plan).await
        };
        changes.push(found.unwrap_or_else(|error| {
            // One server that is down is told of once.
            if !errors.contains(&error) {
                errors.push(error);
            }
            Vec::new()
        }));
    }
    let described: Vec<Value> = plans
        .iter()
        .zip(&changes)
        .map(|(plan, changes)| describe(plan, changes, &project))
        .collect();
    output.show(&described, || {
        for (plan, changes) in plans.iter().zip(&changes) {
            print(plan, &project);
            print_changes(changes, arguments.apply);
            say!();
        }
    });
    Errors::or(errors, ExitCode::SUCCESS)
}

/// What is different at the destination, and who makes it right.
fn print_changes(changes: &[Change], applied: bool) {
    for change in changes {
        let by = match (change.by, applied) {
            (ChangeBy::Hand, _) => "by hand, since data could be lost",
            (_, true) => "made",
            (ChangeBy::Run, false) => "a run makes it, and so does --apply",
            (ChangeBy::Evolve, false) => "--apply makes it, and so does a run under `contract: evolve`",
        };
        say!("  change       {} ({by})", change.what);
        for line in change.statement.lines() {
            say!("               {line}");
        }
    }
}

/// Where an asset will lie.
pub(crate) fn location(plan: &AssetPlan, project: &Project) -> String {
    shorten(&project.locate(plan), project)
}

/// A path as seen from the project's folder.
pub(crate) fn shorten(path: &str, project: &Project) -> String {
    let absolute = std::fs::canonicalize(project.root()).unwrap_or_default();
    for root in [absolute.as_path(), project.root()] {
        if let Ok(inside) = Path::new(path).strip_prefix(root) {
            return inside.display().to_string();
        }
    }
    path.to_owned()
}

/// How many there are; none without partitions, and of dynamic ones, which only the state knows.
fn partitions(plan: &AssetPlan) -> Option<usize> {
    let slices = plan.partitioning.as_ref()?;
    let counted = slices.dynamic().is_none();
    counted.then(|| slices.keys(chrono::Utc::now(), &[]).count())
}

fn slices(plan: &AssetPlan) -> String {
    let Some(slices) = &plan.partitioning else {
        return String::new();
    };
    let mut text = match (partitions(plan), slices.dynamic()) {
        (Some(count), _) => format!(", {count} partitions"),
        (None, name) => format!(
            ", a partition for each key of {}",
            name.map_or("", |name| name.as_str())
        ),
    };
    if plan.slice == SliceRule::Filter {
        text.push_str(", rows of others left out");
    }
    text
}

fn source(plan: &AssetPlan) -> String {
    if !plan.upstream.is_empty() {
        let names: Vec<String> = plan.upstream.iter().map(ToString::to_string).collect();
        let word = if plan.source.config.pointer("/configured/query").is_some() {
            "SQL over"
        } else {
            "asset"
        };
        return format!("{word} {}", names.join(", "));
    }
    let what = ["/files/path", "/configured/table", "/configured/query"]
        .iter()
        .find_map(|pointer| plan.source.config.pointer(pointer)?.as_str());
    format!("{} {}", plan.source.connector, what.unwrap_or_default())
        .trim_end()
        .to_owned()
}

fn describe(plan: &AssetPlan, changes: &[Change], project: &Project) -> Value {
    json!({
        "asset": plan.name,
        "source": source(plan),
        "deps": plan.deps,
        "source_plugin": describe_resource(plan.source_plugin(), &plan.source.config),
        "partitions": partitions(plan),
        "reads": plan.source.columns,
        "steps": plan.steps,
        "checks": plan.checks,
        "load": plan.destination.load,
        "destination": location(plan, project),
        "destination_plugin": describe_resource(plan.destination_plugin(), &plan.destination.config),
        "columns": Column::of_schema(&plan.loaded),
        "changes": changes,
    })
}

fn print(plan: &AssetPlan, project: &Project) {
    say!("{}", plan.name);
    say!("  source       {}{}", source(plan), slices(plan));
    if let Some(above) = plan.above.iter().find(|above| {
        Some(&above.name) == plan.reads.as_ref()
            && above.partitioning.is_some()
            && plan.partitioning.is_some()
    }) {
        say!("               of its partitions {}", above.mapping);
    }
    if let Some(cursor) = &plan.source.cursor {
        say!("               only what is new by {}", cursor.column);
    }
    if !plan.deps.is_empty() {
        let names: Vec<&str> = plan
            .deps
            .iter()
            .map(tidegate_core::plan::AssetName::as_str)
            .collect();
        say!("  comes behind {}", names.join(", "));
    }
    print_resource(plan.source_plugin(), &plan.source.config);
    for step in &plan.steps {
        print_step(step);
    }
    for check in &plan.checks {
        print_check(check);
    }
    say!(
        "  destination  {} ({})",
        location(plan, project),
        plan.destination.load.text()
    );
    print_resource(plan.destination_plugin(), &plan.destination.config);
    let mut table = Table::new(&["    column", "type", "from"]);
    for field in Column::of_schema(&plan.loaded).unwrap_or_default() {
        let required = if field.nullable { "" } else { " not null" };
        table.row([
            format!("    {}", field.name),
            format!("{}{required}", field.data_type),
            lineage(plan, &field.name),
        ]);
    }
    table.print();
}

fn print_step(step: &PlannedStep) {
    let spec = match &step.spec {
        Step::Plugin(spec) => spec,
        Step::Sql(spec) => return print_sql(spec),
    };
    let grant = &spec.grant;
    say!(
        "  transform    {}@{} ({})",
        spec.plugin,
        spec.version,
        spec.digest.short()
    );
    say!("               shown    {}", grant.reads.join(", "));
    if !grant.writes.is_empty() {
        say!("               writes   {}", grant.writes.join(", "));
    }
    if !spec.drops.is_empty() {
        say!("               drops    {}", spec.drops.join(", "));
    }
    if !step.secrets.is_empty() {
        say!("               secrets  {}", step.secrets.join(", "));
    }
    for grant in &grant.http {
        say!("               http     {}", grant::http(grant));
    }
    say!(
        "               limits   {} memory, {} a batch",
        ByteSize(grant.memory_bytes),
        Millis(grant.time_per_batch_ms)
    );
}

fn print_sql(spec: &SqlSpec) {
    let mut lines = spec.sql.trim().lines();
    say!("  transform    {}", lines.next().unwrap_or_default());
    for line in lines {
        say!("               {line}");
    }
    if !spec.tables.is_empty() {
        let names: Vec<&str> = spec.tables.iter().map(|table| table.asset.as_str()).collect();
        say!("               reads    {}", names.join(", "));
    }
    say!("               limits   {} memory", ByteSize(spec.memory_bytes));
}

/// What a source or destination that is a plugin may do; `config` is the asset's part.
fn print_resource(pinned: Option<PinnedResource>, config: &Value) {
    let Some(pinned) = pinned else { return };
    say!(
        "               plugin   {} ({})",
        pinned.shown(),
        pinned.digest.short()
    );
    let secrets = resource_secrets(&pinned, config);
    if !secrets.is_empty() {
        say!("               secrets  {}", secrets.join(", "));
    }
    for grant in &pinned.grant.http {
        say!("               http     {}", grant::http(grant));
    }
    say!(
        "               limits   {} memory, {} a call",
        ByteSize(pinned.grant.memory_bytes),
        Millis(pinned.grant.time_per_call_ms)
    );
}

/// The names of secrets that are handed into the sandbox of a resource's plugin.
fn resource_secrets(pinned: &PinnedResource, config: &Value) -> Vec<String> {
    let mut names = secret_names(&Value::Object(pinned.config.clone()));
    names.extend(secret_names(config));
    names.sort();
    names.dedup();
    names
}

fn describe_resource(pinned: Option<PinnedResource>, config: &Value) -> Value {
    pinned.map_or(Value::Null, |pinned| {
        json!({
            "plugin": pinned.plugin,
            "version": pinned.version,
            "digest": pinned.digest,
            "secrets": resource_secrets(&pinned, config),
            "grant": pinned.grant,
        })
    })
}

fn print_check(step: &CheckStep) {
    let check = match &step.kind {
        CheckKind::Plugin(check) => check,
        CheckKind::Stream(_) | CheckKind::Loaded(_) => {
            let name = step.name.as_deref().unwrap_or_default();
            let when = if step.looks_at_rows() {
                "rows on their way"
            } else {
                "what lies there, once it is loaded"
            };
            say!("  check        {name}");
            say!("               looks at {when}");
            return;
        }
    };
    let short = check.digest.short();
    say!("  check        {}@{} ({short})", check.plugin, check.version);
    say!("               shown    {}", check.grant.reads.join(", "));
    for grant in &check.grant.http {
        say!("               http     {}", grant::http(grant));
    }
}

/// What a loaded column is made from, through every step.
pub(crate) fn lineage(plan: &AssetPlan, column: &str) -> String {
    let read = plan.reads.as_ref();
    let from = plan.lineage_of(column).from;
    let names = from.iter().map(|origin| match (&origin.asset, &origin.column) {
        // Columns of the one asset that is read are named as they are; those that SQL joined, with their asset.
        (Some(asset), Some(column)) if Some(asset) != read => format!("{asset}.{column}"),
        (_, Some(column)) => column.clone(),
        // A query that the database runs gives the column under its own name.
        (_, None) => String::new(),
    });
    let names: Vec<String> = names.filter(|name| !name.is_empty()).collect();
    if names.is_empty() && !from.is_empty() {
        return column.to_owned();
    }
    names.join(", ")
}
