"""Dates and times, exactly."""

import unittest
from datetime import date, datetime, timedelta, timezone

from tidegate_sdk import times, types


class Times(unittest.TestCase):
    def test_dates(self):
        for day in [date(1, 1, 1), date(1969, 12, 31), date(1970, 1, 1), date(9999, 12, 31)]:
            self.assertEqual(times.date_of(times.days_of(day)), day)
        self.assertEqual(times.days_of(date(2024, 2, 29)), 19782)

    def test_timestamps(self):
        zone = timezone(timedelta(hours=2))
        moment = datetime(2024, 2, 29, 12, 0, 0, 123456, tzinfo=zone)
        for unit, count in [("us", 1709200800123456), ("ns", 1709200800123456000)]:
            data_type = types.timestamp(unit, "Europe/Vienna")
            self.assertEqual(times.count_of(moment, data_type), count)
            self.assertEqual(times.datetime_of(count, data_type), moment)
        before = datetime(1, 1, 1, 0, 0, 1)
        self.assertEqual(times.datetime_of(times.count_of(before, types.timestamp("s")), types.timestamp("s")), before)

    def test_nothing_is_rounded(self):
        with self.assertRaises(ValueError):
            times.datetime_of(1, types.timestamp("ns"))
        with self.assertRaises(ValueError):
            times.count_of(datetime(1970, 1, 1, 0, 0, 0, 1), types.timestamp("ms"))
        with self.assertRaises(ValueError):
            times.count_of(datetime(1970, 1, 1), types.timestamp("ms", "UTC"))
        with self.assertRaises(ValueError):
            times.count_of(datetime(1970, 1, 1, tzinfo=timezone.utc), types.timestamp("ms"))
