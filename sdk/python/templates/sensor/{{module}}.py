"""Asks for one run for each of `keys`, one a look: where an API would be asked what is new."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tidegate_sdk import Evaluation, RunRequest, Sensor


@dataclass
class Config:
    """What `config` of the sensor holds."""

    keys: list[str] = field(metadata={"description": "The keys of the runs, in order."})


class Plugin(Sensor):
    """The sensor; its cursor is how many keys were asked for."""

    Config = Config

    @classmethod
    def evaluate(cls, config: Config, cursor: Any) -> Evaluation:
        at = cursor or 0
        if at >= len(config.keys):
            return Evaluation.skip("nothing is new", at)
        return Evaluation.of([RunRequest(config.keys[at])], at + 1)
