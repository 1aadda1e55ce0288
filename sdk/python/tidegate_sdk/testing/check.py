"""Checks."""

from __future__ import annotations

import json
from typing import Any, Mapping

from .. import config as configs
from ..batch import Input
from ..check import Check, Verdict
from .batches import Columns, ContractError, batch_of, fields_of


def verdict(plugin: type[Check], config: Mapping[str, Any], *batches: Columns) -> Verdict:
    """The verdict on batches of the same columns. Where the check has snapshots, each batch is observed by an instance of
    its own that took over the one before; the verdict must be the same."""
    fields = fields_of(batches[0])

    def bound() -> Check:
        return plugin.bind(configs.decode(plugin.Config, json.dumps(config)), Input(fields))

    whole, resumed = bound(), bound()
    for columns in batches:
        whole.observe(batch_of(columns, fields))
        resumed.observe(batch_of(columns, fields))
        state = resumed.snapshot()
        if state is not None:
            resumed = bound()
            resumed.restore(state)
    said = whole.verdict()
    if resumed.verdict() != said:
        raise ContractError("a check that goes on from its snapshot gives another verdict")
    return said
