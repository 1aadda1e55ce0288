//! `cargo xtask bench`: builds in release and hands over to bench/run.py, which measures whole processes; with `clickhouse`,
//! `postgres` or `s3`, to the script of that name, beside a server. `graph` is measured here: `graph.rs`.

use std::process::Command;

use crate::graph;
use crate::process::{self, phase};
use crate::services::{clickhouse, postgres, s3};
use crate::{guests, setup};

/// Times Tidegate and a peer on the same work.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    phase("setup", setup::run)?;
    if arguments.first().is_some_and(|first| first == "graph") {
        let tidegate = phase("tidegate, release build", process::build_tidegate)?;
        return graph::run(&tidegate);
    }
    phase("plugins", || guests::build_rust().map(drop))?;
    let tidegate = phase("tidegate, release build", process::build_tidegate)?;
    let (script, arguments) = match arguments.split_first() {
        Some((first, rest)) if first == "clickhouse" => ("bench/clickhouse.py", rest),
        Some((first, rest)) if first == "postgres" => ("bench/postgres.py", rest),
        Some((first, rest)) if first == "s3" => ("bench/s3.py", rest),
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
    let server = (script == "bench/postgres.py")
        .then(|| {
            phase("postgres", || {
                postgres::install()?;
                postgres::up()
            })
        })
        .transpose()?;
    if let Some(server) = &server {
        command.env(postgres::URL_VARIABLE, server.url());
    }
    let objects = (script == "bench/s3.py")
        .then(|| phase("s3", s3::up))
        .transpose()?;
    if let Some(objects) = &objects {
        command.env(s3::URL_VARIABLE, objects.address());
    }
    process::stream(&mut command)
}
