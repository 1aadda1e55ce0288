"""Multiplies a column: `reads: [amount]` of float64, `writes: [scaled]`. Negative amounts are refused."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

from tidegate_sdk import FLOAT64, Batch, Column, Input, Output, Processed, Shape, Transform, made


@dataclass
class Config:
    """What `config` in the asset holds."""

    factor: float = field(metadata={"description": "What amounts are multiplied by."})


class Plugin(Transform):
    """The bound transform."""

    Config = Config

    def __init__(self, factor: float) -> None:
        self.factor = factor

    @classmethod
    def bind(cls, config: Config, input: Input) -> Plugin:
        input.expect_columns(1, "the amount")
        input.expect(0, FLOAT64)
        return cls(config.factor)

    def shape(self) -> Shape:
        return Shape.beside(made("scaled", FLOAT64).from_(0))

    def process(self, batch: Batch) -> Processed:
        amounts = batch.column(0)
        factor = self.factor
        scaled = array("d", [amount * factor for amount in amounts.values])
        done = Processed.of(Output.all(Column.of_numbers(FLOAT64, scaled, amounts.validity)))
        for row, amount in enumerate(amounts):
            if amount is not None and amount < 0:
                done.reject(row, "amount.negative", "an amount cannot be negative")
        return done
