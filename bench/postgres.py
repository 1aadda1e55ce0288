#!/usr/bin/env python3
"""Times Postgres to Parquet and Postgres to Postgres: Tidegate, DuckDB's Postgres reader, dlt, sling, and COPY by itself.

The server is that of the tests, on the same cores. All run in turns in one session. Usually called by
`cargo xtask bench postgres`.
"""

import argparse
import os
import platform
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from measure import BENCH, WORK, Cost, Verdicts, measure, middle, prepare, python_with, table

# The newest whose reader of Postgres is in the Python registry, which a machine without the open internet can reach.
DUCKDB = ["duckdb==1.4.4", "duckdb-extension-postgres-scanner==1.4.4"]
# Of each the newest of which the registry has all that it needs. Sling's own package fetches its binary from elsewhere.
DLT = ["dlt[postgres,parquet]==1.31.0", "connectorx==0.4.6", "sqlalchemy==2.1.9"]
SLING = ["sling-linux-amd64==1.4.11"]
PROJECT = BENCH / "postgres"

# What is promised, by issue and docs/performance.md.
MIN_SHARE_OF_COPY = 0.7
MAX_DUCKDB_WALL_RATIO = 1.0
MAX_PIPE_WALL_RATIO = 1.5
MAX_PEAK_MIB = 150

COLUMNS = (
    'id bigint NOT NULL, "user" bigint, name text, country text, amount double precision, fx double precision, '
    "ts timestamp, active boolean"
)


class Server:
    """The server of the tests, asked through psql."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.url = f"{parts.scheme}://{parts.hostname}:{parts.port}"
        self.login = f"{parts.scheme}://{parts.username}@{parts.hostname}:{parts.port}"

    def psql(self, statement: str, database: str = "bench") -> list[str]:
        return ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-At", "-c", statement, f"{self.login}/{database}"]

    def ask(self, statement: str, database: str = "bench") -> str:
        asked = subprocess.run(self.psql(statement, database), stdout=subprocess.PIPE, text=True)
        if asked.returncode != 0:
            sys.exit(f"psql ended with {asked.returncode}: {statement}")
        return asked.stdout.strip()

    def facts(self, name: str) -> str:
        """What must be the same of two tables with the same rows."""
        values = 'id, "user", name, country, amount, fx, ts, active'
        return self.ask(f'SELECT count(*), sum(hashtextextended(row({values})::text, 0)) FROM "{name}"')


READ = """
import glob, os, sys, duckdb, duckdb_extension_postgres_scanner as package
# The package holds the signed file that DuckDB would fetch.
pattern = os.path.join(os.path.dirname(package.__file__), "extensions", "*", "postgres_scanner.duckdb_extension")
duckdb.sql(f"LOAD '{glob.glob(pattern)[0]}'")
duckdb.sql(f"ATTACH '{sys.argv[1]}' AS shop (TYPE postgres, READ_ONLY)")
duckdb.sql(f"COPY (SELECT * FROM shop.rows) TO '{sys.argv[2]}' (FORMAT parquet)")
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="cargo xtask bench postgres --", description=__doc__)
    parser.add_argument("--tidegate", type=Path, required=True, help="the release binary (xtask gives it)")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=7, help="of each, after one that is not counted")
    parser.add_argument("--without-duckdb", action="store_true")
    parser.add_argument("--peers", action="store_true", help="dlt and sling too, which take a minute a turn")
    parser.add_argument("--strict", action="store_true", help="end with 1 if a limit is missed")
    arguments = parser.parse_args()
    tidegate, rows = str(arguments.tidegate.resolve()), arguments.rows
    url = os.environ.get("TIDEGATE_TEST_POSTGRES_URL") or sys.exit("`cargo xtask bench postgres` starts the server")
    server = Server(url)
    os.environ["PGOPTIONS"] = "-c client_min_messages=warning"
    os.environ["BENCH_POSTGRES_URL"] = f"{server.url}/bench"
    server.ask("DROP DATABASE IF EXISTS bench", "postgres")
    server.ask("CREATE DATABASE bench", "postgres")
    server.ask(f"CREATE TABLE rows ({COLUMNS})")
    source = prepare(rows).resolve()
    server.ask(f"\\copy rows FROM '{source}' (FORMAT csv, HEADER)")
    server.ask("VACUUM ANALYZE rows")
    peer = None if arguments.without_duckdb else python_with("duckdb-postgres", DUCKDB)

    def run(asset: str) -> list[str]:
        return [tidegate, "--project", str(PROJECT), "run", asset]

    pipe = "set -o pipefail; {} | {}".format(
        " ".join(map(quoted, server.psql("COPY rows TO STDOUT (FORMAT binary)"))),
        " ".join(map(quoted, server.psql("COPY piped FROM STDIN (FORMAT binary)"))),
    )
    works: dict[str, list[str]] = {
        "tidegate to Parquet": run("parquet"),
        "COPY to nowhere": ["sh", "-c", " ".join(map(quoted, server.psql("COPY rows TO STDOUT (FORMAT binary)"))) + " > /dev/null"],
        "tidegate to Postgres": run("copy"),
        "COPY into COPY": ["bash", "-c", pipe],
    }
    if peer:
        works["DuckDB to Parquet"] = [str(peer), "-c", READ, f"{server.login}/bench", str(WORK / "duckdb.parquet")]
    if arguments.peers:
        works |= peers(server)
    print(f"{rows:,} rows by 8 columns; {arguments.runs} runs each, in turns;")
    print(f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}; medians, and of memory the most")
    costs: dict[str, list[Cost]] = {name: [] for name in works}
    for turn in range(arguments.runs + 1):
        for name, command in works.items():
            # Both load into a table that was not there.
            server.ask("DROP TABLE IF EXISTS copy, piped, sling_made")
            server.ask(f"CREATE TABLE piped ({COLUMNS})")
            cost = measure(command)
            if turn > 0:
                costs[name].append(cost)
            if turn == 0 and name in ("tidegate to Postgres", "COPY into COPY"):
                made = "copy" if name.startswith("tidegate") else "piped"
                if server.facts(made) != server.facts("rows"):
                    sys.exit(f"{name}: the rows are not those of the source")
    middles = {name: middle(list_of) for name, list_of in costs.items()}
    table(middles, rows)
    print("CPU and memory are the clients'; both tables had the rows of the source")
    verdicts = Verdicts()
    wall = {name: cost.wall_s for name, cost in middles.items()}
    share = wall["COPY to nowhere"] / wall["tidegate to Parquet"]
    verdicts.say("COPY's rows/s, to Tidegate's to Parquet", 1 / share, round(1 / MIN_SHARE_OF_COPY, 2))
    if peer:
        verdicts.say("wall to Parquet, to DuckDB's", wall["tidegate to Parquet"] / wall["DuckDB to Parquet"], MAX_DUCKDB_WALL_RATIO)
    verdicts.say("wall to Postgres, to COPY into COPY", wall["tidegate to Postgres"] / wall["COPY into COPY"], MAX_PIPE_WALL_RATIO)
    peak = max(cost.peak_mib for name, cost in middles.items() if name.startswith("tidegate"))
    verdicts.say("peak memory", peak, MAX_PEAK_MIB, " MiB")
    if arguments.strict and verdicts.missed:
        sys.exit(1)


