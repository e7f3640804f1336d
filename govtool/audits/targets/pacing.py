"""How politely a server is asked: how often, how long to wait for it, and when to give up."""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import numpy as np

from govtool import runtime
from govtool.errors import WorkError

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)\s*(ms|s|min|m|h)")
_RATE = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)\s*/\s*(s|min|m|h)")
_LONGEST_BACKOFF_S = 60.0


@dataclass(frozen=True)
class Limits:
    """What a spec says about asking an endpoint."""

    rate: float | None = None
    """Requests per second; None: one after the other, as fast as it answers."""
    retries: int = 2
    """Further tries of one request that the server was too busy for, or that got lost."""
    timeout_s: float = 30.0
    """For one whole answer."""
    batch: int = 256
    """Records per request."""
    deadline_s: float = 7200.0
    """For all questions of one audit together."""


USUAL = Limits()


def duration(text: str) -> float:
    """Seconds from such as ``10s``, ``500ms``, ``5m``, ``2h``.

    Raises:
        ValueError: something else, or nothing at all.
    """
    found = _DURATION.fullmatch(text.strip())
    seconds = float(found.group(1)) * _UNITS[found.group(2)] if found else 0.0
    if not seconds:
        raise ValueError(f"{text!r} is not a duration; write for example 10s or 5m")
    return seconds


def rate(text: str) -> float:
    """Requests per second from such as ``10/s`` or ``600/min``.

    Raises:
        ValueError: something else, or no request ever.
    """
    found = _RATE.fullmatch(text.strip())
    per_second = float(found.group(1)) / _UNITS[found.group(2)] if found else 0.0
    if not per_second:
        raise ValueError(f"{text!r} is not a rate; write for example 10/s or 600/min")
    return per_second


@dataclass
class Pacer:
    """Waits before requests; one request at a time. Only the time spent asking counts against the deadline."""

    limits: Limits
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))
    backoff_s: float = 0.5
    sleep: Callable[[float], None] = time.sleep
    spent_s: float = 0.0
    _last: float | None = None

    def turn(self) -> None:
        """Wait until the rate allows the next request.

        Raises:
            WorkError: the deadline lies before that.
        """
        now, wait = runtime.monotonic(), 0.0
        if self.limits.rate is not None and self._last is not None:
            wait = max(0.0, self._last + 1 / self.limits.rate - now)
        self.wait(wait, "the rate limit")
        self._last = runtime.monotonic()

    def wait(self, seconds: float, why: str) -> None:
        left = self.limits.deadline_s - self.spent_s
        if seconds > left or left <= 0:
            raise WorkError(
                f"no time is left for the server: {self.spent_s:.0f} of {self.limits.deadline_s:g} s are used, and {why} asks "
                f"for another {seconds:.0f} s",
                hint="target: {deadline: 4h}, a higher rate, or fewer records",
            )
        if seconds:
            self.spent_s += seconds
            self.sleep(seconds)

    def back_off(self, attempt: int, headers: Mapping[str, Any]) -> None:
        """Wait before try `attempt` (1 is the first repetition): as long as the server asks, else twice as long each time.

        The random half spreads clients that failed together (exponential backoff with jitter); it comes from the audit's seed.
        """
        asked = retry_after(headers)
        if asked is not None:
            self.wait(asked, "the server (Retry-After)")
            return
        longest = min(self.backoff_s * 2.0 ** (attempt - 1), _LONGEST_BACKOFF_S)
        self.wait(longest * (1 + float(self.rng.random())) / 2, "the pause before another try")


def retry_after(headers: Mapping[str, Any]) -> float | None:
    """Seconds of a Retry-After header (RFC 9110, 10.2.3): a number, or a date measured against the server's own Date."""
    text = str(headers.get("Retry-After", "")).strip()
    if re.fullmatch(r"\d{1,9}", text):
        return float(text)
    until, now = _date(text), _date(str(headers.get("Date", "")))
    return None if until is None or now is None else max(0.0, (until - now).total_seconds())


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    return found if found.tzinfo is not None else None
