"""Why a call did not succeed."""

from __future__ import annotations


class Fault(Exception):
    """A call did not succeed. Raise one; a bad row is not a fault but a reject (`Processed.reject`).

    `kind` is the contract's: `invalid-config`, `invalid-schema`, `invalid-data`, `retryable` or `fatal`.
    """

    def __init__(self, kind: str, message: str, pointer: str = "", after_ms: int | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        #: A JSON pointer into the config (RFC 6901).
        self.pointer = pointer
        self.after_ms = after_ms

    @classmethod
    def config(cls, pointer: str, message: str) -> Fault:
        """The config is wrong at a JSON pointer such as `/columns/0`; an empty one means the whole config."""
        return cls("invalid-config", message, pointer=pointer)

    @classmethod
    def schema(cls, message: str) -> Fault:
        """The granted columns are wrong: missing, or of another type."""
        return cls("invalid-schema", message)

    @classmethod
    def data(cls, message: str) -> Fault:
        """The whole batch cannot be processed."""
        return cls("invalid-data", message)

    @classmethod
    def retryable(cls, message: str, after_ms: int | None = None) -> Fault:
        """The cause may pass. `after_ms`: how long to wait at least, where the other side said so."""
        return cls("retryable", message, after_ms=after_ms)

    @classmethod
    def fatal(cls, message: str) -> Fault:
        """The plugin cannot go on, whatever the input."""
        return cls("fatal", message)

    def __str__(self) -> str:
        words = {
            "invalid-config": f"invalid config at {self.pointer}" if self.pointer else "invalid config",
            "invalid-schema": "invalid input columns",
            "invalid-data": "invalid data",
            "retryable": "failed for now",
            "fatal": "failed",
        }
        return f"{words[self.kind]}: {self.message}"