def peers(server: Server) -> dict[str, list[str]]:
    """What dlt and sling are asked for, each with its fastest path for tables."""
    works = {}
    if python := python_with("dlt", DLT):
        os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
        # dlt asks for a password, the server for none.
        url = f"{server.login}/bench".replace("postgres://", "postgresql+psycopg2://", 1).replace("@", ":unasked@", 1)
        for to in ("Parquet", "Postgres"):
            works[f"dlt to {to}"] = [str(python), str(BENCH / "dlt_peer.py"), url, str(WORK / "dlt"), to.lower()]
    if python := python_with("sling", SLING):
        (binary,) = python.parents[1].glob("lib/*/site-packages/sling_linux_amd64/bin/sling-linux-amd64")
        # Its Parquet writer of its own: the other is a DuckDB that it fetches.
        os.environ |= {
            "SLING_DISABLE_TELEMETRY": "true",
            "SLING_DUCKDB_COMPUTE": "false",
            "BENCH": f"{server.login}/bench?sslmode=disable",
        }
        run = [str(binary), "run", "--src-conn", "BENCH", "--src-stream", "public.rows"]
        works["sling to Parquet"] = [*run, "--tgt-object", f"file://{WORK}/sling.parquet"]
        made = ["--tgt-conn", "BENCH", "--tgt-object", "public.sling_made", "--mode", "full-refresh"]
        works["sling to Postgres"] = [*run, *made]
    return works


def quoted(word: str) -> str:
    """A word as a shell takes it."""
    return "'" + word.replace("'", "'\\''") + "'"


if __name__ == "__main__":
    WORK.mkdir(exist_ok=True)
    main()
