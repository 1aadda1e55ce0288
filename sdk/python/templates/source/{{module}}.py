"""A source of one stream, `numbers`: the numbers below `count`, with their squares."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

from tidegate_sdk import INT64, Chunk, Column, Field, Request, Source, Stream


@dataclass
class Config:
    """What `config` of the resource and `source` of the asset hold."""

    count: int = field(metadata={"description": "How many numbers.", "minimum": 0, "maximum": 3_000_000_000})


class Plugin(Source):
    """A reader; its cursor is the next number."""

    Config = Config

    def __init__(self, count: int, at: int) -> None:
        self.count = count
        self.at = at

    @classmethod
    def discover(cls, config: Config) -> list[Stream]:
        columns = [Field("number", INT64, nullable=False), Field("square", INT64, nullable=False)]
        return [Stream("numbers", columns, description="One row a number.", key=["number"], incremental=True)]

    @classmethod
    def open(cls, config: Config, request: Request) -> Plugin:
        if request.stream != "numbers":
            raise request.unknown_stream(["numbers"])
        return cls(config.count, request.cursor or 0)

    def next(self, max_rows: int) -> Chunk | None:
        numbers = range(self.at, min(self.at + max_rows, self.count))
        if not numbers:
            return None
        self.at = numbers.stop
        columns = {
            "number": Column.of_numbers(INT64, array("q", numbers)),
            "square": Column.of_numbers(INT64, array("q", [number * number for number in numbers])),
        }
        return Chunk(columns, self.at)
