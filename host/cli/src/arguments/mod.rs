//! What can be typed.

mod asset;
mod automation;
mod backfill;
mod checks;
mod instigators;
mod notification;
mod runs;
mod state;
mod token;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use tidegate_core::schema::ByteSize;

use crate::command::plugin::{Language, Role};

pub(crate) use asset::{AssetCommand, PartitionsCommand, Report};
pub(crate) use automation::AutomationCommand;
pub(crate) use backfill::{Backfill, BackfillCommand, BackfillOptions, BackfillSlices};
pub(crate) use checks::{CheckAsset, Checks};
pub(crate) use instigators::{JobCommand, LaunchJob, ScheduleCommand, SensorCommand, Ticks};
pub(crate) use notification::NotificationCommand;
pub(crate) use runs::{
    Config, ListRuns, Queue, Run, RunAlias, RunOrList, RunsCommand, Serve, ServeAuth, ServeRole,
};
pub(crate) use state::StateCommand;
pub(crate) use token::{TokenCommand, TokenRole};

/// Streams Arrow batches from sources through sandboxed WebAssembly plugins to destinations, as YAML schemas say.
#[derive(Debug, Parser)]
#[command(name = "tidegate", version, max_term_width = 100, after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) project: ProjectAt,
    /// Answer in JSON.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Which project, and where its assets go.
#[derive(Debug, Args)]
pub(crate) struct ProjectAt {
    /// The project's folder: the one that holds `schemas/`.
    #[arg(
        id = "project",
        long = "project",
        short = 'C',
        global = true,
        default_value = ".",
        value_name = "DIR"
    )]
    pub(crate) folder: PathBuf,
    /// Load the assets into this target of the project, in place of the destinations that they name.
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) target: Option<String>,
}

const EXAMPLES: &str = "Examples:
  tidegate init                            start a project in this folder
  tidegate check                           find everything wrong before any data moves
  tidegate run orders --partition 2024-01  materialize one partition of one asset
  tidegate run --all                       materialize everything, in order
  tidegate runs retry latest               go on where the last run broke off

Exit codes: 0 done, 2 usage, 3 schema, 4 data, 5 plugin, 6 disk, network or service, 7 state, 130 stopped.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start a project: a schema folder with one asset that runs, or with one for each table of a database.
    #[command(after_help = "Examples:
  tidegate init tides
  TIDEGATE_SECRET_SHOP=... tidegate init --from postgres://reader@db.example.com/shop")]
    Init {
        /// The project's name; the folder's, unless told.
        name: Option<String>,
        /// A database, `postgres://USER@HOST/DATABASE`: an asset is written for each table and view. The password is that
        /// of the variable TIDEGATE_SECRET_ and the database's name in capitals.
        #[arg(long, value_name = "URL")]
        from: Option<String>,
        /// The database's schema.
        #[arg(long, value_name = "SCHEMA", default_value = "public", requires = "from")]
        schema: String,
    },
    /// Check documents, plugins and types, and with --connect whether resources can be used. No data moves.
    #[command(after_help = "Examples:
  tidegate check --locked
  tidegate check --connect --target warehouse")]
    Check {
        /// Fail where tidegate.lock would have to change: for CI.
        #[arg(long)]
        locked: bool,
        /// Ask every resource too: whether it can be reached, logged in to, read, and written to where assets go there.
        #[arg(long)]
        connect: bool,
    },
    /// Ask assets where they lie: Parquet, ClickHouse, Postgres, all in one SELECT.
    #[command(after_help = "Examples:
  tidegate query 'SELECT count(*) FROM flights'
  tidegate query --format csv 'SELECT carrier, avg(delay) FROM flights GROUP BY carrier' > delays.csv")]
    Query(Query),
    /// Show what a run would do: sources, grants, columns, partitions, changes of tables.
    #[command(after_help = "Examples:
  tidegate plan flights
  tidegate plan --apply --target warehouse")]
    Plan(Plan),
    /// Materialize assets.
    #[command(after_help = "Examples:
  tidegate run flights --partition 2013-02 --dry-run
  tidegate run flights --partition-range 2013-02...2013-05
  tidegate run flights departures --limit 1000
  tidegate run flights --queue --priority 5 --tag team=sales
  tidegate run --select '+orders' --select group:sales
  tidegate run --stale --all
  tidegate run --all")]
    #[command(args_conflicts_with_subcommands = true)]
    Run(RunOrList),
    /// Look at assets: how they stand, what they are made from; materialize them, and tell what was done elsewhere.
    Asset {
        #[command(subcommand)]
        command: AssetCommand,
    },
    /// Carry out what is queued, and what goes on by itself, until told to stop.
    #[command(after_help = "Examples:
  tidegate serve
  tidegate serve --roles worker --runs 8")]
    Serve(Serve),
    /// Make many slices of assets, a run each or a few.
    Backfill {
        #[command(subcommand)]
        command: BackfillCommand,
    },
    /// Look at runs, stop them, and take them up again.
    Runs {
        #[command(subcommand)]
        command: RunsCommand,
    },
    /// Look at jobs, and run them.
    Job {
        #[command(subcommand)]
        command: JobCommand,
    },
    /// Look at schedules, start and stop them.
    #[command(after_help = "Examples:
  tidegate schedule list
  tidegate schedule preview nightly --at 2024-01-31T06:00:00Z
  tidegate schedule start nightly
  tidegate schedule ticks nightly --outcome failed")]
    Schedule {
        #[command(subcommand)]
        command: ScheduleCommand,
    },
    /// Look at sensors, start and stop them.
    #[command(after_help = "Examples:
  tidegate sensor list
  tidegate sensor preview incoming
  tidegate sensor start incoming
  tidegate sensor cursor incoming --set 2024-01-31T00:00:00Z")]
    Sensor {
        #[command(subcommand)]
        command: SensorCommand,
    },
    /// Look at assets that are materialized by themselves, start and stop that.
    #[command(after_help = "Examples:
  tidegate automation list
  tidegate automation start orders customers
  tidegate automation explain orders
  tidegate automation preview")]
    Automation {
        #[command(subcommand)]
        command: AutomationCommand,
    },
    /// Look at notifications: who is told of what, and what became of the messages.
    #[command(after_help = "Examples:
  tidegate notification test on-call
  tidegate notification history on-call --state failed")]
    Notification {
        #[command(subcommand)]
        command: NotificationCommand,
    },
    /// Make tokens of the API, show them, take them back.
    #[command(after_help = "Examples:
  tidegate token create --name nightly --role operator --expires-in 90d
  tidegate token revoke 4f1d2c3b5a697887")]
    Token {
        #[command(subcommand)]
        command: TokenCommand,
    },
    /// Look after the state store: its tables, its size, what is old, and its move elsewhere.
    #[command(after_help = "Examples:
  tidegate state prune --dry-run
  tidegate state export state.jsonl
  TIDEGATE_STATE=postgres://tidegate@localhost/tidegate tidegate state import state.jsonl")]
    State {
        #[command(subcommand)]
        command: StateCommand,
    },
    /// Look at the ClickHouse table of an asset, and merge its parts.
    Clickhouse {
        #[command(subcommand)]
        command: ClickhouseCommand,
    },
    /// Look at rows that were refused.
    Quarantine {
        #[command(subcommand)]
        command: QuarantineCommand,
    },
    /// Write, build, test and publish plugins, and choose which ones the project runs.
    Plugin {
        #[command(subcommand)]
        command: PluginCommand,
    },
    /// Write the JSON Schemas of the YAML, for editors.
    Schema {
        /// Where to.
        #[arg(default_value = "schemas/json")]
        folder: PathBuf,
    },
    /// Print a completion script for a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

