"""Run with `python3 -m unittest`."""

import unittest

from {{module}} import Plugin
from tidegate_sdk import UTF8, Column, testing

BATCHES = [{"name": Column.of(UTF8, ["a", None])}, {"name": Column.of(UTF8, [None])}]


class Missing(unittest.TestCase):
    def test_missing_values_are_counted(self):
        verdict = testing.verdict(Plugin, {"at_most": 1}, *BATCHES)
        self.assertFalse(verdict.passed)
        self.assertEqual(verdict.measures, {"nulls": 2})
        self.assertTrue(testing.verdict(Plugin, {"at_most": 2}, *BATCHES).passed)


if __name__ == "__main__":
    unittest.main()
