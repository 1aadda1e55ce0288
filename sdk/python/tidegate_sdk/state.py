"""What a plugin hands the host to keep: cursors and staged loads, as JSON."""

from __future__ import annotations

import json
from typing import Any

from .fault import Fault

#: The most bytes of a cursor and of what `stage` answers (source.wit, `chunk`; destination.wit, `stage`; sensor.wit).
MAX_STATE_BYTES = 64 << 10


def to_state(what: str, value: Any, max_bytes: int) -> bytes:
    """A value that JSON has, for the host to keep."""
    try:
        state = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError) as error:
        raise Fault.fatal(f"{what} must be a value that JSON has: {error}") from None
    if len(state) > max_bytes:
        raise Fault.fatal(f"{what} has {len(state)} bytes as JSON; {max_bytes} are the most")
    return state


def from_state(state: bytes | None) -> Any:
    """What `to_state` made, of this version of the plugin or an earlier one."""
    if state is None:
        return None
    try:
        return json.loads(state)
    except ValueError:
        raise Fault.fatal("the host kept a state that is not of this plugin: it is no JSON") from None
