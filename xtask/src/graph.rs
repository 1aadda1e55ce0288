//! `cargo xtask bench graph`: how long `check` and `asset list` take on a generated project of 2,000 assets, and how much
//! memory.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Assets of the project; three of four read others.
const ASSETS: usize = 2_000;

/// What `check` and `asset list` may take: seconds, and megabytes at their most.
const LIMITS: (f64, u64) = (1.0, 300);

/// How often each command is timed; the median counts.
const ROUNDS: usize = 5;

/// Writes the project, and times the commands on it. Fails where one takes more than it may.
pub(crate) fn run(tidegate: &Path) -> Result<(), String> {
    let folder = crate::process::root().join("target/bench-graph");
    write(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut slow = Vec::new();
    for arguments in [
        &["check"][..],
        &["asset", "list", "--json"],
        &["asset", "list", "+a1999"],
    ] {
        let mut times = Vec::new();
        let mut most = 0;
        for _ in 0..ROUNDS {
            let (took, peak_mb) = time(tidegate, &folder, arguments)?;
            times.push(took.as_secs_f64());
            most = most.max(peak_mb);
        }
        times.sort_by(f64::total_cmp);
        let median = times[ROUNDS / 2];
        let command = arguments.join(" ");
        println!("{command:24} {median:6.3} s  {most:4} MB");
        if median > LIMITS.0 || most > LIMITS.1 {
            slow.push(command);
        }
    }
    if slow.is_empty() {
        return Ok(());
    }
    let (seconds, megabytes) = LIMITS;
    Err(format!(
        "more than {seconds} s or {megabytes} MB: {}",
        slow.join(", ")
    ))
}

/// A project anew: every fourth asset reads a file, each other one asset before it, and every tenth comes behind another.
fn write(folder: &Path) -> std::io::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    let schemas = folder.join("schemas");
    fs::create_dir_all(schemas.join("assets"))?;
    fs::write(
        schemas.join("project.yaml"),
        "apiVersion: tidegate/v1\nkind: Project\nname: graph\n",
    )?;
    for (name, root) in [("raw", "in"), ("lake", "lake")] {
        let text = format!(
            "apiVersion: tidegate/v1\nkind: Resource\nname: {name}\ntype: file\nconfig: {{root: {root}}}\n"
        );
        fs::write(schemas.join(format!("{name}.yaml")), text)?;
    }
    for number in 0..ASSETS {
        fs::write(schemas.join(format!("assets/a{number}.yaml")), asset(number))?;
    }
    Ok(())
}

fn asset(number: usize) -> String {
    let mut text = format!(
        "apiVersion: tidegate/v1\nkind: Asset\nname: a{number}\ngroup: g{}\ntags: {{tier: t{}}}\nowners: [team:o{}]\n",
        number % 40,
        number % 3,
        number % 7
    );
    if number % 10 == 9 {
        let _ = writeln!(text, "deps: [a{}]", number - 5);
    }
    if number.is_multiple_of(4) {
        text.push_str("source: {resource: raw, path: orders.csv}\n");
    } else {
        let _ = writeln!(
            text,
            "source: {{asset: a{}}}",
            number - 1 - (number % 3).min(number - 1)
        );
    }
    text.push_str("columns:\n");
    for column in 0..8 {
        let _ = writeln!(text, "  - {{name: c{column}, type: int64}}");
    }
    text.push_str("destination: {resource: lake}\n");
    text
}

/// Runs a command to its end; answers how long it took, and its memory at the most as the kernel counts it.
fn time(tidegate: &Path, folder: &Path, arguments: &[&str]) -> Result<(Duration, u64), String> {
    let started = Instant::now();
    let mut child = Command::new(tidegate)
        .args(arguments)
        .current_dir(folder)
        .stdout(Stdio::null())
        .spawn()
        .map_err(|error| format!("{}: {error}", tidegate.display()))?;
    let status = format!("/proc/{}/status", child.id());
    let mut peak_mb = 0;
    loop {
        peak_mb = peak_mb.max(peak(&status));
        if let Some(ended) = child.try_wait().map_err(|error| error.to_string())? {
            let took = started.elapsed();
            return if ended.success() {
                Ok((took, peak_mb))
            } else {
                Err(format!("`tidegate {}` failed: {ended}", arguments.join(" ")))
            };
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The peak of a process's memory in megabytes; 0 once it is gone.
fn peak(status: &str) -> u64 {
    let text = fs::read_to_string(status).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or_default() / 1_000
}
