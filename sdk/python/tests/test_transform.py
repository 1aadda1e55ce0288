"""Transforms in the native harness, and what it refuses."""

import unittest
from array import array
from dataclasses import dataclass

from tidegate_sdk import (
    FLOAT64, INT64, UTF8, Column, Fault, Output, Processed, Shape, Transform, made, passed, testing,
)  # fmt: skip


@dataclass
class Factor:
    factor: float


class Scale(Transform):
    Config = Factor

    def __init__(self, factor):
        self.factor = factor

    @classmethod
    def bind(cls, config, input):
        input.expect_columns(1, "the amount")
        input.expect(0, FLOAT64)
        return cls(config.factor)

    def shape(self):
        return Shape.beside(made("scaled", FLOAT64).from_(0))

    def process(self, batch):
        amounts = batch.column(0)
        scaled = array("d", [amount * self.factor for amount in amounts.values])
        done = Processed.of(Output.all(Column.of_numbers(FLOAT64, scaled, amounts.validity)))
        for row, amount in enumerate(amounts):
            if amount is not None and amount < 0:
                done.reject(row, "amount.negative", "an amount cannot be negative")
        return done


class Last(Transform):
    """Holds rows back and gives their sum at the end: state, absorbed rows, new rows."""

    def __init__(self):
        self.total = 0

    @classmethod
    def bind(cls, config, input):
        return cls()

    def shape(self):
        return Shape.instead(made("total", INT64).from_(0).required())

    def process(self, batch):
        self.total += sum(batch.column(0).values)
        return Processed.nothing().absorbing()

    def finish(self):
        return [Output.rows(1, Column.of(INT64, [self.total]))]

    def snapshot(self):
        return self.total.to_bytes(8, "little")

    def restore(self, state):
        self.total = int.from_bytes(state, "little")


def returning(answer, shape=Shape.rows_only()):
    """A transform that answers this, whatever the batch."""

    class Fixed(Transform):
        @classmethod
        def bind(cls, config, input):
            return cls()

        def shape(self):
            return shape

        def process(self, batch):
            return answer

    return Fixed


NUMBERS = {"n": Column.of(INT64, [1, 2, 3])}


class Running(unittest.TestCase):
    def test_rows_are_made_and_refused_ones_left_out(self):
        batches = [{"amount": Column.of(FLOAT64, values)} for values in ([1.0, None, -1.0], [4.0])]
        done = testing.run(Scale, {"factor": 10}, *batches)
        self.assertEqual(done.columns, {"scaled": [10.0, None, 40.0]})
        self.assertEqual([(reject.row, reject.code) for reject in done.rejects], [(2, "amount.negative")])
        self.assertEqual(done.rows, 3)

    def test_bind_refuses_what_does_not_fit(self):
        for config, columns, kind in [
            ({}, {"amount": Column.of(FLOAT64, [])}, "invalid-config"),
            ({"factor": 1}, {"amount": Column.of(INT64, [])}, "invalid-schema"),
            ({"factor": 1}, {}, "invalid-schema"),
        ]:
            with self.assertRaises(Fault) as caught:
                testing.run(Scale, config, columns)
            self.assertEqual(caught.exception.kind, kind)

    def test_state_goes_on_in_another_instance(self):
        self.assertEqual(testing.run(Last, {}, NUMBERS, NUMBERS).columns, {"total": [12]})
        fields = testing.fields_of(NUMBERS)
        one, other = testing.bind_to(Last, {}, fields), testing.bind_to(Last, {}, fields)
        testing.process(one, NUMBERS)
        other.restore(one.snapshot())
        testing.process(other, NUMBERS)
        self.assertEqual(testing.finish(other).columns, {"total": [12]})
        with self.assertRaises(Fault):
            testing.bind_to(returning(None), {}, fields).restore(b"")

    def test_outputs_select_rows(self):
        shape = Shape.beside(passed(0, "m"), made("t", UTF8))
        texts = Column.of(UTF8, ["a", None, "c"])
        for output, expected in [
            (Output.all(texts), {"m": [1, 2, 3], "t": ["a", None, "c"]}),
            (Output.keep([1, 0, 1], texts), {"m": [1, 3], "t": ["a", "c"]}),
            (Output.take([2, 0, 2], texts), {"m": [3, 1, 3], "t": ["a", None, "c"]}),
        ]:
            self.assertEqual(testing.run(returning(output, shape), {}, NUMBERS).columns, expected)

    def test_what_the_host_would_refuse_is_refused(self):
        refusing = Processed.of(Output.take([0]))
        refusing.reject(0, "bad", "bad")
        twice = Processed.nothing()
        twice.reject(1, "bad", "bad")
        twice.reject(1, "bad", "bad")
        beyond = Processed.nothing()
        beyond.reject(3, "bad", "bad")
        one = Shape.beside(made("t", UTF8).required())
        for answer, shape in [
            (refusing, Shape.rows_only()),
            (twice, Shape.rows_only()),
            (beyond, Shape.rows_only()),
            (Output.take([3]), Shape.rows_only()),
            (Output.rows(1), Shape.rows_only()),
            (Output.all(), one),
            (Output.all(Column.of(UTF8, ["a"])), one),
            (Output.all(Column.of(UTF8, ["a", None, "c"])), one),
            (Output.all(Column.of(INT64, [1, 2, 3])), one),
            (Output.all(), Shape.beside(passed(1, "n"))),
        ]:
            with self.subTest(answer), self.assertRaises(testing.ContractError):
                testing.run(returning(answer, shape), {}, NUMBERS)
        for answer in (None, Output.keep(b"")):
            with self.assertRaises(Fault):
                testing.run(returning(answer), {}, NUMBERS)

    def test_asking_for_a_column_that_is_not_granted_is_a_fault(self):
        for place in (-1, 1):
            with self.assertRaises(Fault):
                testing.batch_of(NUMBERS).column(place)
