//! `tidegate plugin list`.

use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value, json};
use tidegate_core::{Error, Errors};
use tidegate_plugin::package::{Lock, Registry, Release, open_registry};

use crate::arguments::ProjectAt;
use crate::output::{Output, Table, brief, printable};
use crate::session;

/// A plugin, where it lies, and whether the lock names it.
struct Line {
    release: Release,
    from: String,
    locked: bool,
}

pub(crate) async fn run(at: &ProjectAt, registry: Option<&str>, output: &Output) -> Result<ExitCode, Errors> {
    let mut lines = Vec::new();
    let mut errors = Vec::new();
    if let Some(place) = registry {
        // Seen from where the command is typed: it need not be one of a project's.
        let registry = open_registry(place, Path::new("")).map_err(Error::from)?;
        of_registry(registry.as_ref(), &Lock::default(), &mut lines, &mut errors).await?;
    } else {
        let project = session::open_project(at)?;
        let lock = project.packages().lock().map_err(Error::from)?;
        for found in project.catalog().all() {
            match found {
                Ok(plugin) => {
                    let release = Release::of(&plugin);
                    lines.push(Line {
                        locked: locked(&lock, &release),
                        from: plugin
                            .file
                            .parent()
                            .unwrap_or(Path::new(""))
                            .display()
                            .to_string(),
                        release,
                    });
                }
                Err(error) => errors.push(error.into()),
            }
        }
        for registry in project.packages().registries() {
            of_registry(registry.as_ref(), &lock, &mut lines, &mut errors).await?;
        }
    }
    show(&lines, &errors, output);
    // What can be listed is; that something cannot, the exit code says too.
    let code = errors.first().map_or(0, |error| error.kind.exit_code());
    Ok(ExitCode::from(code))
}

async fn of_registry(
    registry: &dyn Registry,
    lock: &Lock,
    lines: &mut Vec<Line>,
    errors: &mut Vec<Error>,
) -> Result<(), Error> {
    for name in registry.names().await? {
        for version in registry.versions(&name).await?.iter().rev() {
            match registry.release(&name, version).await {
                Ok(release) => lines.push(Line {
                    locked: locked(lock, &release),
                    from: registry.place().to_owned(),
                    release,
                }),
                Err(error) => errors.push(error.into()),
            }
        }
    }
    Ok(())
}

fn locked(lock: &Lock, release: &Release) -> bool {
    let mut entries = lock.plugins().iter();
    entries.any(|entry| entry.name == release.name && entry.digest == release.digest)
}

fn show(lines: &[Line], errors: &[Error], output: &Output) {
    let plugins: Vec<Value> = lines
        .iter()
        .map(|line| json!({"release": line.release, "from": line.from, "locked": line.locked}))
        .collect();
    output.show(&json!({"plugins": plugins, "errors": errors}), || {
        let mut table = Table::new(&[
            "plugin",
            "version",
            "roles",
            "digest",
            "locked",
            "from",
            "description",
        ]);
        for Line {
            release,
            from,
            locked,
        } in lines
        {
            table.row([
                release.name.clone(),
                release.version.to_string(),
                release.roles.join(", "),
                release.digest.short().to_owned(),
                if *locked { "yes" } else { "" }.to_owned(),
                from.clone(),
                printable(&brief(&release.description)),
            ]);
        }
        if table.is_empty() {
            say!(
                "there are no plugins yet: build one into a folder of `plugins`, or publish one to a registry"
            );
        } else {
            table.print();
        }
        for error in errors {
            complain!("{}\n", error.render());
        }
    });
}
