//! `tidegate plugin test`: the conformance suite over a plugin and its examples.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use serde_json::json;
use tidegate_core::schema::Millis;
use tidegate_core::{Error, Errors, Kind};
use tidegate_plugin::conformance::{Example, Finding, Outcome, Subject, conformance};
use tidegate_plugin::{LogLine, LogSink, Plugin, Runtime};

use super::{build, limits, runtime, shown};
use crate::arguments::TestPlugin;
use crate::output::{Output, Table, printable};

/// The cases trap plugins on purpose, and what they then say is not news.
struct Silent;

impl LogSink for Silent {
    fn line(&self, _: LogLine) {}
}

pub(crate) async fn run(test: &TestPlugin, output: &Output) -> Result<ExitCode, Errors> {
    // Before a build, which takes its time.
    let time = test.time_per_batch.clone().map(Millis::try_from).transpose();
    let time = time.map_err(|why| Error::new(Kind::Usage, "plugin.time", why))?;
    let runtime = runtime()?;
    let plugin = plugin(&runtime, &test.plugin).await?;
    let examples = examples(test, &plugin.manifest.roles)?;
    let mut limits = limits(&plugin);
    limits.time_per_batch = time.unwrap_or(limits.time_per_batch);
    let subject = Subject {
        runtime,
        plugin: Arc::new(plugin),
        limits,
        log: if test.log { shown() } else { Arc::new(Silent) },
    };
    let findings = conformance(&subject, &examples).await;
    let count = |outcome: Outcome| {
        findings
            .iter()
            .filter(|finding| finding.outcome == outcome)
            .count()
    };
    let (passed, failed, skipped) = (
        count(Outcome::Passed),
        count(Outcome::Failed),
        count(Outcome::Skipped),
    );
    let manifest = &subject.plugin.manifest;
    let answer = json!({
        "plugin": manifest.name,
        "version": manifest.version,
        "digest": subject.plugin.digest,
        "passed": passed,
        "failed": failed,
        "skipped": skipped,
        "findings": findings,
    });
    output.show(&answer, || {
        table(&findings).print();
        say!();
        say!(
            "{}@{}: {passed} passed, {failed} failed, {skipped} skipped",
            manifest.name,
            manifest.version
        );
    });
    Ok(match failed {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::from(Kind::Plugin.exit_code()),
    })
}

/// A component as it is, or what a folder builds to.
async fn plugin(runtime: &Runtime, path: &Path) -> Result<Plugin, Error> {
    if path.is_dir() {
        return build::built(runtime, path, None).await;
    }
    Ok(Plugin::read(path)?)
}

/// Those of the folder told, else of the one beside the source or the component. A destination need not have any.
fn examples(test: &TestPlugin, roles: &[String]) -> Result<Vec<Example>, Errors> {
    if let Some(folder) = &test.examples {
        return Example::read_folder(folder, roles);
    }
    let beside = if test.plugin.is_dir() {
        test.plugin.clone()
    } else {
        test.plugin.parent().map(Path::to_owned).unwrap_or_default()
    };
    let folder = beside.join("examples");
    if roles == ["destination"] && !folder.exists() {
        return Ok(vec![Example::any_load()?]);
    }
    Example::read_folder(&folder, roles)
}

fn table(findings: &[Finding]) -> Table {
    let mut table = Table::new(&["example", "case", "result", "what was seen"]);
    for finding in findings {
        let result = match finding.outcome {
            Outcome::Passed => "passed",
            Outcome::Failed => "FAILED",
            Outcome::Skipped => "skipped",
        };
        table.row([
            finding.example.clone(),
            finding.case.to_owned(),
            result.to_owned(),
            printable(&finding.message),
        ]);
    }
    table
}
