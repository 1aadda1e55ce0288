"""Run with `python3 -m unittest` in this folder; the SDK must be on the path."""

import json
import unittest
from datetime import date
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

from exchange_rates import ExchangeRates
from tidegate_sdk import Fault, Partition, Request, http, testing, times

#: Like those of the European Central Bank. The first of January was a holiday, the 6th and 7th a weekend.
RATES = {
    "2023-12-29": {"GBP": 0.86905, "USD": 1.105},
    "2024-01-02": {"GBP": 0.86645, "USD": 1.0956},
    "2024-01-05": {"GBP": 0.86243, "USD": 1.0921},
    "2024-01-08": {"GBP": 0.86088, "USD": 1.0946},
    "2024-02-01": {"GBP": 0.85435, "USD": 1.0814},
    "2024-02-02": {"GBP": 0.85305, "USD": 1.0883},
}
DAY_MS = 86_400_000


class Frankfurter:
    """The interface, as far as it is asked for. `begins_before`: whether a range begins with the day before it that has
    rates, where its first has none."""

    def __init__(self, begins_before=True):
        self.begins_before = begins_before
        self.asked = []

    def __call__(self, request):
        url = urlsplit(request.url)
        query = parse_qs(url.query)
        what = url.path.removeprefix("/v1/")
        self.asked.append(what)
        if what == "latest":
            return answer({"base": query["base"][0], "date": max(RATES), "rates": {}})
        first, last = what.split("..")
        if self.begins_before:
            first = max((day for day in RATES if day <= first), default=first)
        symbols = query["symbols"][0].split(",") if "symbols" in query else ["GBP", "USD"]
        found = {day: {symbol: rates[symbol] for symbol in symbols} for day, rates in RATES.items() if first <= day <= last}
        if not found:
            return http.Response(404).with_body('{"message": "not found"}')
        return answer({"amount": 1.0, "base": query["base"][0], "rates": found})


def answer(found):
    return http.Response(200).with_body(json.dumps(found))


def read(config, server=None, **options):
    with http.answered_by(server or Frankfurter()):
        return testing.read(ExchangeRates, config, "rates", **options)


def rows(found):
    days = [times.date_of(day).isoformat() for day in found["date"]]
    return list(zip(days, found["currency"], found["rate"]))


def expected(first, last, *symbols):
    return [
        (day, symbol, Decimal(str(rates[symbol])))
        for day, rates in RATES.items() if first <= day <= last
        for symbol in symbols or ("GBP", "USD")
    ]  # fmt: skip


class Reading(unittest.TestCase):
    def test_a_row_a_day_and_currency_up_to_the_newest_day(self):
        found = read({"start": "2024-01-01"})
        self.assertEqual(rows(found), expected("2024-01-01", "2024-02-02"))
        self.assertEqual(set(found["base"]), {"EUR"})

    def test_the_config_is_what_is_asked_for(self):
        requests = []

        def server(request):
            requests.append(request)
            return frankfurter(request)

        frankfurter = Frankfurter()
        config = {
            "start": "2024-01-02",
            "end": "2024-01-05",
            "symbols": ["USD", "GBP"],
            "base_url": "http://rates.example/v1/",
        }
        self.assertEqual(rows(read(config, server)), expected("2024-01-02", "2024-01-05"))
        asked = "?base=EUR&symbols=USD%2CGBP"
        self.assertEqual(requests[0].url, f"http://rates.example/v1/latest{asked}")
        self.assertIn(f"http://rates.example/v1/2024-01-02..2024-01-05{asked}", [request.url for request in requests])

    def test_a_long_time_is_asked_for_a_month_at_a_time(self):
        server = Frankfurter()
        with http.answered_by(server):
            reader = ExchangeRates.open(ExchangeRates.Config("2023-12-01"), Request("rates", ("rate",)))
            while reader.next(1_000) is not None:
                pass
        self.assertEqual(
            server.asked, ["latest", "2023-12-01..2023-12-31", "2024-01-01..2024-01-31", "2024-02-01..2024-02-02"]
        )

    def test_a_reader_goes_on_behind_any_row(self):
        # `read` goes on from each cursor by itself; here each chunk has one row.
        found = read({"start": "2023-12-29"}, max_rows=1)
        self.assertEqual(rows(found), expected("2023-12-29", "2024-02-02"))

    def test_a_later_run_has_only_what_is_new(self):
        cursor = {"date": "2024-02-01", "currency": "GBP"}
        found = read({"start": "2024-01-01"}, cursor=cursor)
        self.assertEqual(rows(found), expected("2024-02-01", "2024-02-02")[1:])
        self.assertEqual(rows(read({"start": "2024-01-01"}, cursor={"date": "2024-02-02", "currency": "USD"})), [])

    def test_a_slice_has_the_days_whose_midnight_lies_in_it(self):
        def within(start, start_ms, end, end_ms, server):
            day_ms = lambda text: times.days_of(date.fromisoformat(text)) * DAY_MS
            slice_ = Partition("slice", day_ms(start) + start_ms, day_ms(end) + end_ms)
            return rows(read({"start": "2024-01-01", "symbols": ["USD"]}, server, partition=slice_))

        for server in (Frankfurter(), Frankfurter(begins_before=False)):
            self.assertEqual(within("2024-01-02", 0, "2024-01-05", 0, server), expected("2024-01-02", "2024-01-04", "USD"))
            self.assertEqual(within("2024-01-02", 1, "2024-01-05", 1, server), expected("2024-01-03", "2024-01-05", "USD"))
            # A holiday, a weekend, a part of a day, and days that are to come.
            for start, end in [("2024-01-01", "2024-01-02"), ("2024-01-06", "2024-01-08"), ("2024-03-01", "2024-03-02")]:
                self.assertEqual(within(start, 0, end, 0, server), [])
            self.assertEqual(within("2024-01-02", 1, "2024-01-02", DAY_MS, server), [])

    def test_digits_are_kept(self):
        body = '{"base": "EUR", "date": "2024-01-02", "rates": {"2024-01-02": {"A": 1.100000000001, "B": 16000, "C": 6.02e-05}}}'
        found = read({"start": "2024-01-02"}, lambda request: http.Response(200).with_body(body))
        self.assertEqual([str(rate) for rate in found["rate"]], ["1.100000000001", "16000.000000000000", "0.000060200000"])

    def test_currencies_that_were_not_asked_for_are_left_out(self):
        found = {"base": "EUR", "date": "2024-01-02", "rates": {"2024-01-02": {"GBP": 1.5, "USD": 2.5}}}
        rates = read({"start": "2024-01-02", "symbols": ["USD"]}, lambda request: answer(found))
        self.assertEqual(rates["currency"], ["USD"])


