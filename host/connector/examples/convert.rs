//! Reads a CSV file and writes it as Parquet through the `file` connector, and says what that cost.
//!
//! `cargo run --release -p tidegate-connector --example convert -- generate /tmp/convert 1000000` makes an input;
//! `… convert /tmp/convert` converts it; `… read /tmp/convert` stops behind the parser.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use chrono::Utc;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tidegate_connector::file::FileConnector;
use tidegate_core::batch::DEFAULT_BATCH_ROWS;
use tidegate_core::plan::{DestinationSpec, Epoch, LoadToken, PartitionKey, SourceSpec};
use tidegate_core::port::{Commit, Connector, OpenDestination, OpenSource, Unheard};
use tidegate_core::schema::{Asset, Column, Document, Load, Node, decode};

const COLUMNS: [(&str, &str); 8] = [
    ("id", "int64"),
    ("user", "int64"),
    ("name", "utf8"),
    ("country", "utf8"),
    ("amount", "float64"),
    ("fx", "float64"),
    ("ts", "timestamp(ms, UTC)"),
    ("active", "boolean"),
];

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[1..] {
        ["generate", folder, rows] => generate(Path::new(folder), rows.parse()?),
        [mode @ ("convert" | "read"), folder] => {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            runtime.block_on(convert(PathBuf::from(folder), mode == "convert"))
        }
        _ => Err("convert generate FOLDER ROWS | convert FOLDER | read FOLDER".into()),
    }
}

fn yaml(text: &str) -> Result<Node> {
    Ok(Document::parse(text.to_owned(), "convert")?.root)
}

async fn convert(folder: PathBuf, write: bool) -> Result<()> {
    let started = Instant::now();
    let columns: Vec<Column> = COLUMNS
        .iter()
        .map(|(name, data_type)| Ok(Column::new(name, data_type.parse()?)))
        .collect::<Result<_>>()?;
    let connector = FileConnector;
    let first = |errors: Vec<tidegate_core::Error>| tidegate_core::Errors(errors);
    let resource = connector
        .check_resource(&yaml("{root: .}")?, &folder)
        .map_err(first)?;
    let source = SourceSpec {
        cursor: None,
        connector: "file".into(),
        resource: resource.clone(),
        config: connector
            .check_source(&yaml("{path: input.csv}")?, &columns)
            .map_err(first)?,
        columns,
    };
    let text = "{name: converted, source: {resource: raw}, columns: [], destination: {resource: lake}}";
    let asset: Asset = decode(&yaml(text)?).map_err(first)?;
    let destination = DestinationSpec {
        connector: "file".into(),
        resource,
        config: connector.check_destination(&yaml("{}")?, &asset).map_err(first)?,
        load: Load::Replace,
    };
    let mut source = connector
        .open_source(OpenSource {
            since: None,
            spec: &source,
            partition: None,
            cursor: None,
            batch_rows: DEFAULT_BATCH_ROWS,
            log: Arc::new(Unheard),
            secrets: &[],
        })
        .await?;
    let now = Utc::now();
    let mut destination = connector
        .open_destination(OpenDestination {
            spec: &destination,
            asset: &"converted".parse()?,
            window: None,
            partition: &PartitionKey::whole(),
            epoch: Epoch(now.timestamp()),
            token: &LoadToken(now.to_rfc3339()),
            schema: source.schema(),
            resumable: true,
            staged: &[],
            batch_rows: 8_192,
            log: Arc::new(Unheard),
            secrets: &[],
        })
        .await?;
    let mut rows = 0;
    while let Some(batch) = source.next().await? {
        rows += batch.batch.num_rows();
        if write {
            destination.write(batch.batch).await?;
        }
    }
    let bytes = destination.commit(Commit { at: now }).await?.bytes;
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{rows} rows, {bytes} bytes, {seconds:.3} s, {:.0} rows/s, {:.2} CPU s, {} MiB at most",
        rows as f64 / seconds,
        cpu_seconds(),
        peak_bytes() >> 20
    );
    Ok(())
}

/// What the process has used of all processors, where the system tells.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks = |index: usize| {
        stat.split_whitespace()
            .nth(index)
            .and_then(|text| text.parse::<f64>().ok())
    };
    // User and system time, in hundredths.
    (ticks(13).unwrap_or_default() + ticks(14).unwrap_or_default()) / 100.0
}

/// The most memory that the process had resident, where the system tells.
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok())
        .unwrap_or_default()
        << 10
}

fn generate(folder: &Path, rows: u64) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut random = StdRng::seed_from_u64(7);
    let mut out = BufWriter::new(std::fs::File::create(folder.join("input.csv"))?);
    let countries = ["DE", "FR", "GB", "US", "JP", "BR", "IN", "CN", "ZA", "AU"];
    writeln!(out, "{}", COLUMNS.map(|(name, _)| name).join(","))?;
    for id in 0..rows {
        let user = random.random_range(0..200_000);
        let country = countries[random.random_range(0..countries.len())];
        let amount = f64::from(random.random_range(-10_000..100_000_000)) / 100.0;
        let fx = random.random_range(0.5..1.5);
        let at = chrono::DateTime::from_timestamp(1_700_000_000 + i64::try_from(id)?, 0).unwrap_or_default();
        let (at, active) = (at.format("%Y-%m-%dT%H:%M:%SZ"), random.random::<bool>());
        writeln!(
            out,
            "{id},{user},customer{user:06},{country},{amount},{fx:.6},{at},{active}"
        )?;
    }
    out.flush()?;
    Ok(())
}
