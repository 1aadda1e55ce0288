#!/usr/bin/env python3
"""Times CSV in a bucket to Parquet in the bucket: Tidegate, and DuckDB's reader of S3.

The server is that of the tests, on the same cores. All run in turns in one session. Usually called by
`cargo xtask bench s3`.
"""

import argparse
import os
import platform
import sys
from pathlib import Path

from measure import BENCH, WORK, Cost, Verdicts, measure, middle, prepare, python_with, table

# The newest whose reader of S3 is in the Python registry, which a machine without the open internet can reach.
DUCKDB = ["duckdb==1.4.4", "duckdb-extension-httpfs==1.4.4"]
PROJECT = BENCH / "s3"

# What is promised, by issue and docs/performance.md.
MAX_PEAK_MIB = 150

COPY = """
import glob, os, sys, duckdb, duckdb_extension_httpfs as package
# The package holds the signed file that DuckDB would fetch.
pattern = os.path.join(os.path.dirname(package.__file__), "extensions", "*", "httpfs.duckdb_extension")
duckdb.sql(f"LOAD '{glob.glob(pattern)[0]}'")
endpoint = os.environ["AWS_ENDPOINT_URL"].removeprefix("http://")
duckdb.sql(f"CREATE SECRET (TYPE s3, KEY_ID 'tests', SECRET 'test-secret', ENDPOINT '{endpoint}', URL_STYLE 'path', USE_SSL false)")
types = {"id": "BIGINT", "user": "BIGINT", "name": "VARCHAR", "country": "VARCHAR", "amount": "DOUBLE", "fx": "DOUBLE",
         "ts": "TIMESTAMP_MS", "active": "BOOLEAN"}
columns = ", ".join(f"'{name}': '{kind}'" for name, kind in types.items())
source = f"read_csv('s3://tests/bench/csv/*.csv', header = true, columns = {{{columns}}})"
duckdb.sql(f"COPY (SELECT * FROM {source}) TO 's3://tests/bench/duckdb.parquet' (FORMAT parquet)")
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="cargo xtask bench s3 --", description=__doc__)
    parser.add_argument("--tidegate", type=Path, required=True, help="the release binary (xtask gives it)")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=5, help="of each, after one that is not counted")
    parser.add_argument("--without-duckdb", action="store_true")
    parser.add_argument("--strict", action="store_true", help="end with 1 if a limit is missed")
    arguments = parser.parse_args()
    tidegate, rows = str(arguments.tidegate.resolve()), arguments.rows
    os.environ["AWS_ENDPOINT_URL"] = os.environ.get("TIDEGATE_TEST_S3_URL") or sys.exit(
        "`cargo xtask bench s3` starts the server"
    )
    os.environ.update(AWS_REGION="us-east-1", AWS_ACCESS_KEY_ID="tests", AWS_SECRET_ACCESS_KEY="test-secret")
    prepare(rows)
    peer = None if arguments.without_duckdb else python_with("duckdb-s3", DUCKDB)

    def run(asset: str) -> list[str]:
        return [tidegate, "--project", str(PROJECT), "run", asset]

    measure(run("csv"))
    works = {"tidegate": run("parquet")}
    if peer:
        works["DuckDB"] = [str(peer), "-c", COPY]
    print(f"{rows:,} rows by 8 columns, CSV to Parquet in one bucket; {arguments.runs} runs each, in turns;")
    print(f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}; medians, and of memory the most")
    costs: dict[str, list[Cost]] = {name: [] for name in works}
    for turn in range(arguments.runs + 1):
        for name, command in works.items():
            cost = measure(command)
            if turn > 0:
                costs[name].append(cost)
    middles = {name: middle(list_of) for name, list_of in costs.items()}
    table(middles, rows)
    verdicts = Verdicts()
    if peer:
        print(f"wall {middles['tidegate'].wall_s / middles['DuckDB'].wall_s:.2f} x DuckDB's")
    verdicts.say("peak memory", middles["tidegate"].peak_mib, MAX_PEAK_MIB, " MiB")
    if arguments.strict and verdicts.missed:
        sys.exit(1)


if __name__ == "__main__":
    WORK.mkdir(exist_ok=True)
    main()
