#!/usr/bin/env python3
"""Times CSV into ClickHouse: Tidegate with and without a Wasm transform, and the engine reading the same file by itself.

The engine is that of the tests, in a process of its own on the same cores. All run in turns in one session. Then the
engine takes the same rows as ArrowStream and as RowBinary. Usually called by `cargo xtask bench clickhouse`.
"""

import argparse
import os
import platform
import statistics
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import quote, urlsplit

from measure import PROJECT, WORK, Cost, Verdicts, measure, middle, prepare, table

# What is promised, by issue and docs/performance.md.
MIN_SHARE_OF_ENGINE = 0.6
MAX_PEAK_MIB = 150

STRUCTURE = (
    "id Int64, user Int64, name String, country String, amount Nullable(Float64), fx Float64, ts DateTime64(3), "
    "active Bool"
)


class Engine:
    """The server of the tests, asked over HTTP."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.url = f"http://{parts.hostname}:{parts.port}"
        self.headers = {"X-ClickHouse-User": parts.username or "", "X-ClickHouse-Key": parts.password or ""}

    def ask(self, statement: str, body: bytes | None = None) -> bytes:
        """Runs a statement; with a body, an insert of it."""
        if body is None:
            request = urllib.request.Request(self.url, data=statement.encode(), headers=self.headers)
        else:
            request = urllib.request.Request(f"{self.url}/?query={quote(statement)}", data=body, headers=self.headers)
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            sys.exit(f"{statement}:\n{error.read().decode(errors='replace')}")

    def facts(self, name: str) -> str:
        """What must be the same of two tables with the same rows."""
        query = f"SELECT count(), sum(id), sum(cityHash64(id, user, name, country, amount, fx, ts)) FROM bench.{name}"
        return self.ask(query).decode().strip()

    def load(self, source: Path) -> float:
        """Seconds that the engine takes for the file by itself."""
        self.ask("DROP TABLE IF EXISTS bench.own")
        self.ask(f"CREATE TABLE bench.own ({STRUCTURE}) ENGINE = MergeTree ORDER BY tuple()")
        start = time.perf_counter()
        self.ask(f"INSERT INTO bench.own SELECT * FROM file('{source}', 'CSVWithNames', '{STRUCTURE}')")
        return time.perf_counter() - start

    def insert(self, form: str, body: bytes) -> float:
        """Seconds that the engine takes for rows in a format."""
        self.ask("DROP TABLE IF EXISTS bench.format")
        self.ask(f"CREATE TABLE bench.format ({STRUCTURE}) ENGINE = MergeTree ORDER BY tuple()")
        start = time.perf_counter()
        self.ask(f"INSERT INTO bench.format FORMAT {form}", body)
        return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(prog="cargo xtask bench clickhouse --", description=__doc__)
    parser.add_argument("--tidegate", type=Path, required=True, help="the release binary (xtask gives it)")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=7, help="of each, after one that is not counted")
    parser.add_argument("--compression", choices=["none", "lz4"], default="none", help="how inserts travel")
    parser.add_argument("--strict", action="store_true", help="end with 1 if a limit is missed")
    arguments = parser.parse_args()
    tidegate, rows = str(arguments.tidegate.resolve()), arguments.rows

    url = os.environ.get("TIDEGATE_TEST_CLICKHOUSE_URL") or sys.exit("`cargo xtask bench clickhouse` starts the engine")
    engine = Engine(url)
    os.environ["BENCH_CLICKHOUSE_URL"] = engine.url
    os.environ["BENCH_CLICKHOUSE_COMPRESSION"] = arguments.compression
    os.environ["TIDEGATE_SECRET_BENCH_CLICKHOUSE"] = engine.headers["X-ClickHouse-Key"]
    engine.ask("DROP DATABASE IF EXISTS bench")
    engine.ask("CREATE DATABASE bench")
    source = prepare(rows).resolve()

    print(f"{rows:,} rows by 8 columns, {source.stat().st_size / 1e6:.0f} MB of CSV to ClickHouse; ", end="")
    print(f"{arguments.runs} runs each, in turns;")
    print(f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}; medians, and of memory the most")
    costs: dict[str, list[Cost]] = {"tidegate plain": [], "tidegate reference": []}
    own: list[float] = []
    for turn in range(arguments.runs + 1):
        for name, list_of in costs.items():
            command = [tidegate, "--project", str(PROJECT), "--target", "warehouse", "run", name.split()[1]]
            cost = measure(command)
            if turn > 0:
                list_of.append(cost)
        taken = engine.load(source)
        if turn > 0:
            own.append(taken)
    middles = {name: middle(list_of) for name, list_of in costs.items()}
    table(middles, rows)
    alone = statistics.median(own)
    print(f"{'the engine, file()':<20} {alone:>8.2f} {rows / alone:>12,.0f}")

    if engine.facts("plain") != engine.facts("own"):
        sys.exit(f"the tables differ: {engine.facts('plain')} and {engine.facts('own')}")
    print("both tables have the same rows")

    formats: dict[str, list[float]] = {"ArrowStream": [], "RowBinary": []}
    limited = min(rows, 1_000_000)
    select = f"SELECT * FROM bench.own LIMIT {limited} SETTINGS output_format_arrow_compression_method = 'none' FORMAT "
    bodies = {form: engine.ask(select + form) for form in formats}
    for turn in range(arguments.runs + 1):
        for form, list_of in formats.items():
            taken = engine.insert(form, bodies[form])
            if turn > 0:
                list_of.append(taken)
    print()
    for form, list_of in formats.items():
        taken = statistics.median(list_of)
        print(f"{limited:,} rows as {form}: {len(bodies[form]) / 1e6:.0f} MB in {taken:.2f} s")

    verdicts = Verdicts()
    share = alone / middles["tidegate reference"].wall_s
    verdicts.say("the engine's rows/s with the transform, to Tidegate's", 1 / share, round(1 / MIN_SHARE_OF_ENGINE, 2))
    print(f"with the transform {share:.0%} of the engine's rows/s, without {alone / middles['tidegate plain'].wall_s:.0%}")
    binary, arrow = statistics.median(formats["RowBinary"]), statistics.median(formats["ArrowStream"])
    verdicts.say("the time of ArrowStream, to RowBinary's", arrow / binary, 1.0)
    verdicts.say("peak memory", max(cost.peak_mib for cost in middles.values()), MAX_PEAK_MIB, " MiB")
    if arguments.strict and verdicts.missed:
        sys.exit(1)


if __name__ == "__main__":
    WORK.mkdir(exist_ok=True)
    main()
