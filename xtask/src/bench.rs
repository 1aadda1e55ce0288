//! `cargo xtask bench`: builds in release and hands over to bench/run.py, which measures whole processes; with `clickhouse`,
//! to bench/clickhouse.py, beside an engine.

use std::process::Command;

use crate::process::{self, phase};
use crate::services::clickhouse;
use crate::{guests, setup};

/// Times Tidegate and a peer on the same work.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    phase("setup", setup::run)?;
    phase("plugins", || guests::build_rust().map(drop))?;
    let tidegate = phase("tidegate, release build", process::build_tidegate)?;
    let (script, arguments) = match arguments.split_first() {
        Some((first, rest)) if first == "clickhouse" => ("bench/clickhouse.py", rest),
        _ => ("bench/run.py", arguments),
    };
    let mut command = Command::new("python3");
    command
        .arg(script)
        .arg("--tidegate")
        .arg(&tidegate)
        .args(arguments)
        .current_dir(process::root());
    // Stopped when it is dropped, at the end.
    let engine = (script == "bench/clickhouse.py")
        .then(|| phase("clickhouse", clickhouse::up))
        .transpose()?;
    if let Some(engine) = &engine {
        command.env(clickhouse::URL_VARIABLE, engine.address());
    }
    process::stream(&mut command)
}
