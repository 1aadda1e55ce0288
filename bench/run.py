#!/usr/bin/env python3
"""Times whole processes: Tidegate with and without a Wasm transform, and DuckDB doing the same in SQL.

All run in turns in one session, so that what else the machine does falls on all of them alike. Usually called by
`cargo xtask bench`, which builds first.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path

from measure import BENCH, PROJECT, STATE, WORK, Cost, Verdicts, measure, middle, prepare, python_with, table

DUCKDB = "duckdb==2.0.0"

# What is promised, by issue and docs/performance.md.
MAX_WASM_CPU_RATIO = 1.3
MAX_DUCKDB_WALL_RATIO = 1.2
MAX_PEAK_MIB = 150
MAX_CHECK_MS = 50
MAX_EMPTY_RUN_MS = 100


def duckdb_python() -> Path:
    """A Python that has the pinned DuckDB."""
    return python_with(DUCKDB.replace("==", "-"), [DUCKDB]) or sys.exit(f"{DUCKDB} cannot be installed")


def parts(asset: str) -> str:
    """The files of an asset: those that its newest manifest lists."""
    folder = STATE / "data" / asset
    newest = max((folder / "_manifest").glob("*.json"))
    listed = json.loads(newest.read_text())["parts"]
    return ",".join(str(folder / part["name"]) for part in listed)


def same_values(python: Path, outputs: dict[str, str]) -> list[str]:
    """What differs between what the tools made."""
    asked = [f"{name}={files}" for name, files in outputs.items()]
    printed = subprocess.run(
        [str(python), str(BENCH / "peer.py"), "facts", *asked], check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    facts = json.loads(printed)
    differences = []
    for work in ("plain", "reference"):
        ours, theirs = facts[f"tidegate {work}"], facts[f"duckdb {work}"]
        said = ", ".join(f"{name} {value}" for name, value in ours.items() if name not in ("columns", "hash"))
        print(f"values of {work}: {said}")
        for name in theirs:
            if ours.get(name) != theirs[name]:
                differences.append(f"{work}: {name} is {ours.get(name)} in Tidegate and {theirs[name]} in DuckDB")
    return differences


def main() -> None:
    parser = argparse.ArgumentParser(prog="cargo xtask bench --", description=__doc__)
    parser.add_argument("--tidegate", type=Path, required=True, help="the release binary (xtask gives it)")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=7, help="of each tool, after one that is not counted")
    parser.add_argument("--without-duckdb", action="store_true", help="time Tidegate alone; values are not compared")
    parser.add_argument("--strict", action="store_true", help="end with 1 if a limit is missed")
    arguments = parser.parse_args()
    tidegate, rows = str(arguments.tidegate.resolve()), arguments.rows

    source = prepare(rows)
    commands = {
        f"tidegate {work}": [tidegate, "--project", str(PROJECT), "run", work] for work in ("plain", "reference")
    }
    python = None
    if not arguments.without_duckdb:
        python = duckdb_python()
        for work in ("plain", "reference"):
            out = str(WORK / f"duckdb-{work}.parquet")
            commands[f"duckdb {work}"] = [str(python), str(BENCH / "peer.py"), "run", str(source), out, work]

    size_mb = source.stat().st_size / 1e6
    print(f"{rows:,} rows by 8 columns, {size_mb:.0f} MB of CSV to Parquet; {arguments.runs} runs each, in turns;")
    print(f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}; medians, and of memory the most")
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for turn in range(arguments.runs + 1):
        for name, command in commands.items():
            cost = measure(command)
            if turn > 0:
                costs[name].append(cost)
    middles = {name: middle(list_of) for name, list_of in costs.items()}
    table(middles, rows)

    verdicts = Verdicts()
    plain, reference = middles["tidegate plain"], middles["tidegate reference"]
    verdicts.say("CPU with the Wasm transform, to that without", reference.cpu_s / plain.cpu_s, MAX_WASM_CPU_RATIO)
    if python:
        peer = middles["duckdb reference"]
        verdicts.say("wall time with the transform, to DuckDB's", reference.wall_s / peer.wall_s, MAX_DUCKDB_WALL_RATIO)
        print(f"wall time without it, to DuckDB's: {plain.wall_s / middles['duckdb plain'].wall_s:.2f}")
    verdicts.say("peak memory", max(plain.peak_mib, reference.peak_mib), MAX_PEAK_MIB, " MiB")

    # Short ones: the first compiles plugins into the cache.
    short = {
        "tidegate check of the example, plugins cached": ([tidegate, "check"], MAX_CHECK_MS),
        "tidegate run of an empty asset": ([tidegate, "--project", str(PROJECT), "run", "empty"], MAX_EMPTY_RUN_MS),
    }
    for what, (command, limit_ms) in short.items():
        measure(command)
        taken = [measure(command).wall_s for _ in range(max(11, arguments.runs))]
        verdicts.say(what, statistics.median(taken) * 1e3, limit_ms, " ms")

    if python:
        print()
        outputs = {f"tidegate {work}": parts(work) for work in ("plain", "reference")}
        outputs |= {f"duckdb {work}": str(WORK / f"duckdb-{work}.parquet") for work in ("plain", "reference")}
        differences = same_values(python, outputs)
        if differences:
            sys.exit("\n".join(["the tools made different values:", *differences]))
        print("Tidegate and DuckDB made the same values, all of them")
    if arguments.strict and verdicts.missed:
        sys.exit(1)


if __name__ == "__main__":
    main()
