"""Plugins for Tidegate, in Python."""

from . import log, times, types
from .batch import Batch, Input
from .check import Check, Verdict
from .column import Column
from .destination import Destination, Load, Receipt
from .fault import Fault
from .output import Output, Processed, Reject
from .sensor import Evaluation, RunRequest, Sensor
from .shape import MadeColumn, PassedColumn, Shape, made, passed
from .source import Chunk, Partition, Request, Source, Stream
from .transform import Transform
from .types import (
    BINARY, BOOLEAN, DATE32, FLOAT32, FLOAT64, INT8, INT16, INT32, INT64, UINT8, UINT16, UINT32, UINT64, UTF8, DataType,
    Field,
)  # fmt: skip

__all__ = [
    "BINARY", "BOOLEAN", "Batch", "Check", "Chunk", "Column", "DATE32", "DataType", "Destination", "Evaluation",
    "FLOAT32", "FLOAT64", "Fault", "Field", "INT16", "INT32", "INT64", "INT8", "Input", "Load", "MadeColumn",
    "Output", "Partition", "PassedColumn", "Processed", "Receipt", "Reject", "Request", "RunRequest", "Sensor",
    "Shape", "Source", "Stream", "Transform", "UINT16", "UINT32", "UINT64", "UINT8", "UTF8", "Verdict", "log", "made",
    "passed", "times", "types",
]  # fmt: skip
