"""What a plugin is given."""

from __future__ import annotations

from typing import Callable, Sequence

from .column import Column
from .fault import Fault
from .types import DataType, Field


class Input:
    """The granted columns, in the order of `reads`."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self.fields = tuple(fields)

    def find(self, name: str) -> int:
        """The place of a column by its name."""
        for place, field in enumerate(self.fields):
            if field.name == name:
                return place
        granted = ", ".join(field.name for field in self.fields)
        raise Fault.schema(f"the column `{name}` is not granted; granted are {granted}")

    def expect_columns(self, count: int, what: str) -> None:
        """Checks that so many columns are granted; `what` says which, for a person."""
        if len(self.fields) != count:
            raise Fault.schema(f"`reads` must name {count} columns ({what}), and names {len(self.fields)}")

    def expect(self, index: int, *data_types: DataType) -> None:
        """Checks that a column is of one of these types."""
        if index >= len(self.fields):
            raise Fault.schema(f"`reads` must name at least {index + 1} columns")
        field = self.fields[index]
        if field.data_type not in data_types:
            wanted = " or ".join(map(str, data_types))
            raise Fault.schema(f"the column `{field.name}` must be {wanted}, and is {field.data_type}")


class Batch:
    """A batch of rows. In the sandbox the columns stay with the host until one is asked for; asking twice crosses
    twice, so keep what you got. A batch ends with the call that it was given to: keep columns, never the batch."""

    def __init__(self, rows: int, fields: Sequence[Field], pull: Callable[[int], Column]) -> None:
        #: How many rows.
        self.rows = rows
        self.fields = tuple(fields)
        self._pull = pull

    def column(self, index: int) -> Column:
        """A granted column by its place."""
        if not 0 <= index < len(self.fields):
            raise Fault.fatal(f"the plugin asked for column {index}, and {len(self.fields)} are granted")
        return self._pull(index)
