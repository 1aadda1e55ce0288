//! What a notification watches.

use std::collections::BTreeSet;

use tidegate_core::Errors;
use tidegate_core::plan::AssetName;
use tidegate_core::port::NotificationEvent;
use tidegate_core::schema::Notification;

use crate::project::Project;

/// A notification with its selection evaluated.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    /// The notification.
    pub(super) name: AssetName,
    /// What is told.
    pub(super) on: Vec<NotificationEvent>,
    /// The assets; none where it does not say which.
    pub(super) assets: Option<BTreeSet<AssetName>>,
    /// The jobs.
    pub(super) jobs: BTreeSet<AssetName>,
    /// When a failure that goes on is told again, in milliseconds; none for never.
    pub(super) repeat_after_ms: Option<u64>,
}

impl Rule {
    /// What a notification of a project watches.
    pub(super) fn of(project: &Project, notification: &Notification) -> Result<Self, Errors> {
        let assets = notification
            .select
            .as_ref()
            .map(|select| project.select(&select.0))
            .transpose()?;
        Ok(Self {
            name: notification.name.clone(),
            on: notification.on.clone(),
            assets: assets.map(|assets| assets.into_iter().collect()),
            jobs: notification.jobs.iter().cloned().collect(),
            repeat_after_ms: notification.repeat_after.map(|after| after.0),
        })
    }

    /// Whether runs of a job are told as the job's: those that are named, or all where nothing is.
    pub(super) fn watches_job(&self, job: &str) -> bool {
        let all = self.assets.is_none() && self.jobs.is_empty();
        all || self.jobs.iter().any(|known| known.as_str() == job)
    }

    /// Whether what becomes of an asset is told: of those that are selected, or of all where nothing is named.
    pub(super) fn watches_asset(&self, asset: &AssetName) -> bool {
        match &self.assets {
            Some(assets) => assets.contains(asset),
            None => self.jobs.is_empty(),
        }
    }
}
