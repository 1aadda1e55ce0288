"""Between a column's buffers and Python values."""

from __future__ import annotations

import decimal
from array import array
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, Sequence

from . import bits
from .types import MAX_DIGITS_256, DataType

if TYPE_CHECKING:
    from .column import Column

#: Exact for every decimal of the contract, whatever the context of the caller.
_EXACT = decimal.Context(prec=MAX_DIGITS_256, traps=[decimal.Inexact, decimal.InvalidOperation])


def buffer_count(data_type: DataType) -> int:
    """How many buffers an array of a type has behind its validity bitmap."""
    return {"utf8": 2, "binary": 2, "struct": 0}.get(data_type.kind, 1)


def decode(column: Column) -> list[Any]:
    """Every value, None for null."""
    plain = _decode(column)
    if not column.null_count:
        return plain
    return [value if there else None for value, there in zip(plain, column.present())]


def _decode(column: Column) -> list[Any]:
    data_type = column.data_type
    if data_type.typecode:
        return column.values.tolist()
    match data_type.kind:
        case "boolean":
            return list(map(bool, bits.unpack(column.buffers[0], column.rows)))
        case "decimal128" | "decimal256":
            scale = -data_type.scale
            return [decimal.Decimal(value).scaleb(scale, _EXACT) for value in unscaled(column)]
        case "utf8":
            return texts(column)
        case "binary":
            data = bytes(column.buffers[1])
            return [data[start:stop] for start, stop in pairwise(column.offsets)]
        case "fixed_binary":
            return _cut(column)
        case "list":
            items = column.members[0].to_list()
            return [items[start:stop] for start, stop in pairwise(column.offsets)]
        case "map":
            pairs = list(zip(column.members[0].to_list(), column.members[1].to_list()))
            return [pairs[start:stop] for start, stop in pairwise(column.offsets)]
        case "struct":
            names = [member.name for member in data_type.members]
            return [dict(zip(names, row)) for row in zip(*(member.to_list() for member in column.members))]
    raise TypeError(f"{data_type} is not a type of the contract")


def texts(column: Column) -> list[str]:
    """Text of every row, whatever the bitmap says."""
    if column.data_type.kind != "utf8":
        raise TypeError(f"{column.data_type} is no text")
    data = bytes(column.buffers[1])
    offsets = column.offsets.tolist()
    if data.isascii():
        # One decoding for all: a character is a byte, so that offsets of bytes are those of characters.
        whole = data.decode("ascii")
        return [whole[start:stop] for start, stop in pairwise(offsets)]
    return [data[start:stop].decode() for start, stop in pairwise(offsets)]


def unscaled(column: Column) -> list[int]:
    """The integers of a decimal."""
    return [int.from_bytes(value, "little", signed=True) for value in _cut(column)]


def _cut(column: Column) -> list[bytes]:
    data, width = bytes(column.buffers[0]), column.data_type.width_bytes
    return [data[start : start + width] for start in range(0, len(data), width)]


def join(data_type: DataType, items: Sequence[str] | Sequence[bytes]) -> tuple[bytes, bytes]:
    """Offsets and bytes of text or bytes."""
    if data_type.kind == "utf8":
        whole = "".join(items)  # type: ignore[arg-type]
        data = whole.encode()
        if len(data) == len(whole):
            lengths = map(len, items)
        else:
            lengths = (len(item.encode()) for item in items)  # type: ignore[union-attr]
    elif data_type.kind == "binary":
        data = b"".join(items)  # type: ignore[arg-type]
        lengths = map(len, items)
    else:
        raise TypeError(f"of_texts makes utf8 and binary, not {data_type}")
    return _offsets(lengths), data


def _offsets(lengths: Any) -> bytes:
    try:
        return array("i", accumulate(lengths, initial=0)).tobytes()
    except OverflowError:
        raise ValueError("the values of a column have more than 2 GiB together; make smaller outputs") from None


