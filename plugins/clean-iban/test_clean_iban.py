"""Run with `python3 -m unittest` in this folder; the SDK must be on the path."""

import unittest

from clean_iban import LENGTHS, CleanIban
from tidegate_sdk import INT64, UTF8, Column, Fault, testing


def run(config, *ibans):
    return testing.run(CleanIban, config, {"iban": Column.of(UTF8, ibans)})


def codes(done):
    return [(reject.row, reject.code) for reject in done.rejects]


class Cleaning(unittest.TestCase):
    def test_every_writing_becomes_one(self):
        done = run({}, "GB82 WEST 1234 5698 7654 32", "gb82west12345698765432", "GB82-WEST\u00a01234 5698 7654 32 ", None)
        self.assertEqual(done.columns, {"iban": ["GB82WEST12345698765432"] * 3 + [None]})
        self.assertEqual(done.rejects, [])

    def test_the_registrys_own_examples_are_right(self):
        # The examples of SWIFT's registry for these countries.
        examples = [
            "DE89370400440532013000", "FR1420041010050500013M02606", "NO9386011117947", "MT84MALT011000012345MTLCAST001S",
            "SC18SSCB11010000000000001497USD", "BE68539007547034", "NL91ABNA0417164300", "CH9300762011623852957",
        ]  # fmt: skip
        self.assertEqual(run({}, *examples).columns["iban"], examples)
        self.assertTrue(all(len(example) == LENGTHS[example[:2]] for example in examples))

    def test_what_no_bank_gave_is_refused(self):
        done = run(
            {}, "DE89370400440532013001", "DE8937040044053201300", "ZZ89370400440532013000", "hello", "", "DE89 3704 é"
        )  # fmt: skip
        expected = ["iban.check_digits", "iban.length", "iban.country", "iban.form", "iban.form", "iban.form"]
        self.assertEqual(codes(done), list(enumerate(expected)))
        self.assertEqual(done.columns, {"iban": []})

    def test_every_single_mistyped_digit_is_found(self):
        right = "DE89370400440532013000"
        wrong = [
            right[:place] + digit + right[place + 1 :]
            for place in range(2, len(right)) for digit in "0123456789" if digit != right[place]
        ]  # fmt: skip
        self.assertEqual(codes(run({}, *wrong)), [(row, "iban.check_digits") for row in range(len(wrong))])

    def test_countries(self):
        config = {"output": "clean", "country": "land", "countries": ["DE", "NL"]}
        done = run(config, "DE89370400440532013000", "BE68539007547034", "NL91 ABNA 0417 1643 00", None)
        self.assertEqual(
            done.columns,
            {"clean": ["DE89370400440532013000", "NL91ABNA0417164300", None], "land": ["DE", "NL", None]},
        )
        self.assertEqual(codes(done), [(1, "iban.not_allowed")])

    def test_no_message_holds_the_number(self):
        done = run({}, "DE89370400440532013001", "hello", "ZZ89370400440532013000")
        for reject in done.rejects:
            for value in ("DE8937", "hello", "ZZ89"):
                self.assertNotIn(value, reject.message)

    def test_bind_refuses_what_does_not_fit(self):
        with self.assertRaises(Fault) as caught:
            run({"countries": ["DE", "US"]}, None)
        self.assertEqual(caught.exception.pointer, "/countries/1")
        with self.assertRaises(Fault) as caught:
            run({"countries": ["Germany"]}, None)
        self.assertEqual(caught.exception.pointer, "/countries/0")
        with self.assertRaises(Fault):
            testing.run(CleanIban, {}, {"iban": Column.of(INT64, [])})


if __name__ == "__main__":
    unittest.main()
