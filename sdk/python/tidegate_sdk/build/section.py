"""Sections of a component."""

from __future__ import annotations

from collections.abc import Iterator

MANIFEST = "tidegate:manifest"

#: The number of a section of imports (the component model's Binary.md, `section_10`).
IMPORTS = 10

#: A component's first eight bytes: the magic number, version 13, layer 1 (the component model's Binary.md).
_COMPONENT = b"\0asm\x0d\0\1\0"


def with_section(component: bytes, name: str, payload: bytes) -> bytes:
    """The component with one more custom section at its end."""
    _expect_component(component)
    body = _number(len(name.encode())) + name.encode() + payload
    return component + b"\0" + _number(len(body)) + body


def sections(component: bytes) -> Iterator[tuple[int, int, int]]:
    """The component's own sections, in order: number, and where the content begins and ends."""
    _expect_component(component)
    at = len(_COMPONENT)
    while at < len(component):
        number = component[at]
        size, start = _read_number(component, at + 1)
        at = start + size
        yield number, start, at


def _expect_component(component: bytes) -> None:
    if not component.startswith(_COMPONENT):
        raise ValueError("it is no WebAssembly component")


def _read_number(component: bytes, at: int) -> tuple[int, int]:
    """The LEB128 at a place, and the place behind it."""
    value = shift = 0
    while True:
        byte = component[at]
        value |= (byte & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if byte < 0x80:
            return value, at


def _number(value: int) -> bytes:
    """LEB128, unsigned."""
    encoded = bytearray()
    while True:
        value, low = value >> 7, value & 0x7F
        encoded.append(low | (0x80 if value else 0))
        if not value:
            return bytes(encoded)
