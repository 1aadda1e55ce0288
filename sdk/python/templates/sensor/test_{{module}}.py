"""Run with `python3 -m unittest`."""

import unittest

from {{module}} import Plugin
from tidegate_sdk import testing


class Looks(unittest.TestCase):
    def test_each_key_is_asked_for_once(self):
        config, cursor, asked = {"keys": ["a", "b"]}, None, []
        for _ in range(3):
            seen = testing.look(Plugin, config, cursor)
            asked.append([run.key for run in seen.runs] or seen.skipped)
            cursor = seen.cursor
        self.assertEqual(asked, [["a"], ["b"], "nothing is new"])


if __name__ == "__main__":
    unittest.main()
