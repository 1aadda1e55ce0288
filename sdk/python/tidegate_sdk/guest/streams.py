"""Python's surroundings in the sandbox: what is printed goes to the run's log, and nobody looks for files."""

from __future__ import annotations

import io
import linecache
import sys

from wit_world.imports import host

from .. import log

_LEVELS = {"debug": host.Level.DEBUG, "info": host.Level.INFO, "warn": host.Level.WARN, "error": host.Level.ERROR}


class Lines(io.TextIOBase):
    """A stream whose lines become log lines of one level."""

    def __init__(self, level: str) -> None:
        self._level = level
        self._begun = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            if line.strip():
                _log(self._level, line, {})
        return len(text)


def _log(level: str, message: str, fields: dict[str, str]) -> None:
    host.log(_LEVELS[level], message, list(fields.items()))


_installed = False


def install() -> None:
    """Sends `log`, `print` and standard error to the host. Called before each call of the host; only the first counts, so
    that Python starts, when the plugin is built, with its own streams and with files.

    A look at a file traps. So a late import finds no folder to look into and raises ModuleNotFoundError, and warnings and
    tracebacks show no source lines.
    """
    global _installed
    if _installed:
        return
    _installed = True
    log.sink = _log
    log.progress_sink = host.progress
    sys.stdout, sys.stderr = Lines("info"), Lines("warn")
    sys.path.clear()
    sys.path_importer_cache.clear()
    linecache.updatecache = lambda filename, module_globals=None: []
