//! What is to be launched: a job, or a selection of assets.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use tidegate_core::plan::{AssetName, PartitionKey};
use tidegate_core::port::{NewRun, StateStore};
use tidegate_core::schema::{Job, OneOrMany, RetryDecl, Schedule, Sensor};
use tidegate_core::{Error, Errors, Kind, Result};

use super::slices::Slices;
use crate::error::OrchestratorError;
use crate::project::{Project, RunConfig};
use crate::run::{Launch, QueueOptions};

/// What is to be launched, as the documents say it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Wanted {
    /// The job that it is.
    pub job: Option<AssetName>,
    /// The assets, in the order in which they are made from each other.
    pub assets: Vec<AssetName>,
    /// Which slices, as it is written; none for `latest`.
    pub partition: Option<Vec<String>>,
    /// Whether it is a job with steps. The assets are those that its steps materialize.
    pub steps: bool,
    /// The tags of its runs.
    pub tags: BTreeMap<String, String>,
    /// The priority of its runs.
    pub priority: i64,
    /// How long an attempt may take, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// How an attempt is made again.
    pub retry: Option<RetryDecl>,
    /// Whether everything is read.
    pub full_refresh: bool,
    /// Config of plugins in place of what the schema says.
    #[serde(skip_serializing_if = "RunConfig::is_empty")]
    pub config: RunConfig,
}

impl Wanted {
    /// A job of the project, by its name.
    pub fn job(project: &Project, name: &AssetName) -> Result<Self, Errors> {
        let jobs = &project.documents().jobs;
        let job = jobs
            .get(name)
            .ok_or_else(|| unknown("job", name.as_str(), jobs.keys()))?;
        Self::of_job(project, &job.value)
    }

    fn of_job(project: &Project, job: &Job) -> Result<Self, Errors> {
        let assets = match &job.select {
            Some(select) => selected(project, select)?,
            None => made_by(project, job)?,
        };
        Ok(Self {
            job: Some(job.name.clone()),
            assets,
            steps: !job.steps.is_empty(),
            partition: job.partition.clone().map(|keys| keys.0),
            tags: job.tags.clone(),
            priority: job.priority,
            timeout_ms: job.timeout.map(|timeout| timeout.0),
            retry: job.retry,
            full_refresh: job.full_refresh,
            config: RunConfig::default(),
        })
    }

    /// What a schedule launches; none where it does other work.
    pub fn of_schedule(project: &Project, schedule: &Schedule) -> Result<Option<Self>, Errors> {
        if schedule.maintenance.is_some() {
            return Ok(None);
        }
        let (job, select) = (schedule.job.as_ref(), schedule.select.as_ref());
        let mut wanted = Self::of(project, job, select, schedule.partition.as_ref(), &schedule.tags)?;
        wanted
            .tags
            .insert("tidegate/schedule".into(), schedule.name.to_string());
        Ok(Some(wanted))
    }

    /// What a sensor launches.
    pub fn of_sensor(project: &Project, sensor: &Sensor) -> Result<Self, Errors> {
        let (job, select) = (sensor.job.as_ref(), sensor.select.as_ref());
        let mut wanted = Self::of(project, job, select, sensor.partition.as_ref(), &sensor.tags)?;
        wanted
            .tags
            .insert("tidegate/sensor".into(), sensor.name.to_string());
        Ok(wanted)
    }

    fn of(
        project: &Project,
        job: Option<&AssetName>,
        select: Option<&OneOrMany>,
        partition: Option<&OneOrMany>,
        tags: &BTreeMap<String, String>,
    ) -> Result<Self, Errors> {
        let mut wanted = match (job, select) {
            (Some(job), _) => Self::job(project, job)?,
            (None, select) => Self {
                job: None,
                assets: selected(project, select.unwrap_or(&OneOrMany::default()))?,
                partition: None,
                steps: false,
                tags: BTreeMap::new(),
                priority: 0,
                timeout_ms: None,
                retry: None,
                full_refresh: false,
                config: RunConfig::default(),
            },
        };
        if let Some(OneOrMany(keys)) = partition {
            wanted.partition = Some(keys.clone());
        }
        wanted.tags.extend(tags.clone());
        Ok(wanted)
    }

