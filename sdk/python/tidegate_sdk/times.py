"""Dates and times between a column's counts and `datetime`, exactly, in integers."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

from .types import UNITS_PER_SECOND, DataType

_EPOCH_DAY = date(1970, 1, 1).toordinal()
_EPOCH = datetime(1970, 1, 1)
_MICROSECOND = timedelta(microseconds=1)


def date_of(days: int) -> date:
    """The date of a `date32`, the years 1 to 9999; OverflowError or ValueError beyond."""
    return date.fromordinal(_EPOCH_DAY + days)


def days_of(day: date) -> int:
    """The `date32` of a date."""
    return day.toordinal() - _EPOCH_DAY


def datetime_of(count: int, data_type: DataType) -> datetime:
    """The datetime of a `timestamp`: in UTC where the type has a time zone, else without one.

    ValueError for nanoseconds that are no whole microsecond, which datetime cannot hold; OverflowError beyond the
    years 1 to 9999.
    """
    per_second = UNITS_PER_SECOND[data_type.unit]
    seconds, rest = divmod(count, per_second)
    microseconds, lost = divmod(rest * 1_000_000, per_second)
    if lost:
        raise ValueError(f"{count} {data_type.unit} are no whole number of microseconds")
    moment = _EPOCH + timedelta(seconds=seconds, microseconds=microseconds)
    return moment.replace(tzinfo=timezone.utc) if data_type.timezone else moment


def count_of(moment: datetime, data_type: DataType) -> int:
    """The `timestamp` of a datetime, which has a time zone exactly where the type has one.

    ValueError for a datetime finer than the type's unit: nothing is rounded.
    """
    if (moment.tzinfo is None) != (data_type.timezone is None):
        raise ValueError(f"{data_type} takes a datetime {'with' if data_type.timezone else 'without'} a time zone")
    if moment.tzinfo is not None:
        moment = moment.astimezone(timezone.utc).replace(tzinfo=None)
    microseconds = (moment - _EPOCH) // _MICROSECOND
    count, lost = divmod(microseconds * UNITS_PER_SECOND[data_type.unit], 1_000_000)
    if lost:
        raise ValueError(f"a datetime is finer than {data_type}")
    return count
