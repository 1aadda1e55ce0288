"""What bench/postgres.py asks of dlt: `dlt_peer.py POSTGRES_URL FOLDER parquet|postgres` copies the table `rows`.

Its Arrow path (the backend connectorx), the fastest of those that dlt's documentation offers for tables:
https://dlthub.com/docs/dlt-ecosystem/verified-sources/sql_database/configuration
"""

import sys

import dlt
from dlt.sources.sql_database import sql_table


def copy(url: str, folder: str, to: str) -> None:
    if to == "parquet":
        destination = dlt.destinations.filesystem(bucket_url=folder)
        layout = {"loader_file_format": "parquet"}
    else:
        destination = dlt.destinations.postgres(credentials=url.replace("+psycopg2", ""))
        # CSV goes through COPY there; Parquet is not among its formats.
        layout = {"loader_file_format": "csv"}
    pipeline = dlt.pipeline(f"bench_{to}", pipelines_dir=f"{folder}/state", destination=destination, dataset_name="dlt_made")
    rows = sql_table(credentials=url, table="rows", backend="connectorx", reflection_level="full_with_precision")
    pipeline.run(rows, write_disposition="replace", **layout)


if __name__ == "__main__":
    copy(*sys.argv[1:])
