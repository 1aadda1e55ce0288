"""Columns of every type: from Python values, across the boundary's parts, and back."""

import unittest
from array import array
from decimal import Decimal

from tidegate_sdk import BOOLEAN, FLOAT64, INT64, UTF8, Column, Field, types

LARGE = 2**60 + 1

CASES = {
    "boolean": [True, False, None, True, True, False, False, None, True],
    "int8": [-128, 127, None],
    "int16": [-(2**15), 2**15 - 1, None],
    "int32": [-(2**31), 2**31 - 1, None],
    "int64": [-(2**63), 2**63 - 1, LARGE, None],
    "uint8": [0, 255, None],
    "uint16": [0, 2**16 - 1, None],
    "uint32": [0, 2**32 - 1, None],
    "uint64": [0, 2**64 - 1, LARGE, None],
    "float32": [0.5, -1.25, None],
    "float64": [1e308, -0.1, float("inf"), None],
    "decimal(12,2)": [Decimal("-1234567890.12"), Decimal("0.01"), None],
    "decimal(38,38)": [Decimal("0." + "9" * 38), Decimal("-0." + "1" * 38), None],
    "decimal(76,3)": [Decimal("9" * 73 + ".999"), Decimal("-" + "1" * 73 + ".001"), None],
    "utf8": ["", "plain", None, "naïve 💧", "\0"],
    "binary": [b"", b"\xff\x00", None],
    "fixed_binary(3)": [b"abc", b"\0\0\xff", None],
    "date32": [-719162, 0, 2932896, None],
    "time64(us)": [0, 86_399_999_999, None],
    "time64(ns)": [0, 86_399_999_999_999, None],
    "timestamp(s)": [0, -1, None],
    "timestamp(ns, Europe/London)": [2**63 - 1, -(2**63), LARGE, None],
    "duration(ms)": [LARGE, -LARGE, None],
    "list(utf8)": [["a", None, "é"], [], None, ["b"]],
    "list(list(int16))": [[[1, None], []], None, [None, [2]]],
    "struct(a: int64, b: list(boolean))": [{"a": LARGE, "b": [True, None]}, None, {"a": None, "b": None}],
    "map(utf8, decimal(5,1))": [[("k", Decimal("1.5")), ("l", None)], [], None],
}


def crossed(column):
    """The column after its buffers crossed as the contract has them."""
    nodes, buffers = column.to_parts()
    nodes, buffers = iter(nodes), iter(buffers)
    again = Column.of_parts(column.data_type, nodes, buffers)
    assert next(nodes, None) is None and next(buffers, None) is None, "every node and buffer is used"
    return again


class EveryType(unittest.TestCase):
    def test_every_kind_of_type_has_a_case(self):
        simple = {kind for kind in types._SIMPLE}
        calls = {"decimal", "fixed_binary", "time64", "timestamp", "duration", "list", "struct", "map"}
        self.assertEqual({text.split("(")[0] for text in CASES}, simple | calls)

    def test_values_survive_the_boundary(self):
        for text, values in CASES.items():
            with self.subTest(text):
                column = Column.of(types.parse(text), values)
                self.assertEqual(column.null_count, values.count(None))
                self.assertEqual(crossed(column).to_list(), values)
                self.assertEqual([column[row] for row in range(len(values))], values)
                self.assertEqual([type(value) for value in column], [type(value) for value in values])

    def test_without_nulls_there_is_no_bitmap(self):
        for text, values in CASES.items():
            with self.subTest(text):
                there = [value for value in values if value is not None]
                column = Column.of(types.parse(text), there)
                self.assertIsNone(column.validity)
                self.assertEqual(column.to_parts()[1][0], b"")
                self.assertEqual(crossed(column).to_list(), there)

    def test_slices_are_columns_of_their_own(self):
        for text, values in CASES.items():
            values = values * 5
            column = Column.of(types.parse(text), values)
            for start, stop in [(0, 0), (0, 3), (1, 4), (3, len(values)), (9, 11), (7, 99), (5, 2)]:
                with self.subTest(text, start=start, stop=stop):
                    self.assertEqual(crossed(column.slice(start, stop)).to_list(), values[start:stop])
                    twice = column.slice(1, len(values)).slice(start, stop)
                    self.assertEqual(crossed(twice).to_list(), values[1:][start:stop])

    def test_empty_columns_may_have_no_offsets(self):
        for text in CASES:
            with self.subTest(text):
                column = Column.of(types.parse(text), [])
                nodes, buffers = column.to_parts()
                self.assertEqual(Column.of_parts(column.data_type, iter(nodes), iter([b""] * len(buffers))).to_list(), [])

    def test_a_type_is_written_as_in_an_asset(self):
        for text in CASES:
            self.assertEqual(str(types.parse(text)), text)
        for wrong in ["", "text", "decimal(0,0)", "decimal(77,1)", "decimal(3,4)", "time64(ms)", "struct()", "list()"]:
            with self.assertRaises(ValueError, msg=wrong):
                types.parse(wrong)


