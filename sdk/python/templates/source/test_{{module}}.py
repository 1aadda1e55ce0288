"""Run with `python3 -m unittest`."""

import unittest

from {{module}} import Plugin
from tidegate_sdk import Fault, testing


class Numbers(unittest.TestCase):
    def test_every_number_is_read_whole_and_from_every_cursor(self):
        rows = testing.read(Plugin, {"count": 5}, "numbers", max_rows=2)
        self.assertEqual(rows, {"number": [0, 1, 2, 3, 4], "square": [0, 1, 4, 9, 16]})

    def test_a_negative_count_is_refused(self):
        with self.assertRaises(Fault):
            testing.discover(Plugin, {"count": -1})


if __name__ == "__main__":
    unittest.main()
