"""The exported interface `destination`."""

from __future__ import annotations

from typing import Any

from wit_world.exports import destination as wit
from wit_world.imports import batches

from .. import config as configs
from ..destination import Destination, Load
from ..state import MAX_STATE_BYTES, from_state, to_state
from .crossing import batch_of, fields_of, guarded

_MODES = {
    wit.LoadMode.APPEND: "append",
    wit.LoadMode.UPSERT: "upsert",
    wit.LoadMode.REPLACE: "replace",
    wit.LoadMode.REPLACE_PARTITION: "replace_partition",
}


def writer(plugin: type[Destination]) -> type:
    """The resource `writer` of a plugin's class."""

    class Writer:
        def __init__(self, opened: Destination, load: Load) -> None:
            self.opened = opened
            self.load = load

        @classmethod
        @guarded
        def open(cls, request: wit.Request) -> Any:
            load = Load(
                asset=request.asset,
                mode=_MODES[request.mode],
                columns=tuple(fields_of(request.schema)),
                token=request.token,
                partition=request.partition or None,
                key=tuple(request.key),
                staged=from_state(request.staged),
                epoch=request.epoch,
            )
            return cls(plugin.open(configs.decode(plugin.Config, request.config), load), load)

        @guarded
        def write(self, input: batches.Batch, token: str) -> None:
            self.opened.write(batch_of(input, list(self.load.columns)), token)

        @guarded
        def stage(self) -> bytes | None:
            staged = self.opened.stage()
            return None if staged is None else to_state("what `stage` answers", staged, MAX_STATE_BYTES)

        @guarded
        def commit(self) -> wit.Receipt:
            receipt = self.opened.commit()
            return wit.Receipt(receipt.rows, receipt.bytes, receipt.location)

        @guarded
        def abort(self) -> None:
            self.opened.abort()

    return Writer


def functions(plugin: type[Destination]) -> type:
    """The interface's functions."""

    class Functions:
        @guarded
        def check(self, config: str) -> None:
            plugin.check(configs.decode(plugin.Config, config))

    return Functions
