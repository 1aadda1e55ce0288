"""Columns as batches, as the host would give them."""

from __future__ import annotations

from typing import Mapping, Sequence

from ..batch import Batch
from ..column import Column
from ..types import Field

#: Granted columns by their names, in the order of `reads`.
Columns = Mapping[str, Column]


class ContractError(AssertionError):
    """The plugin broke a rule of the contract, for which the host would end the attempt."""


def fields_of(columns: Columns) -> list[Field]:
    """The fields of columns; nullable, as `reads` grants them unless the asset says otherwise."""
    return [Field(name, column.data_type) for name, column in columns.items()]


def batch_of(columns: Columns, fields: Sequence[Field] | None = None) -> Batch:
    """A batch of columns."""
    held = list(columns.values())
    rows = held[0].rows if held else 0
    if any(column.rows != rows for column in held):
        raise ValueError("the columns of a batch have as many rows as each other")
    return Batch(rows, fields or fields_of(columns), held.__getitem__)


def crossed(column: Column, field: Field, rows: int) -> Column:
    """A column of the plugin's making after it crossed: what the host would refuse fails here, not in the sandbox."""
    if column.data_type != field.data_type:
        raise ContractError(f"`{field.name}` is {column.data_type}, and was announced as {field.data_type}")
    if column.rows != rows:
        raise ContractError(f"`{field.name}` has {column.rows} rows, and must have {rows}")
    if column.null_count and not field.nullable:
        raise ContractError(f"`{field.name}` may not be missing, and is")
    nodes, buffers = column.to_parts()
    return Column.of_parts(field.data_type, iter(nodes), iter(buffers))
