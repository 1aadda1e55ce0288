"""Run with `python3 -m unittest`."""

import unittest

from {{module}} import Plugin
from tidegate_sdk import INT64, Column, Fault, log, testing

BATCHES = [{"n": Column.of(INT64, [1, None])}, {"n": Column.of(INT64, [3])}]


class Rows(unittest.TestCase):
    def setUp(self):
        self.lines = []
        before, log.sink = log.sink, lambda level, message, fields: self.lines.append(message)
        self.addCleanup(setattr, log, "sink", before)

    def test_every_row_is_written_once(self):
        receipt = testing.load(Plugin, {}, *BATCHES)
        self.assertEqual(receipt.rows, 3)
        self.assertEqual(self.lines, ["row (1,)", "row (None,)", "row (3,)"])

    def test_a_log_cannot_be_replaced(self):
        with self.assertRaises(Fault):
            testing.load(Plugin, {}, *BATCHES, mode="replace")


if __name__ == "__main__":
    unittest.main()
