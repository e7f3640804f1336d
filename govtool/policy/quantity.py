"""Percentages and durations as people write them: 60%, 0.6, 90d."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer

_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%")
_DURATION = re.compile(r"(\d+)\s*([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_fraction(value: Any) -> float:
    """A share between 0 and 1 (both excluded) from `60%` or `0.6`. Whole numbers are refused: is 60 a share or a percentage?

    Raises:
        ValueError: anything else.
    """
    if isinstance(value, str) and (found := _PERCENT.fullmatch(value.strip())):
        value = float(Decimal(found[1]) / 100)  # by Decimal, so that 57.3% and 0.573 are the same float
    if not isinstance(value, float):
        raise ValueError(f"{value!r} is not a share; write it as 60% or as 0.6")  # noqa: TRY004 - pydantic wants ValueError
    if not 0 < value < 1:
        raise ValueError(f"{value * 100:g} % does not lie between 0 % and 100 %")
    return value


def parse_duration(value: Any) -> timedelta:
    """A length of time from `90d`; units are s, m (minutes), h, d and w.

    Raises:
        ValueError: anything else, and zero.
    """
    if isinstance(value, timedelta):
        return value
    found = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"{value!r} is not a duration; write it as 90d, 12h or 2w")
    try:
        length = timedelta(**{_UNITS[found[2]]: int(found[1])})
    except OverflowError as error:
        raise ValueError(f"{value!r} is too long") from error
    if not length:
        raise ValueError("a duration of zero would make everything stale")
    return length


def duration_text(length: timedelta) -> str:
    """One form for each length, whatever unit it was written in."""
    return f"{int(length.total_seconds())}s"


def duration_words(length: timedelta) -> str:
    if length.days and not length.seconds:
        return f"{length.days} day" + ("" if length.days == 1 else "s")
    return f"{length.total_seconds() / 3600:g} hours"


def listed(value: Any) -> Any:
    """`audience: public` means the same as `audience: [public]`."""
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


Fraction = Annotated[float, BeforeValidator(parse_fraction)]
Duration = Annotated[timedelta, BeforeValidator(parse_duration), PlainSerializer(duration_text)]
Listed = (BeforeValidator(listed), Field(min_length=1))