def encode(data_type: DataType, items: list[Any]) -> Column:
    """A column from Python values, None for null."""
    from .column import Column

    validity = None
    if None in items:
        validity = bits.pack(bytes([item is not None for item in items]))
    if data_type.kind == "struct":
        rows = [{} if item is None else item for item in items]
        for row in rows:
            if unknown := row.keys() - {member.name for member in data_type.members}:
                raise ValueError(f"{data_type} has no member `{sorted(unknown)[0]}`")
        members = [
            _member(member, [row.get(member.name) for row in rows], validity) for member in data_type.members
        ]
        return Column(data_type, len(items), validity, [], members)
    if data_type.kind in ("list", "map"):
        rows = [() if item is None else list(item) for item in items]
        offsets = _offsets(map(len, rows))
        flat = [value for row in rows for value in row]
        lanes = [flat] if data_type.kind == "list" else [[key for key, _ in flat], [value for _, value in flat]]
        members = [_member(member, lane, None) for member, lane in zip(data_type.members, lanes)]
        return Column(data_type, len(items), validity, [offsets], members)
    return Column(data_type, len(items), validity, _encode(data_type, items))


def _member(member: Any, items: list[Any], outer: bytes | None) -> Column:
    """A member's column. Where the struct around it is missing, a member that may not be missing has any value."""
    if not member.nullable and None in items:
        if outer is None:
            raise ValueError(f"`{member.name}` may not be missing")
        there = bits.unpack(outer, len(items))
        if any(item is None and present for item, present in zip(items, there)):
            raise ValueError(f"`{member.name}` may not be missing")
        plain = encode(member.data_type, items)
        return type(plain)(member.data_type, plain.rows, None, plain.buffers, plain.members)
    return encode(member.data_type, items)


def _encode(data_type: DataType, items: list[Any]) -> list[bytes]:
    """The buffers behind the bitmap; a missing row has zeros."""
    kind, width = data_type.kind, data_type.width_bytes
    if data_type.typecode:
        try:
            return [array(data_type.typecode, [0 if item is None else item for item in items]).tobytes()]
        except OverflowError as error:
            raise ValueError(f"a value does not fit into {data_type}: {error}") from None
    match kind:
        case "boolean":
            return [bits.pack(bytes([_flag(item) for item in items]))]
        case "utf8":
            return list(join(data_type, ["" if item is None else item for item in items]))
        case "binary":
            return list(join(data_type, [b"" if item is None else item for item in items]))
        case "fixed_binary":
            parts = [bytes(width) if item is None else bytes(item) for item in items]
            if wrong := [part for part in parts if len(part) != width]:
                raise ValueError(f"{data_type} takes {width} bytes, and was given {len(wrong[0])}")
            return [b"".join(parts)]
        case "decimal128" | "decimal256":
            numbers = [0 if item is None else to_unscaled(data_type, item) for item in items]
            return [b"".join([number.to_bytes(width, "little", signed=True) for number in numbers])]
    raise TypeError(f"{data_type} is not a type of the contract")


def _flag(item: Any) -> bool:
    if item is None or isinstance(item, (bool, int)) and item in (0, 1):
        return bool(item)
    raise TypeError(f"a boolean is True or False, not {type(item).__name__}")


def to_unscaled(data_type: DataType, item: Any) -> int:
    """The unscaled integer of a Decimal, int or text; ValueError where it has more digits than the type."""
    if isinstance(item, float):
        raise TypeError(f"a float is not exact; give {data_type} a decimal.Decimal")
    try:
        number = decimal.Decimal(item).scaleb(data_type.scale, _EXACT)
        whole = int(number)
    except (decimal.DecimalException, ValueError, OverflowError):
        raise ValueError(f"a value is no {data_type}") from None
    if whole != number or abs(whole) >= 10**data_type.precision:
        raise ValueError(f"a value does not fit into {data_type}")
    return whole
