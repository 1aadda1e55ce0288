"""What the author of a transform writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from .batch import Batch, Input
from .fault import Fault
from .output import Output, Processed
from .shape import Shape


@dataclass
class NoConfig:
    """The config of a plugin that takes none: any key is an error."""


class Transform:
    """Turns batches into batches.

    The host calls `bind` and `shape`, then maybe `restore`, then `process` for each batch with `snapshot` between them,
    then `finish`. Calls never overlap. The same input in the same state must give the same output.
    """

    #: A dataclass: what `config:` in the asset holds. See `tidegate_sdk.config`.
    Config: ClassVar[type] = NoConfig

    @classmethod
    def bind(cls, config: Any, input: Input) -> Self:
        """Binds a config, an instance of `Config`, to the granted columns. Look here for everything that can be wrong:
        `tidegate check` calls it before any data moves."""
        raise NotImplementedError

    def shape(self) -> Shape:
        """What this transform does to the stream."""
        raise NotImplementedError

    def process(self, batch: Batch) -> Processed | Output:
        """One batch. An output alone is what is processed where nothing is refused or absorbed."""
        raise NotImplementedError

    def finish(self) -> list[Output]:
        """What is still held, once there are no more batches; each output made with `Output.rows`."""
        return []

    def snapshot(self) -> bytes | None:
        """The state, where there is one. At most 16 MiB."""
        return None

    def restore(self, state: bytes) -> None:
        """Takes over a state that `snapshot` gave, of this version of the plugin with the same config."""
        raise Fault.fatal("this transform keeps no state, so there is none to restore")


def processed(done: Processed | Output, rows: int) -> Processed:
    """What `process` returned for a batch of so many rows, as the host takes it."""
    if isinstance(done, Output):
        done = Processed.of(done)
    if not isinstance(done, Processed):
        raise Fault.fatal(f"`process` must return an Output or a Processed, not {type(done).__name__}")
    return done.without_rejects(rows)
