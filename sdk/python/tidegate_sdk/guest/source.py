"""The exported interface `source`."""

from __future__ import annotations

from typing import Any

from wit_world.exports import source as wit

from .. import config as configs
from ..fault import Fault
from ..source import Partition, Request, Source
from ..state import MAX_STATE_BYTES, from_state, to_state
from .crossing import column_of, guarded, schema_of


def reader(plugin: type[Source]) -> type:
    """The resource `reader` of a plugin's class."""

    class Reader:
        def __init__(self, opened: Source, request: Request) -> None:
            self.opened = opened
            self.request = request

        @classmethod
        @guarded
        def open(cls, request: wit.Request) -> Any:
            slice_ = request.partition
            wanted = Request(
                stream=request.stream,
                columns=tuple(request.columns),
                cursor=from_state(request.cursor),
                partition=slice_ and Partition(slice_.key, slice_.start_ms, slice_.end_ms),
            )
            return cls(plugin.open(configs.decode(plugin.Config, request.config), wanted), wanted)

        @guarded
        def next(self, max_rows: int) -> wit.Chunk | None:
            chunk = self.opened.next(max_rows)
            if chunk is None:
                return None
            if chunk.rows > max_rows:
                raise Fault.fatal(f"`next` was asked for {max_rows} rows and gave {chunk.rows}")
            columns = [column_of(column) for column in chunk.wanted(self.request.columns)]
            return wit.Chunk(chunk.rows, columns, to_state("a cursor", chunk.cursor, MAX_STATE_BYTES))

    return Reader


def functions(plugin: type[Source]) -> type:
    """The interface's functions."""

    class Functions:
        @guarded
        def check(self, config: str) -> None:
            plugin.check(configs.decode(plugin.Config, config))

        @guarded
        def discover(self, config: str) -> list[wit.Stream]:
            return [
                wit.Stream(
                    stream.name, stream.description, schema_of(stream.columns), list(stream.key), stream.incremental
                )
                for stream in plugin.discover(configs.decode(plugin.Config, config))
            ]

    return Functions
