"""The exported interface `transform`."""

from __future__ import annotations

from typing import Any

from wit_world.exports import transform as wit
from wit_world.imports import batches

from .. import config as configs
from ..batch import Input
from ..fault import Fault
from ..output import Output
from ..shape import MadeColumn
from ..transform import Transform, processed
from .contract import wit as types
from .crossing import batch_of, column_of, fields_of, guarded, push_field


def transformer(plugin: type[Transform]) -> type:
    """The resource `transformer` of a plugin's class."""

    class Transformer:
        def __init__(self, bound: Transform, input: Input) -> None:
            self.bound = bound
            self.input = input
            self.shape_ = bound.shape()
            # Which columns of an output are made: the others the host takes from its own.
            self.made = [isinstance(column, MadeColumn) for column in self.shape_.columns]

        @classmethod
        @guarded
        def bind(cls, config: str, input: types.Schema) -> Any:
            granted = Input(fields_of(input))
            return cls(plugin.bind(configs.decode(plugin.Config, config), granted), granted)

        @guarded
        def shape(self) -> wit.Shape:
            arena: list[types.Field] = []
            columns: list[Any] = []
            for column in self.shape_.columns:
                if isinstance(column, MadeColumn):
                    field = push_field(column.field, arena)
                    columns.append(wit.ShapeColumn_Made(wit.MadeColumn(field, list(column.sources))))
                else:
                    columns.append(wit.ShapeColumn_Input(wit.PassedColumn(column.input, column.name)))
            carry = wit.Carry.REST if self.shape_.carry_rest else wit.Carry.NOTHING
            return wit.Shape(carry, arena, columns)

        @guarded
        def process(self, input: batches.Batch) -> wit.Processed:
            batch = batch_of(input, list(self.input.fields))
            done = processed(self.bound.process(batch), batch.rows)
            return wit.Processed(
                [self.output(output) for output in done.outputs],
                [wit.Reject(reject.row, reject.code, reject.message) for reject in done.rejects],
                wit.Disposition.ABSORBED if done.absorbed else wit.Disposition.FILTERED,
            )

        @guarded
        def finish(self) -> list[wit.Output]:
            return [self.output(output) for output in self.bound.finish()]

        @guarded
        def snapshot(self) -> bytes | None:
            return self.bound.snapshot()

        @guarded
        def restore(self, state: bytes) -> None:
            self.bound.restore(state)

        def output(self, output: Output) -> wit.Output:
            if len(output.columns) != sum(self.made):
                raise Fault.fatal(
                    f"an output has {len(output.columns)} made columns, and the shape has {sum(self.made)}"
                )
            made = iter(output.columns)
            columns: list[Any] = [
                wit.OutputColumn_Made(column_of(next(made))) if is_made else wit.OutputColumn_Input()
                for is_made in self.made
            ]
            rows: Any
            match output.select:
                case "keep":
                    rows = wit.Selection_Keep(output.bitmap)
                case "take":
                    rows = wit.Selection_Take(list(output.indices))
                case "rows":
                    rows = wit.Selection_Made(output.count)
                case _:
                    rows = wit.Selection_All()
            return wit.Output(rows, columns)

    return Transformer
