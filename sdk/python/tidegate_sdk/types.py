"""Column types: those of the plugin contract, with Arrow's layout."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Sequence


@dataclass(frozen=True)
class DataType:
    """A column's type. Use the constants and functions of this module rather than the constructor.

    `str()` of one is how a type is written in an asset: `decimal(12,2)`, `timestamp(ms, UTC)`, `list(utf8)`.
    """

    kind: str
    #: The typecode of `memoryview.cast` for values that are numbers; empty for the others.
    typecode: str = ""
    #: Bytes a value, for values of one width; 0 for the others.
    width_bytes: int = 0
    precision: int = 0
    scale: int = 0
    unit: str = ""
    timezone: str | None = None
    #: Fields of the members: one for lists, key and value for maps.
    members: tuple["Field", ...] = ()

    def __str__(self) -> str:
        match self.kind:
            case "decimal128" | "decimal256":
                return f"decimal({self.precision},{self.scale})"
            case "fixed_binary":
                return f"fixed_binary({self.width_bytes})"
            case "timestamp":
                return f"timestamp({self.unit}, {self.timezone})" if self.timezone else f"timestamp({self.unit})"
            case "time64" | "duration":
                return f"{self.kind}({self.unit})"
            case "list" | "map":
                return f"{self.kind}({', '.join(str(member.data_type) for member in self.members)})"
            case "struct":
                return f"struct({', '.join(f'{member.name}: {member.data_type}' for member in self.members)})"
        return self.kind


@dataclass(frozen=True)
class Field:
    """A named, typed value of each row; `nullable` says whether it may be missing."""

    name: str
    data_type: DataType
    nullable: bool = True


BOOLEAN = DataType("boolean")
INT8 = DataType("int8", "b", 1)
INT16 = DataType("int16", "h", 2)
INT32 = DataType("int32", "i", 4)
INT64 = DataType("int64", "q", 8)
UINT8 = DataType("uint8", "B", 1)
UINT16 = DataType("uint16", "H", 2)
UINT32 = DataType("uint32", "I", 4)
UINT64 = DataType("uint64", "Q", 8)
FLOAT32 = DataType("float32", "f", 4)
FLOAT64 = DataType("float64", "d", 8)
UTF8 = DataType("utf8")
BINARY = DataType("binary")
DATE32 = DataType("date32", "i", 4)

#: What a time counts, with how many of it a second has.
UNITS_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}

#: The most digits of a decimal of 128 bits, and of 256 (types.wit, `decimal`).
MAX_DIGITS_128 = 38
MAX_DIGITS_256 = 76


def decimal(precision: int, scale: int) -> DataType:
    """Exact numbers of `precision` digits, 1 to 76, `scale` of them behind the point."""
    if not 1 <= precision <= MAX_DIGITS_256 or not 0 <= scale <= precision:
        raise ValueError(f"decimal({precision},{scale}): 1 <= precision <= 76 and 0 <= scale <= precision")
    if precision <= MAX_DIGITS_128:
        return DataType("decimal128", "", 16, precision, scale)
    return DataType("decimal256", "", 32, precision, scale)


def fixed_binary(length_bytes: int) -> DataType:
    """So many bytes a value."""
    if length_bytes < 1:
        raise ValueError(f"fixed_binary({length_bytes}): at least 1 byte")
    return DataType("fixed_binary", "", length_bytes)


def time64(unit: str) -> DataType:
    """Time since midnight: `us` or `ns`."""
    if unit not in ("us", "ns"):
        raise ValueError(f"time64({unit}): the unit is us or ns")
    return DataType("time64", "q", 8, unit=unit)


def timestamp(unit: str, timezone: str | None = None) -> DataType:
    """Since 1970-01-01T00:00:00: `s`, `ms`, `us` or `ns`. With a time zone an instant, counted in UTC."""
    return DataType("timestamp", "q", 8, unit=_unit(unit), timezone=timezone)


def duration(unit: str) -> DataType:
    """A length of time: `s`, `ms`, `us` or `ns`."""
    return DataType("duration", "q", 8, unit=_unit(unit))


def list_of(item: DataType | Field) -> DataType:
    """Lists."""
    return DataType("list", members=(_member("item", item),))


def struct_of(members: Sequence[Field]) -> DataType:
    """Named members, at least one, of different names."""
    names = [member.name for member in members]
    if not names or len(set(names)) != len(names):
        raise ValueError("a struct has at least one member, and members of different names")
    return DataType("struct", members=tuple(members))


def map_of(key: DataType, value: DataType | Field) -> DataType:
    """Keys, never missing, with values; members are called as the host calls those of an asset's `map(key, value)`."""
    return DataType("map", members=(Field("key", key, nullable=False), _member("value", value)))


def _member(name: str, member: DataType | Field) -> Field:
    return member if isinstance(member, Field) else Field(name, member)


def _unit(unit: str) -> str:
    if unit not in UNITS_PER_SECOND:
        raise ValueError(f"{unit}: the unit is s, ms, us or ns")
    return unit


_SIMPLE = {
    one.kind: one
    for one in (
        BOOLEAN, INT8, INT16, INT32, INT64, UINT8, UINT16, UINT32, UINT64, FLOAT32, FLOAT64, UTF8, BINARY, DATE32,
    )
}  # fmt: skip
_CALL = re.compile(r"\s*(\w+)\s*\((.*)\)\s*", re.DOTALL)


def parse(text: str) -> DataType:
    """The type that an asset writes so: `int64`, `decimal(12,2)`, `struct(a: utf8, b: list(int8))`."""
    if (simple := _SIMPLE.get(text.strip())) is not None:
        return simple
    call = _CALL.fullmatch(text)
    name, arguments = (call[1], _split(call[2])) if call else ("", [])
    match name, arguments:
        case "decimal", [precision, scale]:
            return decimal(int(precision), int(scale))
        case "fixed_binary", [length]:
            return fixed_binary(int(length))
        case "time64", [unit]:
            return time64(unit)
        case "duration", [unit]:
            return duration(unit)
        case "timestamp", [unit]:
            return timestamp(unit)
        case "timestamp", [unit, zone]:
            return timestamp(unit, zone)
        case "list", [item]:
            return list_of(parse(item))
        case "map", [key, value]:
            return map_of(parse(key), parse(value))
        case "struct", [*members]:
            pairs = [member.split(":", 1) for member in members]
            if all(len(pair) == 2 for pair in pairs):
                return struct_of([Field(pair[0].strip(), parse(pair[1])) for pair in pairs])
    raise ValueError(f"`{text}` is not a type")


def _split(text: str) -> list[str]:
    """At the commas that stand in no bracket."""
    parts, depth, start = [], 0, 0
    for place, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            parts.append(text[start:place])
            start = place + 1
    return [part.strip() for part in [*parts, text[start:]]]
