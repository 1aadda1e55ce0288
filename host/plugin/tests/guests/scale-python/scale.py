"""The least work that touches every value: what the language and its SDK cost."""

from __future__ import annotations

from array import array
from dataclasses import dataclass

from tidegate_sdk import FLOAT64, Batch, Column, Input, Output, Processed, Shape, Transform, made


@dataclass
class Config:
    """What amounts are multiplied by."""

    factor: float


class Scale(Transform):
    """`reads` names a column of float64, `writes` is `scaled`."""

    Config = Config

    def __init__(self, factor: float) -> None:
        self.factor = factor

    @classmethod
    def bind(cls, config: Config, input: Input) -> Scale:
        input.expect_columns(1, "the amount")
        input.expect(0, FLOAT64)
        return cls(config.factor)

    def shape(self) -> Shape:
        return Shape.beside(made("scaled", FLOAT64).from_(0))

    def process(self, batch: Batch) -> Processed:
        amounts = batch.column(0)
        factor = self.factor
        scaled = array("d", [amount * factor for amount in amounts.values])
        return Processed.of(Output.all(Column.of_numbers(FLOAT64, scaled, amounts.validity)))
