"""What bench/run.py asks of DuckDB, each time in a process of its own:

    peer.py run CSV OUT plain|reference     the same work as the asset of that name
    peer.py facts NAME=FILE[,FILE…] …       what each set of Parquet files holds, as JSON
"""

import json
import sys

import duckdb

TYPES = {
    "id": "BIGINT",
    "user": "BIGINT",
    "name": "VARCHAR",
    "country": "VARCHAR",
    "amount": "DOUBLE",
    "fx": "DOUBLE",
    "ts": "TIMESTAMP_MS",
    "active": "BOOLEAN",
}

SELECT = {
    "plain": "SELECT * FROM input",
    "reference": 'SELECT * REPLACE (upper("name") AS "name"), amount * fx AS usd FROM input WHERE amount >= 0',
}


def run(csv: str, out: str, work: str) -> None:
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in TYPES.items())
    query = SELECT[work].replace("input", f"read_csv('{csv}', header = true, columns = {{{columns}}})")
    # Both write what they write by default: Snappy, row groups of 122,880.
    duckdb.sql(f"COPY ({query}) TO '{out}' (FORMAT parquet)")


def facts(files: list[str]) -> dict:
    source = f"read_parquet({files!r})"
    names = [column[0] for column in duckdb.sql(f"DESCRIBE SELECT * FROM {source}").fetchall()]
    # Values, not how they are stored: timestamps as microseconds, whatever their unit.
    values = [f'epoch_us("{name}"::TIMESTAMP)' if name == "ts" else f'"{name}"' for name in names]
    aggregates = {
        "rows": "count(*)",
        "missing amounts": "count(*) FILTER (amount IS NULL)",
        "first name": "min(name)",
        "last name": "max(name)",
        # Every value of every row, in any order.
        "hash": f"sum(hash({', '.join(values)})::HUGEINT)::VARCHAR",
    }
    if "usd" in names:
        aggregates["sum(usd)"] = "round(fsum(usd), 2)"
    row = duckdb.sql(f"SELECT {', '.join(aggregates.values())} FROM {source}").fetchall()[0]
    return {"columns": names, **dict(zip(aggregates, row))}


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    if command == "run":
        run(*arguments)
    else:
        asked = (argument.split("=", 1) for argument in arguments)
        print(json.dumps({name: facts(files.split(",")) for name, files in asked}))
