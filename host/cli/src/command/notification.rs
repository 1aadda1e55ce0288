//! `tidegate notification`: who is told of what, and what became of the messages.

use std::process::ExitCode;
use std::time::Instant;

use chrono::Utc;
use serde_json::json;
use tidegate_core::port::{DeliveryFilter, DeliveryState, StateStore};
use tidegate_core::schema::Notification;
use tidegate_core::{Errors, Result};
use tidegate_orchestrator::{Project, test_notification};

use super::ticks::instant;
use crate::arguments::{NotificationCommand, ProjectAt};
use crate::output::{Output, Table, brief, duration, printable};
use crate::session;

pub(crate) async fn run(
    at: &ProjectAt,
    command: &NotificationCommand,
    output: &Output,
) -> Result<ExitCode, Errors> {
    let project = session::open_project(at)?;
    match command {
        NotificationCommand::List => {
            let state = session::open_state(&project).await?;
            list(&project, state.as_ref(), output).await?;
        }
        NotificationCommand::History {
            notification,
            state: states,
            before,
            limit,
        } => {
            let state = session::open_state(&project).await?;
            // One that is not in the schema any more has a history too.
            let named = notification.as_deref().map(|name| match name.parse() {
                Ok(name) => Ok(name),
                Err(_) => project.notification(name).map(|found| found.value.name.clone()),
            });
            let filter = DeliveryFilter {
                notification: named.transpose()?,
                states: states.clone(),
                before: *before,
                limit: *limit,
            };
            history(state.as_ref(), &filter, output).await?;
        }
        NotificationCommand::Test { notification } => {
            let notification = &project.notification(notification)?.value;
            test(&project, notification, output).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The channel, in a word.
fn channel(notification: &Notification) -> &'static str {
    if notification.webhook.is_some() {
        "webhook"
    } else if notification.slack.is_some() {
        "slack"
    } else {
        "email"
    }
}

/// What it watches, in a few words.
fn watches(notification: &Notification) -> String {
    let select = notification.select.as_ref().map(|select| select.0.join(", "));
    let jobs = notification.jobs.iter().map(|job| format!("job {job}"));
    let all: Vec<String> = select.into_iter().chain(jobs).collect();
    match all.as_slice() {
        [] => "all".to_owned(),
        all => all.join(", "),
    }
}

async fn list(project: &Project, state: &dyn StateStore, output: &Output) -> Result<()> {
    let known = state.notifications().await?;
    let mut table = Table::new(&["notification", "state", "tells", "of", "through", "since"]);
    let mut listed = Vec::new();
    for (name, placed) in &project.documents().notifications {
        let notification = &placed.value;
        let record = known.iter().find(|record| record.name == *name);
        let tells: Vec<&str> = notification.on.iter().map(|event| event.text()).collect();
        table.row([
            name.to_string(),
            if notification.enabled { "on" } else { "off" }.to_owned(),
            tells.join(", "),
            watches(notification),
            channel(notification).to_owned(),
            record.map(|record| instant(record.since)).unwrap_or_default(),
        ]);
        listed.push(json!({"notification": notification, "record": record}));
    }
    output.show(&listed, || {
        if table.is_empty() {
            say!("there are no notifications; docs/notifications.md shows how one is written");
        } else {
            table.print();
        }
    });
    Ok(())
}

async fn history(state: &dyn StateStore, filter: &DeliveryFilter, output: &Output) -> Result<()> {
    let found = state.deliveries(filter).await?;
    let mut table = Table::new(&[
        ">message",
        "made",
        "notification",
        "event",
        "about",
        "state",
        ">tries",
        "why",
    ]);
    for delivery in &found {
        let why = match (&delivery.error, delivery.state) {
            (Some(error), DeliveryState::Pending | DeliveryState::Failed) => error.to_string(),
            _ => String::new(),
        };
        table.row([
            delivery.sequence.to_string(),
            instant(delivery.created_at),
            delivery.notification.to_string(),
            delivery.event.text().to_owned(),
            printable(&delivery.subject),
            delivery.state.text().to_owned(),
            delivery.attempts.to_string(),
            brief(&printable(&why)),
        ]);
    }
    output.show(&found, || {
        if table.is_empty() {
            say!("no messages");
        } else {
            table.print();
        }
    });
    Ok(())
}

async fn test(project: &Project, notification: &Notification, output: &Output) -> Result<()> {
    let begun = Instant::now();
    let sent = test_notification(project, notification, Utc::now()).await?;
    let took = duration(begun.elapsed().as_millis() as u64);
    output.show(&sent, || {
        let status = sent.status.map(|status| format!(" with status {status}"));
        say!("taken in {took}{}", status.unwrap_or_default());
        if !sent.answer.is_empty() {
            say!("{}", printable(&sent.answer));
        }
    });
    Ok(())
}
