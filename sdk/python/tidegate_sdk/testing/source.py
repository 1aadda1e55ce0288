"""Sources: read whole, and again from every cursor."""

from __future__ import annotations

import json
from typing import Any, Mapping, Sequence

from .. import config as configs
from ..column import Column
from ..source import Chunk, Partition, Request, Source, Stream
from ..state import MAX_STATE_BYTES, from_state, to_state
from .batches import ContractError, crossed


def discover(plugin: type[Source], config: Mapping[str, Any]) -> list[Stream]:
    """What can be read, once `check` found nothing wrong."""
    decoded = configs.decode(plugin.Config, json.dumps(config))
    plugin.check(decoded)
    streams = plugin.discover(decoded)
    for stream in streams:
        if unknown := set(stream.key) - {field.name for field in stream.columns}:
            raise ContractError(f"the key of `{stream.name}` names {sorted(unknown)}, which it has not")
    return streams


def read(
    plugin: type[Source],
    config: Mapping[str, Any],
    stream: str,
    columns: Sequence[str] | None = None,
    cursor: Any = None,
    partition: Partition | None = None,
    max_rows: int = 8_192,
) -> dict[str, list[Any]]:
    """Every row of a stream, by column; all columns unless told. Then reads on from each chunk's cursor in a reader of its
    own, where the stream is incremental, and raises ContractError where the rows differ."""
    found = {one.name: one for one in discover(plugin, config)}.get(stream)
    if found is None:
        raise ContractError(f"`discover` shows no stream `{stream}`")
    fields = {field.name: field for field in found.columns}
    request = Request(stream, tuple(columns or fields), cursor, partition)

    def rows_from(request: Request) -> tuple[list[tuple[Any, ...]], list[tuple[int, Any]]]:
        reader = plugin.open(configs.decode(plugin.Config, json.dumps(config)), request)
        rows: list[tuple[Any, ...]] = []
        cursors = []
        while (chunk := reader.next(max_rows)) is not None:
            if chunk.rows > max_rows:
                raise ContractError(f"`next` was asked for {max_rows} rows and gave {chunk.rows}")
            rows += _rows(chunk, request, fields)
            cursors.append((len(rows), from_state(to_state("a cursor", chunk.cursor, MAX_STATE_BYTES))))
        return rows, cursors

    rows, cursors = rows_from(request)
    for place, behind in cursors if found.incremental else []:
        again, _ = rows_from(Request(stream, request.columns, behind, partition))
        if again != rows[place:]:
            raise ContractError(f"reading on from the cursor {behind!r} gives other rows than reading through it")
    return {name: [row[place] for row in rows] for place, name in enumerate(request.columns)}


def _rows(chunk: Chunk, request: Request, fields: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    columns: list[Column] = []
    for name, column in zip(request.columns, chunk.wanted(request.columns)):
        columns.append(crossed(column, fields[name], chunk.rows))
    return list(zip(*columns))
