"""Custom sections of a WebAssembly file."""

from __future__ import annotations

MANIFEST = "tidegate:manifest"

#: A component's first eight bytes: the magic number, version 13, layer 1 (the component model's Binary.md).
_COMPONENT = b"\0asm\x0d\0\1\0"


def with_section(component: bytes, name: str, payload: bytes) -> bytes:
    """The component with one more custom section at its end."""
    if not component.startswith(_COMPONENT):
        raise ValueError("it is no WebAssembly component")
    body = _number(len(name.encode())) + name.encode() + payload
    return component + b"\0" + _number(len(body)) + body


def _number(value: int) -> bytes:
    """LEB128, unsigned."""
    encoded = bytearray()
    while True:
        value, low = value >> 7, value & 0x7F
        encoded.append(low | (0x80 if value else 0))
        if not value:
            return bytes(encoded)
