"""What the author of a sensor writes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Sequence

from .transform import NoConfig


class Sensor:
    """Looks outside and asks for runs."""

    #: A dataclass: what `config:` of the sensor holds. See `tidegate_sdk.config`.
    Config: ClassVar[type] = NoConfig

    @classmethod
    def evaluate(cls, config: Any, cursor: Any) -> Evaluation:
        """Looks once. `cursor` is what the last look answered; None at the first."""
        raise NotImplementedError


@dataclass(frozen=True)
class RunRequest:
    """A run is wanted. `key` names it: a run under a key that was asked for already is not made again."""

    key: str
    #: The slice to materialize; None for assets without.
    partition: str | None = None
    #: Config for the run, in place of the schema's; a value that JSON has.
    config: Any = None
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Evaluation:
    """What was seen; `Evaluation.of` or `Evaluation.skip` makes one."""

    runs: tuple[RunRequest, ...]
    #: Why nothing is wanted; None where runs are.
    skipped: str | None
    #: For the next look: any value that JSON has, 64 KiB of it at most; a later version of the plugin must still read it.
    cursor: Any = None

    @classmethod
    def of(cls, runs: Sequence[RunRequest], cursor: Any = None) -> Evaluation:
        """Runs are wanted."""
        return cls(tuple(runs), None, cursor)

    @classmethod
    def skip(cls, why: str, cursor: Any = None) -> Evaluation:
        """Nothing is wanted, and why."""
        return cls((), why, cursor)