    /// The runs that this comes to at an instant, one for each slice that is named. `key` names them: a second run of one
    /// key is not made. No run where no slice has ended.
    pub async fn runs(
        &self,
        project: &Project,
        state: &dyn StateStore,
        key: Option<&str>,
        at: DateTime<Utc>,
    ) -> Result<Vec<NewRun>> {
        let choice = self.partition.clone().map(OneOrMany);
        let each = Slices::of(choice.as_ref(), at);
        let several = each.len() > 1;
        let mut runs = Vec::new();
        for slices in each {
            let key = key.map(|key| match slices.key() {
                Some(slice) if several => format!("{key}:{slice}"),
                _ => key.to_owned(),
            });
            if self.steps {
                runs.push(self.step_run(project, slices.key(), key)?);
                continue;
            }
            let items = slices.items(project, state, &self.assets).await?;
            if !items.is_empty() {
                runs.push(self.run(project, slices.key(), items, key));
            }
        }
        Ok(runs)
    }

    fn run(
        &self,
        project: &Project,
        slice: Option<&str>,
        partitions: Vec<(AssetName, PartitionKey)>,
        run_key: Option<String>,
    ) -> NewRun {
        self.launch(project, slice)
            .new_run(partitions, self.options(run_key))
    }

    /// A run of the job's steps. The slice is theirs to make something of.
    fn step_run(&self, project: &Project, slice: Option<&str>, run_key: Option<String>) -> Result<NewRun> {
        let name = self.job.as_ref().map_or("", AssetName::as_str);
        let job = &project.job(name)?.value;
        let launch = Launch {
            steps_of: self.job.clone(),
            ..self.launch(project, slice)
        };
        Ok(launch.new_step_run(job, self.options(run_key)))
    }

    fn launch(&self, project: &Project, slice: Option<&str>) -> Launch {
        Launch {
            assets: self.assets.clone(),
            partition: slice.map(str::to_owned),
            full_refresh: self.full_refresh,
            config: self.config.clone(),
            target: project.target().map(str::to_owned),
            timeout_ms: self.timeout_ms,
            retry: self.retry,
            ..Launch::default()
        }
    }

    fn options(&self, run_key: Option<String>) -> QueueOptions {
        QueueOptions {
            priority: self.priority,
            job: self.job.as_ref().map(ToString::to_string),
            tags: self.tags.clone(),
            run_key,
        }
    }
}

/// The assets of a selection; an error where it means none.
fn selected(project: &Project, select: &OneOrMany) -> Result<Vec<AssetName>, Errors> {
    let assets = project.select(&select.0)?;
    if assets.is_empty() {
        return Err(Error::from(OrchestratorError::NothingSelected).into());
    }
    Ok(assets)
}

/// The assets that the steps of a job materialize.
fn made_by(project: &Project, job: &Job) -> Result<Vec<AssetName>, Errors> {
    let materialize = job.steps.iter().filter_map(|step| step.materialize.as_ref());
    let selections: Vec<String> = materialize.flat_map(|each| each.select.0.clone()).collect();
    project.select(&selections)
}

/// There is no job, schedule or sensor of a name.
pub(super) fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a AssetName>) -> Error {
    let known: Vec<&str> = known.map(AssetName::as_str).collect();
    let hint = match tidegate_core::schema::closest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => format!("the project has no {what}"),
        None => format!("the {what}s are {}", known.join(", ")),
    };
    let code = match what {
        "job" => "job.unknown",
        "schedule" => "schedule.unknown",
        "notification" => "notification.unknown",
        _ => "sensor.unknown",
    };
    Error::new(Kind::Usage, code, format!("there is no {what} `{name}`")).hint(hint)
}
