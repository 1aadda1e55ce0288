//! `tidegate serve`: the queue, and what goes on by itself.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;

use tidegate_api::{Api, ApiConfig, Auth};
use tidegate_core::plan::{AssetName, PartitionKey, RunId};
use tidegate_core::{Error, Errors};
use tidegate_orchestrator::{
    Automation, Daemon, Duty, FreshnessWatch, Maintenance, Monitor, Notifications, Orchestrator,
    PartitionOutcome, RunObserver, Schedules, Sensors, WorkerConfig,
};

use crate::arguments::{ProjectAt, Serve, ServeAuth, ServeRole};
use crate::command::run::{orchestrator, stop_when_told};
use crate::output::Output;
use crate::{environment, session};

/// The port of the API.
const PORT: u16 = 3004;

/// Runs that a worker carries out at once, for each processor: most of a run's time is waiting.
const RUNS_PER_PROCESSOR: usize = 4;

pub(crate) async fn run(at: &ProjectAt, serve: &Serve, _output: &Output) -> Result<ExitCode, Errors> {
    let project = Arc::new(session::open_project(at)?);
    let orchestrator = Arc::new(orchestrator(&project, Arc::new(Told), serve.jobs).await?);
    stop_when_told(&orchestrator, "stopping; runs that go on are handed over");
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let runs = serve.runs.map_or(processors * RUNS_PER_PROCESSOR, usize::from);
    let name = &project.documents().project.value.name;
    complain!("serving project {name} as {}", orchestrator.workers.id());
    // Before anything is taken from the queue: what cannot listen carries nothing out.
    let api = if serve.roles.contains(&ServeRole::Api) {
        let api = Api::bind(orchestrator.clone(), &listening(serve)?).await;
        Some(api.map_err(Error::from)?)
    } else {
        None
    };
    let worker = async {
        if serve.roles.contains(&ServeRole::Worker) {
            orchestrator.serve_queue(WorkerConfig { runs }).await
        } else {
            Ok(())
        }
    };
    let daemon = async {
        if serve.roles.contains(&ServeRole::Daemon) {
            daemon(&orchestrator).serve().await
        } else {
            Ok(())
        }
    };
    let api = async {
        let Some(api) = api else { return };
        for address in api.addresses() {
            complain!("answering on http://{address}/api/v1");
        }
        api.serve(orchestrator.cancel.clone()).await;
    };
    let (queue, duties, ()) = tokio::join!(worker, daemon, api);
    queue?;
    duties?;
    complain!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// Where the API listens, and who is let in.
fn listening(serve: &Serve) -> Result<ApiConfig, Error> {
    let listen = match (serve.listen.as_slice(), environment::listen()?) {
        ([], Some(listen)) => listen,
        ([], None) => {
            let both = [
                IpAddr::from(Ipv4Addr::LOCALHOST),
                IpAddr::from(Ipv6Addr::LOCALHOST),
            ];
            let both = both.into_iter().filter(|ip| has(*ip));
            both.map(|ip| SocketAddr::new(ip, PORT)).collect()
        }
        (told, _) => told.to_vec(),
    };
    let auth = match serve.auth {
        ServeAuth::Token => Auth::Token,
        ServeAuth::Local => Auth::Local,
    };
    Ok(ApiConfig { listen, auth })
}

/// Whether the machine has an address: many a container has no IPv6.
fn has(ip: IpAddr) -> bool {
    std::net::TcpListener::bind(SocketAddr::new(ip, 0)).is_ok()
}

/// The daemon with all that the leader does.
fn daemon(orchestrator: &Arc<Orchestrator>) -> Daemon {
    let of = orchestrator.clone();
    Daemon::new(orchestrator.clone(), move || {
        let duties: Vec<Box<dyn Duty>> = vec![
            Box::new(Monitor::new(of.clone())),
            Box::new(Schedules::new(of.clone())),
            Box::new(Sensors::new(of.clone())),
            Box::new(FreshnessWatch::new(of.clone())),
            Box::new(Automation::new(of.clone())),
            Box::new(Notifications::new(of.clone())),
            Box::new(Maintenance::new(of.clone())),
        ];
        duties
    })
}

/// Tells what happens, a line each.
struct Told;

impl RunObserver for Told {
    fn run_started(&self, run: RunId, partitions: usize) {
        complain!("run {run} begins with {partitions} partitions");
    }

    fn finished(&self, outcome: &PartitionOutcome) {
        let (asset, partition, state) = (&outcome.asset, &outcome.partition, outcome.state.text());
        match &outcome.error {
            Some(error) => complain!("{asset} {partition} {state}: {error}"),
            None => complain!("{asset} {partition} {state} in {} ms", outcome.duration_ms),
        }
    }

    fn retrying(&self, asset: &AssetName, partition: &PartitionKey, error: &Error, delay_ms: u64) {
        complain!("{asset} {partition} is tried again in {delay_ms} ms: {error}");
    }

    fn leads(&self, leads: bool) {
        complain!("{}", if leads { "leading" } else { "not leading any more" });
    }

    fn warning(&self, error: &Error) {
        complain!("warning: {error}");
    }
}
