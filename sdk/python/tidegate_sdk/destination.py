"""What the author of a destination writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self, Sequence

from .batch import Batch
from .transform import NoConfig
from .types import Field

#: How a load meets what lies there: rows are added; they take the place of those with the same key; everything is
#: replaced; the partition is replaced.
LoadMode = Literal["append", "upsert", "replace", "replace_partition"]


class Destination:
    """Writes batches somewhere, and shows all of a load at once or none.

    The host calls `check` at any time; `open`, then `write` for each batch with `stage` between them, then `commit` or
    `abort`. An instance is the writer of one load.
    """

    #: A dataclass: what `config:` of the resource and the asset's `destination:` hold. See `tidegate_sdk.config`.
    Config: ClassVar[type] = NoConfig

    @classmethod
    def check(cls, config: Any) -> None:
        """Whether the config is right and the other side can be reached with it; raises Fault where not."""

    @classmethod
    def open(cls, config: Any, load: Load) -> Self:
        """Opens a writer. Nothing that it does before `commit` may be seen by a reader, unless the other side has no way
        to hide it, such as a webhook; the tokens keep a repeat from doubling it."""
        raise NotImplementedError

    def write(self, batch: Batch, token: str) -> None:
        """Takes a batch. The same token means the same rows, and a repeated one must change nothing."""
        raise NotImplementedError

    def stage(self) -> Any:
        """Makes all that was written durable, still unseen, and answers what a writer of the same load needs to go on from
        here, as a value that JSON has, 64 KiB of it at most. None where the other side cannot hold back what was written:
        a later attempt then writes the load from its first batch, with the same tokens."""
        return None

    def commit(self) -> Receipt:
        """Shows the load. Repeating it must change nothing."""
        raise NotImplementedError

    def abort(self) -> None:
        """Forgets the load."""


@dataclass(frozen=True)
class Load:
    """What will be written."""

    asset: str
    mode: LoadMode
    #: The columns of every batch.
    columns: Sequence[Field]
    #: Names the load: a load under a token that was committed already changes nothing.
    token: str
    #: For which slice; None for an asset without.
    partition: str | None = None
    #: The columns that name a row.
    key: Sequence[str] = ()
    #: What `stage` of an earlier attempt at this load answered last.
    staged: Any = None
    #: The attempt's fence: a destination that has seen a higher one for this asset and slice must refuse.
    epoch: int = 0


@dataclass(frozen=True)
class Receipt:
    """What was loaded: rows, where it lies, for people, and bytes as stored, where known."""

    rows: int
    location: str
    bytes: int | None = None
