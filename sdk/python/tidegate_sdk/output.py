"""What a transform returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Iterable, Sequence

from . import bits
from .column import Column
from .fault import Fault


@dataclass(frozen=True)
class Reject:
    """A row refused: its index in the batch, a stable code, and what is wrong. Never a value of a column tagged `pii`."""

    row: int
    code: str
    message: str


@dataclass
class Output:
    """A batch to go on. `select` is `all`, `keep`, `take` or `rows`."""

    select: str
    columns: list[Column]
    #: For `keep` a bitmap of the input's rows.
    bitmap: bytes = b""
    #: For `take` indices of the input's rows.
    indices: Sequence[int] = ()
    #: For `rows` how many.
    count: int = 0

    @classmethod
    def all(cls, *made: Column) -> Output:
        """All rows, with the made columns of the shape in order: a value for each row of the input."""
        return cls("all", list(made))

    @classmethod
    def keep(cls, keep: Column | bytes | Iterable[object], *made: Column) -> Output:
        """The rows where `keep` is true (None is not), with the made columns of the shape in order: a value for each
        row of the *input*, kept or not. `keep` is a boolean column, a bitmap as `bytes`, or a flag for each row: best a
        bytearray of zeros and ones."""
        if isinstance(keep, Column):
            if keep.data_type.kind != "boolean":
                raise TypeError(f"keep takes a column of booleans, not of {keep.data_type}")
            bitmap = bytes(keep.buffers[0])
            if keep.validity is not None:
                bitmap = bits.both(bitmap, bytes(keep.validity))
        else:
            bitmap = keep if isinstance(keep, bytes) else bits.pack(keep)
        return cls("keep", list(made), bitmap=bitmap)

    @classmethod
    def take(cls, indices: Sequence[int], *made: Column) -> Output:
        """Rows by their index, in this order; one may repeat. Made columns have a value for each index."""
        return cls("take", list(made), indices=list(indices))

    @classmethod
    def rows(cls, count: int, *made: Column) -> Output:
        """New rows, with the columns of the shape in order."""
        return cls("rows", list(made), count=count)


@dataclass
class Processed:
    """What became of a batch: outputs to go on, rows refused, and whether the others were taken into the state."""

    outputs: list[Output] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    absorbed: bool = False

    @classmethod
    def nothing(cls) -> Processed:
        """Nothing goes on."""
        return cls()

    @classmethod
    def of(cls, *outputs: Output) -> Processed:
        """These outputs go on."""
        return cls(list(outputs))

    def reject(self, row: int, code: str, message: str) -> None:
        """Refuses a row, which then goes on in no output of `all` or `keep`."""
        self.rejects.append(Reject(row, code, message))

    def absorbing(self) -> Processed:
        """The rows that do not go on and were not refused are kept in the transform's state."""
        self.absorbed = True
        return self

    def without_rejects(self, rows: int) -> Processed:
        """Takes the refused rows out of outputs that select by bit or take all; `rows` is the batch's. Called by the
        SDK with what `process` returned."""
        for output in self.outputs:
            if output.select == "keep" and len(output.bitmap) != (rows + 7) // 8:
                raise Fault.fatal(f"`keep` has {len(output.bitmap)} bytes of bits for {rows} rows")
        if not self.rejects:
            return self
        good = bytearray(b"\1") * rows
        for reject in self.rejects:
            if 0 <= reject.row < rows:
                good[reject.row] = 0
        bitmap = bits.pack(good)
        for output in self.outputs:
            if output.select == "all":
                output.select, output.bitmap = "keep", bitmap
            elif output.select == "keep":
                output.bitmap = bits.both(output.bitmap, bitmap)
        return self
