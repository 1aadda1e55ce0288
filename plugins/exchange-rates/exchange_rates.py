"""Daily exchange rates from an HTTP interface like Frankfurter's, which gives those of the European Central Bank.

One stream, `rates`: a row a day and currency, in that order. A range of days is asked for at a time:
`GET {base_url}/2024-01-01..2024-01-31?base=EUR&symbols=USD,GBP`. The cursor is the last row's day and currency. Numbers keep
every digit that the interface gives.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from tidegate_sdk import DATE32, UTF8, Chunk, Column, Fault, Field, Partition, Request, Source, Stream, http, times, types
from tidegate_sdk.convert import to_unscaled

STREAM = "rates"

#: Twelve digits on either side of the point: a unit of any currency in any other.
RATE = types.decimal(24, 12)

#: The days of one request: a month of 30 currencies is some 10 KB of JSON.
WINDOW = timedelta(days=31)

_DAY = timedelta(days=1)
_DAY_MS = 86_400_000

_CURRENCY = "^[A-Z]{3}$"
_DATE = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"


@dataclass
class Config:
    """Which rates."""

    start: str = field(metadata={"description": "The first day, such as 2024-01-31.", "pattern": _DATE})
    end: str | None = field(
        default=None,
        metadata={"description": "The last day; the newest that there is unless told.", "pattern": _DATE},
    )
    base: str = field(
        default="EUR", metadata={"description": "The currency whose unit a rate is the price of.", "pattern": _CURRENCY}
    )
    symbols: list[str] | None = field(
        default=None, metadata={"description": "The currencies; all unless told.", "pattern": _CURRENCY}
    )
    base_url: str = field(
        default="https://api.frankfurter.dev/v1",
        metadata={"description": "Where the interface is.", "pattern": "^https?://[^?#]+$"},
    )


@dataclass
class Rate:
    """A row."""

    day: date
    currency: str
    #: In units of RATE's last digit.
    unscaled: int

    @property
    def place(self) -> tuple[str, str]:
        """What rows are ordered by, and a cursor is made of."""
        return self.day.isoformat(), self.currency


class ExchangeRates(Source):
    """A reader."""

    Config = Config

    def __init__(self, config: Config, days: tuple[date, date], behind: tuple[str, str]) -> None:
        self.config = config
        #: The first day that was not asked for yet, and the last one.
        self.next_day, self.last_day = days
        self.behind = behind
        #: What was read and not given yet.
        self.rates: list[Rate] = []

    @classmethod
    def check(cls, config: Config) -> None:
        _days(config, None)
        _newest(config)

    @classmethod
    def discover(cls, config: Config) -> list[Stream]:
        columns = [
            Field("date", DATE32, nullable=False), Field("base", UTF8, nullable=False),
            Field("currency", UTF8, nullable=False), Field("rate", RATE, nullable=False),
        ]  # fmt: skip
        description = "What one unit of the base is worth in the currency, on a day."
        return [Stream(STREAM, columns, description, key=["date", "base", "currency"], incremental=True)]

    @classmethod
    def open(cls, config: Config, request: Request) -> ExchangeRates:
        if request.stream != STREAM:
            raise request.unknown_stream([STREAM])
        first, last = _days(config, request.partition)
        behind = ("", "")
        if request.cursor is not None:
            behind = (request.cursor["date"], request.cursor["currency"])
            first = max(first, date.fromisoformat(behind[0]))
        return cls(config, (first, min(last, _newest(config))), behind)

    def next(self, max_rows: int) -> Chunk | None:
        while not self.rates:
            if self.next_day > self.last_day:
                return None
            # Where this fails for now the host calls again, and the same days are asked for.
            last = min(self.next_day + WINDOW - _DAY, self.last_day)
            self.rates = [rate for rate in _rates(self.config, self.next_day, last) if rate.place > self.behind]
            self.next_day = last + _DAY
        rates, self.rates = self.rates[:max_rows], self.rates[max_rows:]
        day, currency = rates[-1].place
        columns = {
            "date": Column.of(DATE32, [times.days_of(rate.day) for rate in rates]),
            "base": Column.of_texts(UTF8, [self.config.base] * len(rates)),
            "currency": Column.of_texts(UTF8, [rate.currency for rate in rates]),
            "rate": Column.of_unscaled(RATE, [rate.unscaled for rate in rates]),
        }
        return Chunk(columns, {"date": day, "currency": currency})


def _days(config: Config, partition: Partition | None) -> tuple[date, date]:
    """The first and the last day of the config that lie in the slice: those whose midnight does."""
    days = {"start": date.min, "end": date.max}
    for key in days:
        if (text := getattr(config, key)) is not None:
            try:
                days[key] = date.fromisoformat(text)
            except ValueError:
                raise Fault.config(f"/{key}", f"`{text}` is no date") from None
    if days["end"] < days["start"]:
        raise Fault.config("/end", "it is before `start`")
    for place, symbol in enumerate(config.symbols or []):
        if symbol == config.base:
            raise Fault.config(f"/symbols/{place}", "it is the base, whose rate is 1")
    if partition is None:
        return days["start"], days["end"]
    first = times.date_of(-(-partition.start_ms // _DAY_MS))
    last = times.date_of((partition.end_ms - 1) // _DAY_MS)
    return max(days["start"], first), min(days["end"], last)


def _newest(config: Config) -> date:
    """The newest day that has rates."""
    found = _asked(config, "latest").success()
    return _day(_answered(config, found, "latest").get("date"), "latest")


def _rates(config: Config, first: date, last: date) -> Iterator[Rate]:
    """The rates of some days, in order. There may be none, as on weekends."""
    what = f"{first}..{last}"
    found = _asked(config, what)
    if found.status == 404:
        # The newest rates were found at the same address, so this says that there are none of these days.
        return
    days = _answered(config, found.success(), what).get("rates")
    for text, rates in sorted(_mapping(days, what).items()):
        day = _day(text, what)
        # Frankfurter may begin with the last day before that had rates.
        if first <= day <= last:
            for currency, rate in sorted(_mapping(rates, what).items()):
                if not config.symbols or currency in config.symbols:
                    yield Rate(day, currency, _unscaled(rate, f"{currency} of {text}"))


def _asked(config: Config, what: str) -> http.Response:
    request = http.get(f"{config.base_url.rstrip('/')}/{what}").query("base", config.base)
    if config.symbols:
        request = request.query("symbols", ",".join(config.symbols))
    return request.header("accept", "application/json").send()


def _answered(config: Config, found: http.Response, what: str) -> dict[str, Any]:
    answer = _mapping(found.json(parse_float=Decimal), what)
    if answer.get("base") != config.base:
        raise Fault.data(f"the answer of `{what}` is not of the base {config.base}: does the other side know `base`?")
    return answer


def _mapping(value: Any, what: str) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    raise Fault.data(f"the answer of `{what}` is not like Frankfurter's: it has no mapping where one must be")


def _day(text: Any, what: str) -> date:
    try:
        day = date.fromisoformat(text)
    except (TypeError, ValueError):
        day = None
    # Days are put in order as texts, so they must be written in one way.
    if day is None or day.isoformat() != text:
        raise Fault.data(f"the answer of `{what}` has no day like 2024-01-31 where one must be")
    return day


def _unscaled(rate: Any, what: str) -> int:
    if isinstance(rate, (int, Decimal)) and not isinstance(rate, bool):
        try:
            if (unscaled := to_unscaled(RATE, rate)) > 0:
                return unscaled
        except ValueError:
            pass
    raise Fault.data(f"the rate of {what} is not a number above 0 with twelve digits on either side of the point at most")
