"""A destination that writes every row into the run's log: where a webhook or an API would be called.

A log cannot take back what it was told, so `stage` answers nothing: a later attempt writes the load again.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tidegate_sdk import Batch, Destination, Fault, Load, Receipt, log


@dataclass
class Config:
    """What `config` of the resource and `destination` of the asset hold."""

    prefix: str = field(default="row", metadata={"description": "What each line begins with."})


class Plugin(Destination):
    """A writer of one load."""

    Config = Config

    def __init__(self, config: Config, load: Load) -> None:
        self.config = config
        self.load = load
        self.rows = 0
        self.seen: set[str] = set()

    @classmethod
    def open(cls, config: Config, load: Load) -> Plugin:
        if load.mode != "append":
            raise Fault.config("/load", "a log can only be added to: use `load: append`")
        return cls(config, load)

    def write(self, batch: Batch, token: str) -> None:
        if token in self.seen:
            return
        self.seen.add(token)
        columns = [batch.column(place) for place in range(len(batch.fields))]
        for row in zip(*columns):
            log.info(f"{self.config.prefix} {row}")
        self.rows += batch.rows

    def commit(self) -> Receipt:
        return Receipt(self.rows, f"the log of the run that loaded {self.load.asset}")
