"""What the author of a check writes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Self

from .batch import Batch, Input
from .fault import Fault
from .transform import NoConfig


class Check:
    """Looks at the batches of a load and gives a verdict.

    The host calls `bind`, then maybe `restore`, then `observe` for each batch with `snapshot` between them, then
    `verdict`.
    """

    #: A dataclass: what `config:` of the check holds. See `tidegate_sdk.config`.
    Config: ClassVar[type] = NoConfig

    @classmethod
    def bind(cls, config: Any, input: Input) -> Self:
        """Binds a config to the granted columns. Look here for everything that can be wrong: `tidegate check` calls it
        before any data moves."""
        raise NotImplementedError

    def observe(self, batch: Batch) -> None:
        """Looks at a batch."""
        raise NotImplementedError

    def snapshot(self) -> bytes | None:
        """What was seen so far, 16 MiB at most. A check that has something to remember needs it, since a load may go on in
        another instance."""
        return None

    def restore(self, state: bytes) -> None:
        """Takes over what `snapshot` gave."""
        raise Fault.fatal("this check remembers nothing, so there is nothing to restore")

    def verdict(self) -> Verdict:
        """What is to be said of all batches together."""
        raise NotImplementedError


@dataclass(frozen=True)
class Verdict:
    """Whether the data is as it should be, what was found, for a person, and what was measured, to be plotted."""

    passed: bool
    message: str = ""
    measures: dict[str, float] = field(default_factory=dict)
    #: How grave it is where not: `warn` is shown, `error` blocks what is made from the asset.
    severity: Literal["warn", "error"] = "error"
