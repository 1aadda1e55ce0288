"""Bitmaps, against a loop over rows."""

import random
import unittest

from tidegate_sdk import BOOLEAN, UINT8, Column, Output, bits


def slow(flags):
    packed = bytearray((len(flags) + 7) // 8)
    for place, flag in enumerate(flags):
        packed[place // 8] |= bool(flag) << place % 8
    return bytes(packed)


class Bits(unittest.TestCase):
    def test_bits_are_those_of_the_flags(self):
        chance = random.Random(7)
        for rows in [0, 1, 7, 8, 9, 63, 64, 65, 1000]:
            flags = bytes(chance.randrange(2) for _ in range(rows))
            with self.subTest(rows):
                packed = bits.pack(flags)
                self.assertEqual(packed, slow(flags))
                self.assertEqual(bits.unpack(packed, rows), flags)
                self.assertEqual(bits.count(packed, rows), sum(flags))
                for start in range(0, rows, max(rows // 9, 1)):
                    self.assertEqual(bits.cut(packed, start, rows - start), slow(flags[start:]))

    def test_flags_may_be_anything_that_is_true_or_not(self):
        self.assertEqual(bits.pack([None, "a", 0, 2, True]), slow([0, 1, 0, 1, 1]))

    def test_both(self):
        one, other = [1, 1, 0, 0, 1, 1, 0, 0, 1], [1, 0, 1, 0, 1, 0, 1, 0, 1]
        self.assertEqual(bits.both(bits.pack(one), bits.pack(other)), slow([a & b for a, b in zip(one, other)]))

    def test_keep_takes_flags_a_bitmap_or_a_column(self):
        keep = [True, None, False, True]
        expected = slow(keep)
        self.assertEqual(Output.keep(keep).bitmap, expected)
        self.assertEqual(Output.keep(bytearray([1, 0, 0, 1])).bitmap, expected)
        self.assertEqual(Output.keep(expected).bitmap, expected)
        self.assertEqual(Output.keep(Column.of(BOOLEAN, keep)).bitmap, expected)
        with self.assertRaises(TypeError):
            Output.keep(Column.of_numbers(UINT8, b"\1"))
