"""What the author of a source writes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Mapping, Self, Sequence

from .column import Column
from .fault import Fault
from .transform import NoConfig
from .types import Field


class Source:
    """Reads batches from somewhere.

    The host calls `check` and `discover` at any time; `open`, then `next` until it answers None. An instance is the
    reader of one stream. Reading the same stream from the same cursor must give the same rows in the same order, as long
    as the other side keeps them.
    """

    #: A dataclass: what `config:` of the resource and the asset's `source:` hold. See `tidegate_sdk.config`.
    Config: ClassVar[type] = NoConfig

    @classmethod
    def check(cls, config: Any) -> None:
        """Whether the config is right and the other side can be reached with it; raises Fault where not."""

    @classmethod
    def discover(cls, config: Any) -> list[Stream]:
        """What can be read."""
        raise NotImplementedError

    @classmethod
    def open(cls, config: Any, request: Request) -> Self:
        """Opens a reader."""
        raise NotImplementedError

    def next(self, max_rows: int) -> Chunk | None:
        """The next rows, `max_rows` at most; None at the end."""
        raise NotImplementedError


@dataclass(frozen=True)
class Stream:
    """Something that can be read: its name, its columns, the names of those that name a row, and whether it can be read
    from a cursor on."""

    name: str
    columns: Sequence[Field]
    description: str | None = None
    key: Sequence[str] = ()
    incremental: bool = False


@dataclass(frozen=True)
class Partition:
    """A slice: `start_ms <= instant < end_ms`, in milliseconds since 1970-01-01T00:00:00Z."""

    key: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True)
class Request:
    """What to read: a stream, the names of the columns wanted, the cursor to go on behind, and the slice."""

    stream: str
    columns: Sequence[str]
    #: What a chunk of this source had; None from the start.
    cursor: Any = None
    partition: Partition | None = None

    def wants(self, column: str) -> bool:
        """Whether a column is wanted: one that is costly to read need not be read otherwise."""
        return column in self.columns

    def unknown_stream(self, streams: Sequence[str]) -> Fault:
        """A fault for a stream that this source has not."""
        return Fault.config("/stream", f"there is no stream `{self.stream}`; there are {', '.join(streams)}")


@dataclass
class Chunk:
    """Rows, and where the reader stands behind them."""

    #: At least the columns asked for, by name, each with as many rows.
    columns: Mapping[str, Column]
    #: Reading on from here gives the row behind the last. Any value that JSON has, 64 KiB of it at most. It is kept from
    #: run to run: a later version of the plugin must still read it.
    cursor: Any
    rows: int = field(init=False)

    def __post_init__(self) -> None:
        rows = {column.rows for column in self.columns.values()}
        if len(rows) != 1:
            raise Fault.fatal(f"a chunk has columns of one length, and these are of {sorted(rows)} rows")
        self.rows = rows.pop()

    def wanted(self, names: Sequence[str]) -> list[Column]:
        """The columns asked for, in their order. Called by the SDK."""
        if missing := [name for name in names if name not in self.columns]:
            raise Fault.fatal(f"a chunk lacks the column `{missing[0]}`")
        return [self.columns[name] for name in names]