/// Assets, by name or as the selection syntax has it.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Chosen {
    /// The assets, by name or selected: `+orders`, `orders+2`, `group:sales and not tag:tier=bronze`, `raw_*`.
    #[arg(value_name = "SELECTION")]
    pub(crate) assets: Vec<String>,
    /// The same, by another spelling; more than once for all of several.
    #[arg(long, short, value_name = "SELECTION")]
    pub(crate) select: Vec<String>,
    /// An asset by its name; more than once for several.
    #[arg(short = 'a', long = "asset", value_name = "NAME")]
    pub(crate) named: Vec<String>,
}

impl Chosen {
    /// What was selected, each as it was typed. A name means the asset of that name, however it is spelt.
    pub(crate) fn texts(&self) -> Vec<String> {
        [&self.assets, &self.select, &self.named]
            .into_iter()
            .flatten()
            .cloned()
            .collect()
    }
}

/// Assets and the slices of them.
#[derive(Debug, Default, Args)]
pub(crate) struct Selection {
    #[command(flatten)]
    pub(crate) chosen: Chosen,
    /// All assets.
    #[arg(long, conflicts_with_all = ["assets", "select", "named"])]
    pub(crate) all: bool,
    /// Only this partition; without it, every one that there is.
    #[arg(long, value_name = "KEY")]
    pub(crate) partition: Option<String>,
    /// Only the partitions from one to another, both included.
    #[arg(long, value_name = "FIRST...LAST", conflicts_with = "partition")]
    pub(crate) partition_range: Option<String>,
    /// Fail where tidegate.lock would have to change: for CI.
    #[arg(long)]
    pub(crate) locked: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Query {
    /// One SELECT; its tables are assets.
    pub(crate) sql: String,
    /// How the answer is written.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
    /// What it may hold before it goes to the disk, or gives up.
    #[arg(long, value_name = "SIZE", default_value = "256MiB", value_parser = size)]
    pub(crate) memory: ByteSize,
}

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Columns, aligned; the first 1,000 rows.
    Table,
    /// With a heading.
    Csv,
    /// One object a line.
    Json,
    /// An Arrow IPC stream.
    Arrow,
}

fn size(text: &str) -> Result<ByteSize, String> {
    ByteSize::try_from(text.to_owned())
}