class Refusing(unittest.TestCase):
    def fault(self, config, server):
        with self.assertRaises(Fault) as caught:
            read({"start": "2024-01-01", **config}, server)
        return caught.exception

    def test_a_config_that_is_wrong_asks_for_nothing(self):
        for config, pointer in [
            ({"start": "2024-02-30"}, "/start"), ({"start": "yesterday"}, "/start"), ({"end": "2023-12-31"}, "/end"),
            ({"base": "euro"}, "/base"), ({"symbols": ["USD", "EUR"]}, "/symbols/1"), ({"symbols": ["$"]}, "/symbols/0"),
            ({"base_url": "rates.example"}, "/base_url"), ({"base_url": "https://rates.example/?key=1"}, "/base_url"),
        ]:  # fmt: skip
            server = Frankfurter()
            with self.subTest(config):
                fault = self.fault(config, server)
                self.assertEqual((fault.kind, fault.pointer, server.asked), ("invalid-config", pointer, []))

    def test_an_answer_that_is_not_like_frankfurters_is_no_data(self):
        day = "2024-01-02"
        for found in [
            [], {}, {"base": "USD", "date": day}, {"base": "EUR"}, {"base": "EUR", "date": "2024-01-99"},
            {"base": "EUR", "date": "20240102"}, {"base": "EUR", "date": day}, {"base": "EUR", "date": day, "rates": [1]},
            {"base": "EUR", "date": day, "rates": {"first": {}}}, {"base": "EUR", "date": day, "rates": {day: 1}},
            *({"base": "EUR", "date": day, "rates": {day: {"USD": rate}}} for rate in ("1.1", None, True, 0, -1, 1e12, 1e-13)),
        ]:  # fmt: skip
            with self.subTest(found):
                self.assertEqual(self.fault({}, lambda request: answer(found)).kind, "invalid-data")

    def test_statuses(self):
        statuses = {429: "retryable", 503: "retryable", 404: "fatal", 302: "fatal", 401: "fatal"}
        for status, kind in statuses.items():
            with self.subTest(status):
                self.assertEqual(self.fault({}, lambda request: http.Response(status)).kind, kind)

    def test_days_that_failed_for_now_are_asked_for_again(self):
        server = Frankfurter()
        failures = [503, 429]

        def busy(request):
            if failures and "latest" not in request.url:
                return http.Response(failures.pop()).with_header("Retry-After", "3")
            return server(request)

        with http.answered_by(busy):
            reader = ExchangeRates.open(ExchangeRates.Config("2024-02-01"), Request("rates", ("rate",)))
            for _ in range(2):
                with self.assertRaises(Fault) as caught:
                    reader.next(10)
                self.assertEqual((caught.exception.kind, caught.exception.after_ms), ("retryable", 3_000))
            self.assertEqual(reader.next(10).rows, 4)


if __name__ == "__main__":
    unittest.main()
