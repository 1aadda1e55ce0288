"""A column: typed views over its buffers, which are Arrow's."""

from __future__ import annotations

from array import array
from typing import Any, Iterable, Iterator, Sequence

from . import bits, convert
from .types import DataType

Buffer = bytes | bytearray | memoryview

_EMPTY = b""


class Column:
    """The values of one column for all rows of a batch, null as None.

    Iterating, indexing and `to_list` make Python values and cost accordingly: int for integers, for dates (days since
    1970-01-01) and for times (a count of the type's unit, all 64 bits of it; `tidegate_sdk.times` turns them into
    `datetime` and back), float, bool, str, bytes, `decimal.Decimal`, list, dict for a struct, a list of pairs for a map.
    `values`, `offsets`, `data` and `validity` are the buffers themselves, and cost nothing.

    Columns do not change. Make one with `of`, `of_numbers`, `of_texts` or `of_unscaled`.
    """

    __slots__ = ("data_type", "rows", "null_count", "validity", "buffers", "members")

    def __init__(
        self,
        data_type: DataType,
        rows: int,
        validity: Buffer | None,
        buffers: Sequence[Buffer],
        members: Sequence[Column] = (),
        null_count: int | None = None,
    ) -> None:
        """From the buffers behind the validity bitmap; they are not checked. See types.wit, `column`."""
        self.data_type = data_type
        self.rows = rows
        if validity is not None and null_count is None:
            null_count = rows - bits.count(validity, rows)
        self.null_count = null_count or 0
        #: The bitmap whose bit is set where the value is there; None where nothing is missing.
        self.validity = validity if self.null_count else None
        self.buffers = list(buffers)
        #: Columns of the members: the items of a list, each member of a struct, key and value of a map.
        self.members = list(members)

    @classmethod
    def of(cls, data_type: DataType, items: Iterable[Any]) -> Column:
        """From Python values, None for null. Raises ValueError or TypeError for a value that is not of the type."""
        return convert.encode(data_type, list(items))

    @classmethod
    def of_numbers(cls, data_type: DataType, numbers: Buffer | array[Any], validity: Buffer | None = None) -> Column:
        """From an `array.array`, memoryview or bytes of a type with a typecode, in the machine's order.

        No value is looked at; a missing row has any number. `validity` may be another column's.
        """
        if not data_type.typecode:
            raise TypeError(f"of_numbers makes numbers, dates and times, not {data_type}")
        view = memoryview(numbers)
        # Bytes are taken as what they lie in; an `l` may be as wide as an `i` or as a `q`.
        same_kind = any({view.format, data_type.typecode} <= set(kind) for kind in ("bhilq", "BHILQ", "fd"))
        if view.format not in ("B", "c") and not (same_kind and view.itemsize == data_type.width_bytes):
            raise TypeError(f"a buffer of `{view.format}`, {view.itemsize} bytes each, holds no {data_type}")
        if view.nbytes % data_type.width_bytes:
            raise ValueError(f"{view.nbytes} bytes are no whole number of {data_type}")
        rows = view.nbytes // data_type.width_bytes
        return cls(data_type, rows, _bitmap(validity, rows), [view.cast("B")])

    @classmethod
    def of_texts(cls, data_type: DataType, items: Sequence[str] | Sequence[bytes], validity: Buffer | None = None) -> Column:
        """From str for utf8, or bytes for binary, of every row; a missing row has any text, best an empty one."""
        offsets, data = convert.join(data_type, items)
        return cls(data_type, len(items), _bitmap(validity, len(items)), [offsets, data])

    @classmethod
    def of_unscaled(cls, data_type: DataType, items: Sequence[int], validity: Buffer | None = None) -> Column:
        """A decimal from its unscaled integers: 1234 is 12.34 at scale 2."""
        width = data_type.width_bytes
        data = b"".join([item.to_bytes(width, "little", signed=True) for item in items])
        return cls(data_type, len(items), _bitmap(validity, len(items)), [data])

    def __len__(self) -> int:
        return self.rows

    def __iter__(self) -> Iterator[Any]:
        return iter(self.to_list())

    def __getitem__(self, row: int) -> Any:
        """The value of one row. For many rows iterate instead."""
        if row < 0:
            row += self.rows
        if not 0 <= row < self.rows:
            raise IndexError(f"row {row} of {self.rows}")
        return self.slice(row, row + 1).to_list()[0]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Column):
            return NotImplemented
        return self.data_type == other.data_type and self.to_list() == other.to_list()

    def __repr__(self) -> str:
        return f"Column({self.data_type}, {self.rows} rows, {self.null_count} null)"

    def to_list(self) -> list[Any]:
        """Every value as a Python value, None for null."""
        return convert.decode(self)

    @property
    def values(self) -> memoryview:
        """Numbers, dates and times as a typed memoryview; of missing rows any number."""
        if not self.data_type.typecode:
            raise TypeError(f"{self.data_type} has no view as numbers")
        return memoryview(self.buffers[0]).cast("B").cast(self.data_type.typecode)

    @property
    def offsets(self) -> memoryview:
        """Of text, bytes, lists and maps: where each row's part begins; one more than rows, unless there are none."""
        if self.data_type.kind not in ("utf8", "binary", "list", "map"):
            raise TypeError(f"{self.data_type} has no offsets")
        return memoryview(self.buffers[0]).cast("B").cast("i")

    @property
    def data(self) -> Buffer:
        """The bytes of all rows: of text and bytes those that `offsets` count, of the others the values."""
        return self.buffers[-1]

    def texts(self) -> list[str]:
        """Text of every row, decoded at once; of a missing row an empty text, or any."""
        return convert.texts(self)

    def unscaled(self) -> list[int]:
        """The unscaled integers of a decimal; of missing rows any."""
        if not self.data_type.kind.startswith("decimal"):
            raise TypeError(f"{self.data_type} is no decimal")
        return convert.unscaled(self)

    def present(self) -> bytearray:
        """A byte for each row: 1 where the value is there, else 0."""
        if self.validity is None:
            return bytearray(b"\1") * self.rows
        return bits.unpack(self.validity, self.rows)

    def slice(self, start: int, stop: int) -> Column:
        """The rows from `start` to before `stop`, as a column of its own."""
        start, stop = max(start, 0), min(stop, self.rows)
        rows = max(stop - start, 0)
        validity = None if self.validity is None else bits.cut(self.validity, start, rows)
        kind, width = self.data_type.kind, self.data_type.width_bytes
        buffers: list[Buffer] = []
        members = self.members
        if kind in ("utf8", "binary", "list", "map"):
            offsets = self.offsets[start : start + rows + 1] if rows else [0]
            first, last = offsets[0], offsets[-1]
            buffers.append(array("i", [offset - first for offset in offsets]).tobytes())
            if kind in ("utf8", "binary"):
                buffers.append(memoryview(self.buffers[1])[first:last])
            members = [member.slice(first, last) for member in members]
        elif kind == "struct":
            members = [member.slice(start, start + rows) for member in members]
        elif kind == "boolean":
            buffers.append(bits.cut(self.buffers[0], start, rows))
        else:
            buffers.append(memoryview(self.buffers[0]).cast("B")[start * width : (start + rows) * width])
        return Column(self.data_type, rows, validity, buffers, members)

    def to_parts(self) -> tuple[list[tuple[int, int]], list[bytes]]:
        """As it crosses: rows and nulls of each array, and the buffers, depth first."""
        nodes = [(self.rows, self.null_count)]
        buffers = [_EMPTY if self.validity is None else bytes(self.validity)]
        buffers.extend(bytes(buffer) for buffer in self.buffers)
        if self.data_type.kind == "map":
            # A map is laid out as a list of structs of key and value.
            nodes.append((self.members[0].rows, 0))
            buffers.append(_EMPTY)
        for member in self.members:
            more_nodes, more_buffers = member.to_parts()
            nodes += more_nodes
            buffers += more_buffers
        return nodes, buffers

    @classmethod
    def of_parts(cls, data_type: DataType, nodes: Iterator[tuple[int, int]], buffers: Iterator[bytes]) -> Column:
        """From what crossed; the counterpart of `to_parts`."""
        rows, null_count = next(nodes)
        validity = next(buffers)
        own = [next(buffers) for _ in range(convert.buffer_count(data_type))]
        if data_type.kind == "map":
            next(nodes)
            next(buffers)
        members = [cls.of_parts(member.data_type, nodes, buffers) for member in data_type.members]
        return cls(data_type, rows, validity if null_count else None, own, members, null_count)


def _bitmap(validity: Buffer | None, rows: int) -> Buffer | None:
    if validity is not None and len(validity) != (rows + 7) // 8:
        raise ValueError(f"a bitmap of {rows} rows has {(rows + 7) // 8} bytes, and this has {len(validity)}")
    return validity