#[derive(Debug, Args)]
pub(crate) struct Plan {
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// Make the changes at destinations by which nothing is lost: tables, columns, wider types.
    #[arg(long)]
    pub(crate) apply: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ClickhouseCommand {
    /// Show the table's partitions: parts, rows, bytes.
    Partitions {
        /// Which asset.
        asset: String,
    },
    /// Show the merges that run on the table.
    Merges {
        /// Which asset.
        asset: String,
    },
    /// Show how large the table is, by column.
    Size {
        /// Which asset.
        asset: String,
    },
    /// Merge the parts of each partition into one. Reads and writes the whole table.
    Optimize {
        /// Which asset.
        asset: String,
        /// Only this partition, as `partitions` names it.
        #[arg(long, value_name = "PARTITION")]
        only: Option<String>,
    },
    /// Show how the asset's server is: version, clock, disk, what the user may not do.
    Health {
        /// Which asset.
        asset: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum QuarantineCommand {
    /// List the files of refused rows.
    List {
        /// Only of this asset.
        #[arg(long)]
        asset: Option<String>,
    },
    /// Show refused rows with code and reason.
    Show {
        /// An asset, or a file as `quarantine list` names it.
        what: String,
        /// So many rows at most.
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum PluginCommand {
    /// Start a plugin: source, manifest and an example that passes.
    #[command(after_help = "Examples:
  tidegate plugin new hash-email --lang rust --role transform
  tidegate plugin new tracker --lang python --role source --path plugins/tracker")]
    New(NewPlugin),
    /// Build a plugin's folder into a component with its whole manifest inside.
    #[command(after_help = "Examples:
  tidegate plugin build plugins/hash-email
  tidegate plugin build --output hash-email.wasm")]
    Build(BuildPlugin),
    /// Try a plugin with its examples, and with the cases that follow from them.
    #[command(after_help = "Examples:
  tidegate plugin test plugins/hash-email
  tidegate plugin test hash-email.wasm --examples plugins/hash-email/examples")]
    Test(TestPlugin),
    /// Show what a component says of itself, what it imports, and what it takes as config.
    #[command(after_help = "Examples:
  tidegate plugin inspect dist/hash-email.wasm
  tidegate plugin inspect hash-email@^1 --json")]
    Inspect {
        /// A component's file, or a plugin of the project by name, with versions or without.
        #[arg(value_name = "FILE|NAME")]
        plugin: String,
    },
    /// Publish a component to a registry. A version never changes once it is there.
    #[command(after_help = "Examples:
  tidegate plugin publish target/hash-email.wasm --to /srv/plugins
  minisign -S -m hash-email.wasm
  tidegate plugin publish hash-email.wasm --to /srv/plugins --signature hash-email.wasm.minisig")]
    Publish(Publish),
    /// List the plugins of the project's folders and registries.
    List {
        /// Only those of this registry, which need not be the project's.
        #[arg(long, value_name = "FOLDER|URL")]
        registry: Option<String>,
    },
    /// Write tidegate.lock: what is locked and fits stays, what is new is added, what nobody asks for goes.
    Lock {
        /// Plugins of the plugin folders that are to be locked too.
        #[arg(value_name = "NAME")]
        names: Vec<String>,
    },
    /// Lock the newest versions that fit, and accept what changed.
    Update {
        /// Only these plugins.
        #[arg(value_name = "NAME")]
        names: Vec<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct NewPlugin {
    /// Its name: small letters, digits and `-`.
    pub(crate) name: String,
    /// What it is written in.
    #[arg(long)]
    pub(crate) lang: Language,
    /// What it is used as.
    #[arg(long)]
    pub(crate) role: Role,
    /// Its folder; named after it, unless told.
    #[arg(long, value_name = "DIR")]
    pub(crate) path: Option<PathBuf>,
    /// The `sdk` folder of a clone of Tidegate's repository; found, where the plugin's folder lies in one.
    #[arg(long, value_name = "DIR")]
    pub(crate) sdk: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct BuildPlugin {
    /// The plugin's folder: the one with Cargo.toml, pyproject.toml or package.json.
    #[arg(value_name = "DIR", default_value = ".")]
    pub(crate) folder: PathBuf,
    /// The component's file; `dist/NAME.wasm` in the folder, unless told.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct TestPlugin {
    /// The plugin's folder, which is built, or a component's file.
    #[arg(value_name = "DIR|FILE", default_value = ".")]
    pub(crate) plugin: PathBuf,
    /// The folder of its examples; `examples` beside it, unless told.
    #[arg(long, value_name = "DIR")]
    pub(crate) examples: Option<PathBuf>,
    /// The time that a call may take, as `limits.time_per_batch` of an asset has it.
    #[arg(long, value_name = "TIME")]
    pub(crate) time_per_batch: Option<String>,
    /// Show what the plugin says.
    #[arg(long)]
    pub(crate) log: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Publish {
    /// The component.
    pub(crate) file: PathBuf,
    /// The registry: a folder, made where it is not there, `s3://BUCKET/PREFIX` or `oci://HOST/PATH`.
    #[arg(long, value_name = "FOLDER|URL")]
    pub(crate) to: String,
    /// Its minisign signature.
    #[arg(long, value_name = "FILE")]
    pub(crate) signature: Option<PathBuf>,
    /// Refuse to publish unless the signature is by this minisign public key.
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Vec<String>,
}