class Buffers(unittest.TestCase):
    def test_numbers_are_taken_as_they_lie(self):
        numbers = array("q", [1, LARGE, 3])
        column = Column.of_numbers(INT64, numbers, Column.of(INT64, [1, None, 3]).validity)
        self.assertEqual(column.to_list(), [1, None, 3])
        self.assertEqual(column.values[1], LARGE)
        self.assertEqual(Column.of_numbers(INT64, numbers.tobytes()).to_list(), [1, LARGE, 3])
        numbers[0] = 9
        self.assertEqual(column[0], 9, "nothing was copied")

    def test_buffers_of_the_wrong_size_are_refused(self):
        with self.assertRaises(TypeError):
            Column.of_numbers(FLOAT64, array("f", [1.0, 2.0]))
        with self.assertRaises(TypeError):
            Column.of_numbers(FLOAT64, array("q", [1]))
        with self.assertRaises(ValueError):
            Column.of_numbers(FLOAT64, b"1234567")
        with self.assertRaises(ValueError):
            Column.of_numbers(FLOAT64, array("d", [1.0]), validity=b"\1\1")
        with self.assertRaises(TypeError):
            Column.of_numbers(UTF8, b"")

    def test_text_at_once(self):
        for texts in [["a", "", "bc"], ["ä", "", "💧c"], []]:
            column = Column.of_texts(UTF8, texts)
            self.assertEqual(column.texts(), texts)
            self.assertEqual(list(column.offsets)[-1], len("".join(texts).encode()))
        self.assertEqual(Column.of_texts(types.BINARY, [b"\xff", b""]).to_list(), [b"\xff", b""])

    def test_decimals_as_integers(self):
        column = Column.of_unscaled(types.decimal(40, 2), [-1, 10**39])
        self.assertEqual(column.unscaled(), [-1, 10**39])
        self.assertEqual(column[0], Decimal("-0.01"))

    def test_values_that_do_not_fit_are_refused(self):
        wrong = [
            ("int8", 128), ("uint64", -1), ("uint64", 2**64), ("decimal(3,1)", Decimal("100")),
            ("decimal(3,1)", Decimal("0.01")), ("decimal(3,1)", Decimal("NaN")), ("fixed_binary(2)", b"abc"),
            ("struct(a: int8)", {"b": 1}),
        ]  # fmt: skip
        for text, value in wrong:
            with self.subTest(text), self.assertRaises(ValueError):
                Column.of(types.parse(text), [value])
        for text, value in [("int64", 1.5), ("int64", "1"), ("utf8", 1), ("boolean", 2), ("decimal(3,1)", 0.1)]:
            with self.subTest(text), self.assertRaises(TypeError):
                Column.of(types.parse(text), [value])

    def test_required_members_may_miss_only_where_their_struct_does(self):
        pair = types.struct_of([Field("a", INT64, nullable=False)])
        column = Column.of(pair, [{"a": 1}, None])
        self.assertEqual(column.to_parts()[0], [(2, 1), (2, 0)])
        self.assertEqual(crossed(column).to_list(), [{"a": 1}, None])
        with self.assertRaises(ValueError):
            Column.of(pair, [{"a": None}, None])
        with self.assertRaises(ValueError):
            Column.of(types.map_of(UTF8, INT64), [[(None, 1)]])

    def test_views_of_the_wrong_kind_are_refused(self):
        column = Column.of(BOOLEAN, [True])
        for view in (lambda: column.values, lambda: column.offsets, column.texts, column.unscaled):
            with self.assertRaises(TypeError):
                view()
        with self.assertRaises(IndexError):
            column[1]
