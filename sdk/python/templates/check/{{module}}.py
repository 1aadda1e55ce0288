"""Counts missing values: `reads: [a column]`. Fails where there are more than `at_most`."""

from __future__ import annotations

from dataclasses import dataclass, field

from tidegate_sdk import Batch, Check, Input, Verdict


@dataclass
class Config:
    """What `config` of the check holds."""

    at_most: int = field(default=0, metadata={"description": "How many may be missing.", "minimum": 0})


class Plugin(Check):
    """The bound check."""

    Config = Config

    def __init__(self, at_most: int) -> None:
        self.at_most = at_most
        self.nulls = 0

    @classmethod
    def bind(cls, config: Config, input: Input) -> Plugin:
        input.expect_columns(1, "the column to look at")
        return cls(config.at_most)

    def observe(self, batch: Batch) -> None:
        self.nulls += batch.column(0).null_count

    def snapshot(self) -> bytes:
        return str(self.nulls).encode()

    def restore(self, state: bytes) -> None:
        self.nulls = int(state)

    def verdict(self) -> Verdict:
        passed = self.nulls <= self.at_most
        return Verdict(passed, f"{self.nulls} values are missing, {self.at_most} may be", {"nulls": self.nulls})
