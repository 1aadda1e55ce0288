"""Run with `python3 -m unittest`."""

import unittest

from {{module}} import Plugin
from tidegate_sdk import FLOAT64, Column, testing


class Amounts(unittest.TestCase):
    def test_amounts_are_multiplied_and_negative_ones_refused(self):
        done = testing.run(Plugin, {"factor": 10}, {"amount": Column.of(FLOAT64, [1.5, None, -1.0])})
        self.assertEqual(done.columns, {"scaled": [15.0, None]})
        self.assertEqual([(reject.row, reject.code) for reject in done.rejects], [(2, "amount.negative")])


if __name__ == "__main__":
    unittest.main()
