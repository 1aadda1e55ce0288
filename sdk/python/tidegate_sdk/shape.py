"""What a transform does to the stream."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .types import DataType, Field


@dataclass(frozen=True)
class MadeColumn:
    """A column of the transform's making; `made` makes one."""

    field: Field
    sources: tuple[int, ...] = ()

    def from_(self, *sources: int) -> MadeColumn:
        """The granted columns, by their places, that its values come from; for the lineage."""
        return replace(self, sources=sources)

    def required(self) -> MadeColumn:
        """It has a value in every row."""
        return replace(self, field=replace(self.field, nullable=False))


@dataclass(frozen=True)
class PassedColumn:
    """A granted column as it is; `passed` makes one."""

    input: int
    name: str


def made(name: str, data_type: DataType) -> MadeColumn:
    """A column of the transform's making, nullable."""
    return MadeColumn(Field(name, data_type))


def passed(input: int, name: str) -> PassedColumn:
    """A granted column, by its place, under a name that may be new. It does not cross."""
    return PassedColumn(input, name)


@dataclass(frozen=True)
class Shape:
    """Which columns a transform writes, and what becomes of the others."""

    carry_rest: bool
    columns: tuple[MadeColumn | PassedColumn, ...]

    @classmethod
    def beside(cls, *columns: MadeColumn | PassedColumn) -> Shape:
        """Writes these columns beside all others of the stream, row by row. Outputs select rows of the input."""
        return cls(True, columns)

    @classmethod
    def instead(cls, *columns: MadeColumn | PassedColumn) -> Shape:
        """Writes these columns, and the stream's others end here. Outputs may make rows."""
        return cls(False, columns)

    @classmethod
    def rows_only(cls) -> Shape:
        """Writes nothing: only selects or refuses rows."""
        return cls(True, ())

    def made_fields(self) -> list[Field]:
        """The fields of the made columns, in order."""
        return [column.field for column in self.columns if isinstance(column, MadeColumn)]
