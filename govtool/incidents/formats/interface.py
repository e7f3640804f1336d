"""What a log format is: a reader of one JSON object at a time. And what all readers share: text, instants, credentials."""

import hashlib
import hmac
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from govtool.incidents.events import Event

Keyed = Callable[[str], str]
"""Turns a credential into its keyed digest."""
MOST_INPUTS = 65_536
"""Inputs of one request that are fingerprinted; beyond it the event says 'truncated'."""
_LONGEST_TEXT = 300
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LATEST_YEAR = 2200
_DIGESTED = re.compile(r"(sha256|key|hash|hmac):[0-9a-fA-F]{8,}|[0-9a-f]{64}")
_SECRET = re.compile(
    r"(?i)bearer\s|basic\s|(sk|pk|rk)[-_]\w|gh[pousr]_|github_pat_|xox[abp]-|AKIA[A-Z0-9]|AIza|hf_\w|eyJ[\w-]{8,}\."
)


class UnreadableError(Exception):
    """This line is not an event. The message is stored; it never quotes the line, which may hold personal data."""


class LogFormat(Protocol):
    """One way of writing an inference log as JSON Lines."""

    name: str
    title: str
    identity: tuple[bytes, ...]
    """Names of keys that decide who did what when. A line that repeats one of them is flagged."""

    def recognises(self, record: dict[str, Any]) -> bool:
        """Whether an object looks like a line of this format."""
        ...

    def event(self, record: dict[str, Any], keyed: Keyed) -> Event:
        """The event that the object describes.

        Raises:
            UnreadableError: a field is missing or has a form that cannot be used.
        """
        ...


def text(record: dict[str, Any], key: str) -> str | None:
    """A text field, None where absent. Overlong text keeps its start and its digest, so that two never become one."""
    value = record.get(key)
    if not value and (value is None or value == ""):
        return None
    if not isinstance(value, str):
        raise UnreadableError(f"{key} is not text")
    if len(value) <= _LONGEST_TEXT and "\0" not in value:
        return value
    if len(value) > _LONGEST_TEXT:
        value = f"{value[:200]}… sha256:{hashlib.sha256(value.encode()).hexdigest()[:32]}"
    return value.replace("\0", "\\x00")  # PostgreSQL cannot hold it


def integer(record: dict[str, Any], key: str) -> int | None:
    value = record.get(key)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= 1 << 53:
        raise UnreadableError(f"{key} is not a whole number")
    return value


def mapping(record: dict[str, Any], key: str) -> dict[str, Any] | None:
    value = record.get(key)
    if value is None or isinstance(value, dict):
        return value
    raise UnreadableError(f"{key} is not an object")


def instant(value: Any) -> tuple[int, str]:
    """Microseconds since the epoch, and the text as logged.

    Raises:
        UnreadableError: absent, not RFC 3339, without an offset, or outside 1970 to 2200.
    """
    if not isinstance(value, str) or not value:
        raise UnreadableError("no timestamp")
    try:
        when = datetime.fromisoformat(value)
    except ValueError:
        raise UnreadableError("the timestamp is not RFC 3339") from None
    if when.tzinfo is None:
        raise UnreadableError("the timestamp has no offset")
    if not _EPOCH.year <= when.year < _LATEST_YEAR:
        raise UnreadableError("the timestamp lies outside 1970 to 2200")
    return (when - _EPOCH) // _MICROSECOND, value[:64]


def from_us(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


def principal(value: str | None, keyed: Keyed, *, credential: bool) -> tuple[str | None, bool]:
    """Who asked, and whether the log held a credential in clear.

    Args:
        value: as logged.
        keyed: digests a credential under the case's key.
        credential: the field is meant for API keys, so whatever is not visibly a digest is taken for one.
    """
    if value is None:
        return None, False
    if _SECRET.match(value) or (credential and not _DIGESTED.fullmatch(value)):
        return keyed(value), True
    return value, False


def keyed_by(case: str) -> Keyed:
    """Digests credentials under the case's id: the same key is the same principal within a case, and only there.

    API keys are too random to be guessed from their digest; passwords used as keys would not be.
    """

    def digest(value: str) -> str:
        return "key:" + hmac.new(case.encode(), value.encode(), hashlib.sha256).hexdigest()[:16]

    return digest
