"""Bitmaps, Arrow's: a bit a row, the first the lowest of a byte. A whole column at a time, without a loop over rows."""

from __future__ import annotations

from typing import Iterable

# For each bit of a byte, what turns a byte into that bit as 0 or 1.
_BIT = [bytes(byte >> bit & 1 for byte in range(256)) for bit in range(8)]


def pack(flags: Iterable[object]) -> bytes:
    """The bitmap of flags: a bit is set where the flag is true. None is not true.

    Fastest for `bytes` or `bytearray` of zeros and ones.
    """
    if not isinstance(flags, (bytes, bytearray)):
        flags = bytes([1 if flag else 0 for flag in flags])
    length_bytes = (len(flags) + 7) // 8
    # Every eighth flag is one lane of the bitmap; as integers, lanes are shifted and joined whole. A flag is 0 or 1,
    # so that no shift below 8 reaches the next byte.
    joined = 0
    for bit in range(8):
        joined |= int.from_bytes(flags[bit::8], "little") << bit
    return joined.to_bytes(length_bytes, "little")


def unpack(bitmap: bytes | memoryview, rows: int) -> bytearray:
    """The bits as a byte each, 0 or 1."""
    source = bytes(bitmap)
    flags = bytearray(len(source) * 8)
    for bit in range(8):
        flags[bit::8] = source.translate(_BIT[bit])
    del flags[rows:]
    return flags


def count(bitmap: bytes | memoryview, rows: int) -> int:
    """How many of the first `rows` bits are set."""
    return (int.from_bytes(bitmap, "little") & ((1 << rows) - 1)).bit_count()


def both(one: bytes, other: bytes) -> bytes:
    """The bits that are set in both bitmaps, which are of one length."""
    return (int.from_bytes(one, "little") & int.from_bytes(other, "little")).to_bytes(len(one), "little")


def cut(bitmap: bytes | memoryview, start: int, rows: int) -> bytes:
    """`rows` bits from `start` on, as a bitmap of their own."""
    wanted = int.from_bytes(bitmap[start // 8 : (start + rows + 7) // 8], "little") >> start % 8
    return (wanted & ((1 << rows) - 1)).to_bytes((rows + 7) // 8, "little")
