//! `tidegate plugin lock` and `tidegate plugin update`.

use std::process::ExitCode;

use tidegate_core::Errors;
use tidegate_plugin::package::{LockChange, LockEntry};

use crate::arguments::ProjectAt;
use crate::output::{Output, Table};
use crate::session;

pub(crate) async fn lock(at: &ProjectAt, names: &[String], output: &Output) -> Result<ExitCode, Errors> {
    let project = session::open_project(at)?;
    show(&project.lock_plugins(names).await?, output);
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn update(at: &ProjectAt, names: &[String], output: &Output) -> Result<ExitCode, Errors> {
    let project = session::open_project(at)?;
    show(&project.update_plugins(names).await?, output);
    Ok(ExitCode::SUCCESS)
}

fn show(changes: &[LockChange], output: &Output) {
    output.show(&changes, || {
        if changes.is_empty() {
            say!("tidegate.lock is as it should be");
            return;
        }
        let mut table = Table::new(&["plugin", "was", "now", "from"]);
        for change in changes {
            let from: Vec<String> = change.now.iter().map(LockEntry::from).collect();
            table.row([
                change.name.clone(),
                versions(&change.was),
                versions(&change.now),
                from.join(", "),
            ]);
        }
        table.print();
        say!();
        say!("next: look at the change of tidegate.lock, then commit it");
    });
}

/// `1.2.0 (77d3a1b2c4e5)`, so that other bytes under one version are seen.
fn versions(entries: &[LockEntry]) -> String {
    let entries = entries.iter();
    let shown: Vec<String> = entries
        .map(|entry| format!("{} ({})", entry.version, entry.digest.short()))
        .collect();
    if shown.is_empty() {
        "-".into()
    } else {
        shown.join(", ")
    }
}
