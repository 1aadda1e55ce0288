"""Destinations: one load, every call of it repeated as the host may."""

from __future__ import annotations

import json
from typing import Any, Mapping, Sequence

from .. import config as configs
from ..destination import Destination, Load, LoadMode, Receipt
from ..state import MAX_STATE_BYTES, from_state, to_state
from .batches import Columns, ContractError, batch_of, fields_of


def load(
    plugin: type[Destination],
    config: Mapping[str, Any],
    *batches: Columns,
    mode: LoadMode = "append",
    key: Sequence[str] = (),
    token: str = "load-1",
    partition: str | None = None,
) -> Receipt:
    """Loads batches of the same columns and commits: each batch written twice under its token, staged, taken up by a new
    writer where the destination can, and committed twice. All of that must leave what one load leaves."""
    fields = fields_of(batches[0])

    def opened(staged: Any) -> Destination:
        decoded = configs.decode(plugin.Config, json.dumps(config))
        plugin.check(decoded)
        return plugin.open(
            decoded, Load("asset", mode, fields, token, partition=partition, key=tuple(key), staged=staged, epoch=1)
        )

    writer = opened(None)
    for place, columns in enumerate(batches):
        for _ in range(2):
            writer.write(batch_of(columns, fields), f"{token}-{place}")
        staged = writer.stage()
        if staged is not None:
            writer = opened(from_state(to_state("what `stage` answers", staged, MAX_STATE_BYTES)))
    receipt = writer.commit()
    if writer.commit() != receipt:
        raise ContractError("a second `commit` answers another receipt than the first")
    return receipt


def abort(plugin: type[Destination], config: Mapping[str, Any], *batches: Columns) -> None:
    """Writes batches and forgets them: nothing of them may be seen afterwards."""
    fields = fields_of(batches[0])
    writer = plugin.open(configs.decode(plugin.Config, json.dumps(config)), Load("asset", "append", fields, "load-1"))
    for place, columns in enumerate(batches):
        writer.write(batch_of(columns, fields), f"load-1-{place}")
    writer.abort()
