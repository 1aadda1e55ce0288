"""Types, columns and faults as the contract has them, and back."""

from __future__ import annotations

import traceback
from typing import Any, Callable, Iterable

from componentize_py_types import Err
from wit_world.imports import batches

from .. import log, types
from ..batch import Batch
from ..column import Column
from ..fault import Fault
from ..types import DataType, Field
from . import streams
from .contract import wit

_UNITS = {
    "s": wit.TimeUnit.SECOND, "ms": wit.TimeUnit.MILLISECOND, "us": wit.TimeUnit.MICROSECOND, "ns": wit.TimeUnit.NANOSECOND,
}  # fmt: skip
#: Frames of an exception in the log: a call has 100 lines, and a recursion a thousand frames.
_SHOWN_FRAMES = 20
_UNIT_NAMES = {unit: name for name, unit in _UNITS.items()}
_SIMPLE = {
    wit.DataType_Boolean: types.BOOLEAN,
    wit.DataType_Int8: types.INT8,
    wit.DataType_Int16: types.INT16,
    wit.DataType_Int32: types.INT32,
    wit.DataType_Int64: types.INT64,
    wit.DataType_Uint8: types.UINT8,
    wit.DataType_Uint16: types.UINT16,
    wit.DataType_Uint32: types.UINT32,
    wit.DataType_Uint64: types.UINT64,
    wit.DataType_Float32: types.FLOAT32,
    wit.DataType_Float64: types.FLOAT64,
    wit.DataType_Utf8: types.UTF8,
    wit.DataType_Binary: types.BINARY,
    wit.DataType_Date32: types.DATE32,
}
_SIMPLE_WIT = {data_type: case for case, data_type in _SIMPLE.items()}


def fields_of(schema: wit.Schema) -> list[Field]:
    """The columns of a schema."""
    return [_field(schema, index) for index in schema.columns]


def _field(schema: wit.Schema, index: int) -> Field:
    field = schema.fields[index]
    return Field(field.name, _type(schema, field.data_type), field.nullable)


def _type(schema: wit.Schema, case: Any) -> DataType:
    if (simple := _SIMPLE.get(type(case))) is not None:
        return simple
    match case:
        case wit.DataType_Decimal128(value) | wit.DataType_Decimal256(value):
            return types.decimal(value.precision, value.scale)
        case wit.DataType_FixedBinary(length):
            return types.fixed_binary(length)
        case wit.DataType_Time64(unit):
            return types.time64(_UNIT_NAMES[unit])
        case wit.DataType_Timestamp(value):
            return types.timestamp(_UNIT_NAMES[value.unit], value.timezone)
        case wit.DataType_Duration(unit):
            return types.duration(_UNIT_NAMES[unit])
        case wit.DataType_ListOf(item):
            return types.list_of(_field(schema, item))
        case wit.DataType_StructOf(members):
            return types.struct_of([_field(schema, member) for member in members])
        case wit.DataType_MapOf((key, value)):
            return DataType("map", members=(_field(schema, key), _field(schema, value)))
    raise Fault.fatal(f"the host sent a type that this SDK does not know: {case}")


def push_field(field: Field, arena: list[wit.Field]) -> int:
    """Puts a field and then its members into the arena of a schema; answers its index."""
    index = len(arena)
    arena.append(wit.Field(field.name, wit.DataType_Boolean(), field.nullable))
    arena[index].data_type = _wit_type(field.data_type, arena)
    return index


def schema_of(fields: Iterable[Field]) -> wit.Schema:
    """The schema of columns."""
    arena: list[wit.Field] = []
    return wit.Schema(fields=arena, columns=[push_field(field, arena) for field in fields])


def _wit_type(data_type: DataType, arena: list[wit.Field]) -> Any:
    if (case := _SIMPLE_WIT.get(data_type)) is not None:
        return case()
    match data_type.kind:
        case "decimal128":
            return wit.DataType_Decimal128(wit.Decimal(data_type.precision, data_type.scale))
        case "decimal256":
            return wit.DataType_Decimal256(wit.Decimal(data_type.precision, data_type.scale))
        case "fixed_binary":
            return wit.DataType_FixedBinary(data_type.width_bytes)
        case "time64":
            return wit.DataType_Time64(_UNITS[data_type.unit])
        case "timestamp":
            return wit.DataType_Timestamp(wit.Timestamp(_UNITS[data_type.unit], data_type.timezone))
        case "duration":
            return wit.DataType_Duration(_UNITS[data_type.unit])
    members = [push_field(member, arena) for member in data_type.members]
    match data_type.kind:
        case "list":
            return wit.DataType_ListOf(members[0])
        case "struct":
            return wit.DataType_StructOf(members)
        case "map":
            return wit.DataType_MapOf((members[0], members[1]))
    raise Fault.fatal(f"{data_type} is not a type of the contract")


def column_of(column: Column) -> wit.Column:
    """A column, to cross."""
    nodes, buffers = column.to_parts()
    return wit.Column([wit.Node(rows, nulls) for rows, nulls in nodes], buffers)


def batch_of(batch: batches.Batch, fields: list[Field]) -> Batch:
    """The host's batch, as the SDK's."""

    def pull(index: int) -> Column:
        crossed = batch.column(index)
        nodes = ((node.row_count, node.null_count) for node in crossed.nodes)
        return Column.of_parts(fields[index].data_type, nodes, iter(crossed.buffers))

    return Batch(batch.row_count(), fields, pull)


def guarded(call: Callable[..., Any]) -> Callable[..., Any]:
    """Runs an export: a Fault goes to the host as the contract's, and so does any other exception, as fatal, with its
    place; where it came from goes to the run's log."""

    def run(*arguments: Any) -> Any:
        streams.install()
        try:
            return call(*arguments)
        except Fault as fault:
            raise Err(_fault(fault)) from None
        except Exception as error:
            # By hand: `traceback` would look for the lines in files.
            places = [
                f"{frame.f_code.co_filename.rsplit('/', 1)[-1]}, line {line}, in {frame.f_code.co_name}"
                for frame, line in traceback.walk_tb(error.__traceback__)
            ]
            for place in places[-_SHOWN_FRAMES:]:
                log.error(place)
            raise Err(wit.Fault_Fatal(f"{type(error).__name__}: {error} ({places[-1]})")) from None

    return run


def _fault(fault: Fault) -> Any:
    match fault.kind:
        case "invalid-config":
            return wit.Fault_InvalidConfig(wit.ConfigFault(fault.pointer, fault.message))
        case "invalid-schema":
            return wit.Fault_InvalidSchema(fault.message)
        case "invalid-data":
            return wit.Fault_InvalidData(fault.message)
        case "retryable":
            return wit.Fault_Retryable(wit.Retry(fault.message, fault.after_ms))
    return wit.Fault_Fatal(fault.message)
