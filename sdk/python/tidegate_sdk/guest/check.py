"""The exported interface `check`."""

from __future__ import annotations

from typing import Any

from wit_world.exports import check as wit
from wit_world.imports import batches

from .. import config as configs
from ..batch import Input
from ..check import Check
from .contract import wit as types
from .crossing import batch_of, fields_of, guarded

_SEVERITIES = {"warn": wit.Severity.WARN, "error": wit.Severity.ERROR}


def checker(plugin: type[Check]) -> type:
    """The resource `checker` of a plugin's class."""

    class Checker:
        def __init__(self, bound: Check, input: Input) -> None:
            self.bound = bound
            self.input = input

        @classmethod
        @guarded
        def bind(cls, config: str, input: types.Schema) -> Any:
            granted = Input(fields_of(input))
            return cls(plugin.bind(configs.decode(plugin.Config, config), granted), granted)

        @guarded
        def observe(self, input: batches.Batch) -> None:
            self.bound.observe(batch_of(input, list(self.input.fields)))

        @guarded
        def snapshot(self) -> bytes | None:
            return self.bound.snapshot()

        @guarded
        def restore(self, state: bytes) -> None:
            self.bound.restore(state)

        @guarded
        def verdict(self) -> wit.Verdict:
            verdict = self.bound.verdict()
            measures = [(name, float(value)) for name, value in verdict.measures.items()]
            return wit.Verdict(verdict.passed, _SEVERITIES[verdict.severity], verdict.message, measures)

    return Checker
