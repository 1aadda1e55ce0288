"""Transforms: see `run`."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Mapping, Sequence

from .. import bits, config as configs
from ..batch import Input
from ..column import Column
from ..output import Output, Reject
from ..shape import MadeColumn, PassedColumn, Shape
from ..transform import Transform, processed
from ..types import Field
from .batches import Columns, ContractError, batch_of, crossed, fields_of

@dataclass
class Done:
    """What became of batches: for each column of the shape the values of the rows that go on, and the refused rows."""

    columns: dict[str, list[Any]]
    rejects: list[Reject] = field(default_factory=list)
    #: How many rows go on.
    rows: int = 0


def bind_to(plugin: type[Transform], config: Mapping[str, Any], fields: Sequence[Field]) -> Any:
    """Binds a transform as `tidegate check` does: the config goes through JSON, as from an asset."""
    bound = plugin.bind(configs.decode(plugin.Config, json.dumps(config)), Input(fields))
    _check_shape(bound.shape(), len(fields))
    return bound


def run(plugin: type[Transform], config: Mapping[str, Any], *batches: Columns) -> Done:
    """Batches through a freshly bound transform, `finish` included. All batches have the same columns."""
    fields = fields_of(batches[0])
    bound = bind_to(plugin, config, fields)
    done = Done({column.field.name if isinstance(column, MadeColumn) else column.name: [] for column in bound.shape().columns})
    for columns in batches:
        more = process(bound, columns, fields)
        _extend(done, more)
    _extend(done, finish(bound))
    return done


def process(bound: Transform, columns: Columns, fields: Sequence[Field] | None = None) -> Done:
    """One more batch through a transform bound with `bind_to`."""
    batch = batch_of(columns, fields)
    done = processed(bound.process(batch), batch.rows)
    refused = [reject.row for reject in done.rejects]
    if len(set(refused)) != len(refused) or any(not 0 <= row < batch.rows for row in refused):
        raise ContractError(f"rejects name rows that the batch does not have, or one twice: {refused}")
    total = _assembled(bound.shape(), done.outputs, list(columns.values()), batch.rows, set(refused))
    total.rejects = done.rejects
    return total


def finish(bound: Transform) -> Done:
    """What a transform still held."""
    outputs = bound.finish()
    if any(output.select != "rows" for output in outputs):
        raise ContractError("outputs of `finish` are made with Output.rows")
    return _assembled(bound.shape(), outputs, [], 0, set())


def _extend(done: Done, more: Done) -> None:
    for name, values in more.columns.items():
        done.columns[name] += values
    done.rejects += more.rejects
    done.rows += more.rows


def _check_shape(shape: Shape, granted: int) -> None:
    for column in shape.columns:
        for place in column.sources if isinstance(column, MadeColumn) else (column.input,):
            if not 0 <= place < granted:
                raise ContractError(f"the shape names column {place}, and {granted} are granted")


def _assembled(shape: Shape, outputs: Sequence[Output], inputs: list[Column], rows: int, refused: set[int]) -> Done:
    """The values of the rows that go on."""
    done = Done({column.field.name if isinstance(column, MadeColumn) else column.name: [] for column in shape.columns})
    for output in outputs:
        if output.select == "rows" and (shape.carry_rest or len(shape.made_fields()) != len(shape.columns)):
            raise ContractError("Output.rows needs Shape.instead and made columns throughout")
        places = _places(output, rows)
        if places is not None and (bad := refused.intersection(places)):
            raise ContractError(f"row {min(bad)} is refused and goes on")
        count = output.count if places is None else len(places)
        expected = {"take": len(places or []), "rows": output.count}.get(output.select, rows)
        made = iter(output.columns)
        if len(output.columns) != len(shape.made_fields()):
            raise ContractError(f"an output has {len(output.columns)} made columns, and the shape {len(shape.made_fields())}")
        for column in shape.columns:
            if isinstance(column, PassedColumn):
                values = inputs[column.input].to_list()
                done.columns[column.name] += [values[place] for place in places or []]
                continue
            values = crossed(next(made), column.field, expected).to_list()
            if output.select == "keep":
                values = [values[place] for place in places or []]
            done.columns[column.field.name] += values
        done.rows += count
    return done


def _places(output: Output, rows: int) -> list[int] | None:
    """The rows of the input that an output selects; None for new rows."""
    match output.select:
        case "all":
            return list(range(rows))
        case "keep":
            return [place for place, kept in enumerate(bits.unpack(output.bitmap, rows)) if kept]
        case "take":
            if any(not 0 <= place < rows for place in output.indices):
                raise ContractError("`take` names a row that the batch does not have")
            return list(output.indices)
    return None
