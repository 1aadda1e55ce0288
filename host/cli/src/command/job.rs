//! `tidegate job`: assets that are run together.

use std::process::ExitCode;
use std::sync::Arc;

use chrono::Utc;
use serde_json::json;
use tidegate_core::port::Inserted;
use tidegate_core::{Error, Errors, Kind};
use tidegate_orchestrator::{Launch, OrchestratorError, Project, Wanted};

use crate::arguments::{JobCommand, LaunchJob, ProjectAt};
use crate::command::backfill;
use crate::command::run::{STOPPING, orchestrator, show as show_report, stop_when_told};
use crate::command::steps;
use crate::output::{Output, Table, Watch, brief, counted};
use crate::session;

pub(crate) async fn run(at: &ProjectAt, command: &JobCommand, output: &Output) -> Result<ExitCode, Errors> {
    let project = Arc::new(session::open_project(at)?);
    match command {
        JobCommand::List => list(&project, output)?,
        JobCommand::Show { job } => show(&project, job, output)?,
        JobCommand::Backfill { job, options } => {
            let wanted = Wanted::job(&project, &project.job(job)?.value.name)?;
            if wanted.steps {
                let message = format!("the job `{job}` has steps, and a backfill makes slices of assets");
                return Err(Error::new(Kind::Usage, "job.steps", message)
                    .hint(format!(
                        "tidegate job launch {job} --partition KEY --queue, once for each; or tidegate backfill launch ASSET"
                    ))
                    .into());
            }
            let assets = wanted.assets;
            let orchestrator = orchestrator(&project, Arc::new(Watch::new(true)), None).await?;
            let request = backfill::of_assets(&orchestrator, assets, options);
            return backfill::launch(&orchestrator, &request, output).await;
        }
        JobCommand::Launch(launch) if launch.queue => enqueue(&project, launch, output).await?,
        JobCommand::Launch(launch) => return carry_out(&project, launch, output).await,
    }
    Ok(ExitCode::SUCCESS)
}

fn list(project: &Project, output: &Output) -> Result<(), Errors> {
    let mut table = Table::new(&["job", ">assets", "partition", "selects", "description"]);
    let mut listed = Vec::new();
    for (name, job) in &project.documents().jobs {
        let wanted = Wanted::job(project, name)?;
        table.row([
            name.to_string(),
            wanted.assets.len().to_string(),
            if wanted.steps {
                String::new()
            } else {
                slices(&wanted)
            },
            match &job.value.select {
                Some(select) => select.0.join(", "),
                None => counted(job.value.steps.len(), "step"),
            },
            brief(job.value.description.as_deref().unwrap_or_default()),
        ]);
        listed.push(json!({"name": name, "description": job.value.description, "wanted": wanted}));
    }
    output.show(&listed, || {
        if table.is_empty() {
            say!("there are no jobs; docs/jobs.md shows how one is written");
        } else {
            table.print();
        }
    });
    Ok(())
}

/// Which slices, as it is written.
pub(super) fn slices(wanted: &Wanted) -> String {
    match &wanted.partition {
        Some(keys) => keys.join(", "),
        None => "latest".into(),
    }
}

fn show(project: &Project, job: &str, output: &Output) -> Result<(), Errors> {
    let job = &project.job(job)?.value;
    let wanted = Wanted::job(project, &job.name)?;
    output.show(&json!({"job": job, "wanted": wanted}), || {
        say!("job {}", job.name);
        if let Some(description) = &job.description {
            say!("{}", description.trim_end());
        }
        let names: Vec<&str> = wanted
            .assets
            .iter()
            .map(tidegate_core::plan::AssetName::as_str)
            .collect();
        if !wanted.steps || !names.is_empty() {
            say!("  assets     {}", names.join(", "));
        }
        if !wanted.steps {
            say!("  partition  {}", slices(&wanted));
        }
        for (key, value) in &wanted.tags {
            say!("  tag        {key}={value}");
        }
        if wanted.priority != 0 {
            say!("  priority   {}", wanted.priority);
        }
        if let Some(timeout) = job.timeout {
            say!("  timeout    {timeout}");
        }
        if let Some(retry) = &job.retry {
            say!("  attempts   {}", retry.max_attempts);
        }
        if wanted.steps {
            say!();
            steps::declared(job).print();
        }
        say!("\nnext: tidegate job launch {}", job.name);
    });
    Ok(())
}

/// What the command line says stands over what the job does.
fn wanted(project: &Project, launch: &LaunchJob) -> Result<Wanted, Errors> {
    let job = &project.job(&launch.job)?.value;
    let mut wanted = Wanted::job(project, &job.name)?;
    if !launch.partition.is_empty() {
        wanted.partition = Some(launch.partition.clone());
    }
    wanted.tags.extend(launch.tag.iter().cloned());
    wanted.config = session::run_config(&launch.config)?;
    wanted.priority = launch.priority.unwrap_or(wanted.priority);
    Ok(wanted)
}

async fn enqueue(project: &Arc<Project>, launch: &LaunchJob, output: &Output) -> Result<(), Errors> {
    let wanted = wanted(project, launch)?;
    if !wanted.config.is_empty() {
        // What does not fit is told now, not when a worker takes the run.
        project.prepare_with(&wanted.assets, &wanted.config).await?;
    }
    let orchestrator = orchestrator(project, Arc::new(Watch::new(true)), None).await?;
    let (state, key) = (orchestrator.state.as_ref(), launch.run_key.as_deref());
    let runs = wanted.runs(project, state, key, Utc::now()).await?;
    let mut launched = Vec::new();
    for run in &runs {
        let (id, known) = match orchestrator.state.insert_run(run).await? {
            Inserted::New => (run.id, false),
            Inserted::Known(id) => (id, true),
        };
        launched.push(json!({"run": id, "known": known}));
        if !output.is_json() {
            if known {
                say!("run {id} was asked for before under this key; no other was made");
            } else {
                say!("run {id} waits in the queue");
            }
        }
    }
    output.show(&launched, || {
        if launched.is_empty() {
            say!("nothing to run: no slice has ended yet");
        }
    });
    Ok(())
}

async fn carry_out(project: &Arc<Project>, launch: &LaunchJob, output: &Output) -> Result<ExitCode, Errors> {
    let wanted = wanted(project, launch)?;
    let watch = Arc::new(Watch::new(output.is_json()));
    let orchestrator = orchestrator(project, watch.clone(), None).await?;
    let state = orchestrator.state.as_ref();
    let runs = wanted.runs(project, state, None, Utc::now()).await?;
    if runs.is_empty() {
        return Err(Error::from(OrchestratorError::NothingSelected).into());
    }
    stop_when_told(&orchestrator, STOPPING);
    let mut code = ExitCode::SUCCESS;
    for run in runs {
        let plans = project.prepare_with(&wanted.assets, &wanted.config).await?;
        let request = Launch::read(run.id, &run.request)?;
        let report = orchestrator.carry_out_now(run, &request, plans.clone()).await;
        watch.done();
        let ended = show_report(&report?, &plans, project, &request, output);
        if ended != ExitCode::SUCCESS {
            code = ended;
        }
    }
    Ok(code)
}
