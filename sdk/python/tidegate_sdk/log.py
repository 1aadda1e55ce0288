"""Lines in the run's log. Outside the sandbox they go to standard error."""

from __future__ import annotations

import sys
from typing import Callable

#: What takes a line: its level, `debug`, `info`, `warn` or `error`, its message, and fields. The sandbox sets its own.
sink: Callable[[str, str, dict[str, str]], None] = lambda level, message, fields: print(
    f"{level}: {message}", *(f"{name}={value}" for name, value in fields.items()), file=sys.stderr
)
#: What tells people how far a call got.
progress_sink: Callable[[str], None] = lambda message: print(message, file=sys.stderr)


def debug(message: str, **fields: object) -> None:
    """Of use to the plugin's author."""
    _write("debug", message, fields)


def info(message: str, **fields: object) -> None:
    """Of use to whoever reads the run's log."""
    _write("info", message, fields)


def warn(message: str, **fields: object) -> None:
    """Something is not as it should be."""
    _write("warn", message, fields)


def error(message: str, **fields: object) -> None:
    """Something failed."""
    _write("error", message, fields)


def progress(message: str) -> None:
    """How far a long call got; shown, not kept."""
    progress_sink(message)


def _write(level: str, message: str, fields: dict[str, object]) -> None:
    sink(level, message, {name: str(value) for name, value in fields.items()})
