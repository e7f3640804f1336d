"""The five instants of an incident, and how a person may write one down. Pure.

Awareness is a human's decision, never the time of a log line. A time without its zone is not a fact: it is refused,
and so is a wall time that a clock change skipped; one that occurred twice must say which of the two is meant.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from govtool.errors import InputError

Fold = Literal[0, 1]
KINDS = ("occurred_start", "occurred_end", "first_alert", "escalated", "aware", "processor_informed")
_FORM = re.compile(
    r"(?P<wall>\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?)(?P<offset>[Zz]|[+-]\d\d:\d\d)?(\[(?P<zone>[^\]]+)\])?"
)
_HINT = "write 2026-03-10T09:00+01:00, or 2026-03-10T09:00[Europe/Paris]"


@dataclass(frozen=True)
class Instants:
    """The instants in force, aware and in UTC; None where nothing is recorded."""

    occurred_start: datetime | None = None
    occurred_end: datetime | None = None
    first_alert: datetime | None = None
    escalated: datetime | None = None
    aware: datetime | None = None
    processor_informed: datetime | None = None


def parse_instant(text: str, *, fold: Fold | None = None) -> datetime:
    """RFC 3339 with its offset (seconds may be left out), or a wall time with an IANA zone in brackets (RFC 9557).

    Args:
        text: what the person wrote.
        fold: for a wall time that occurred twice: 0 the first pass (summer time), 1 the second.

    Returns:
        The instant in UTC.

    Raises:
        InputError: malformed, without offset and zone, skipped by a clock change, ambiguous without `fold`, or an
            offset that the zone did not have then.
    """
    match = _FORM.fullmatch(text.strip())
    if match is None:
        raise InputError(f"not an instant: {text[:80]!r}", hint=_HINT)
    offset, zone = match["offset"], match["zone"]
    try:
        wall = datetime.fromisoformat(match["wall"].upper())
        if zone is None and offset is None:
            raise InputError(f"{text!r} has neither an offset nor a zone", hint=_HINT)
        if zone is None:
            return datetime.fromisoformat((match["wall"] + (offset or "")).upper()).astimezone(UTC)
        instant = localize(wall, zone, fold=fold if offset is None else _fold_of(wall, zone, offset))
    except (ValueError, OverflowError) as error:
        raise InputError(f"not an instant: {text[:80]!r} ({error})", hint=_HINT) from error
    return instant


def localize(wall: datetime, zone: str, *, fold: Fold | None = None) -> datetime:
    """The UTC instant of a wall time in a civil zone, or an error where there is none or there are two.

    Raises:
        InputError: unknown zone, skipped wall time, or repeated wall time without `fold`.
    """
    civil = known_zone(zone)
    first, second = (wall.replace(tzinfo=civil, fold=pass_) for pass_ in (0, 1))
    if first.astimezone(UTC).astimezone(civil).replace(tzinfo=None) != wall:
        raise InputError(
            f"{wall.isoformat()} does not exist in {zone}: the clock skipped it", hint="give the time with its offset"
        )
    if first.utcoffset() != second.utcoffset() and fold is None:
        raise InputError(
            f"{wall.isoformat()} happened twice in {zone}",
            hint="say --fold 0 for the first pass or --fold 1 for the second; if nobody knows, 0 is the earlier, safer one",
        )
    return (second if fold else first).astimezone(UTC)


def known_zone(name: str) -> ZoneInfo:
    """The IANA zone.

    Raises:
        InputError: unknown.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise InputError(f"unknown time zone {name[:60]!r}", hint="an IANA name such as Europe/Paris") from error


def _fold_of(wall: datetime, zone: str, offset: str) -> Fold:
    """Which pass of the wall time has this offset."""
    civil = known_zone(zone)
    wanted = timedelta(0) if offset in "Zz" else datetime.fromisoformat(f"2000-01-01T00:00{offset}").utcoffset()
    for fold in (0, 1):
        if wall.replace(tzinfo=civil, fold=fold).utcoffset() == wanted:
            return 1 if fold else 0
    raise InputError(f"{zone} did not have the offset {offset} at {wall.isoformat()}", hint="leave one of the two out")
