"""Time and entropy. No other file reads the clock or makes randomness (ruff enforces it)."""

import os
import secrets
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

Clock = Callable[[], datetime]
"""Returns the current instant, aware and in UTC."""

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford base 32, lower case: no i, l, o, u to misread
_ID_LENGTH = 12


def system_clock() -> datetime:
    return datetime.now(UTC)


def monotonic() -> float:
    """Seconds for measuring durations; never for dates."""
    return time.monotonic()


def new_id(prefix: str) -> str:
    """A fresh id such as ``run-7k3m9q2x4t0v``: 60 random bits, so any short prefix is likely unique."""
    return prefix + "-" + "".join(secrets.choice(_ALPHABET) for _ in range(_ID_LENGTH))


def new_token() -> str:
    """An unguessable credential (192 bits, URL-safe)."""
    return secrets.token_urlsafe(24)


def new_key() -> bytes:
    """A key of 256 random bits, for digests that must mean nothing to anybody else, or tomorrow."""
    return secrets.token_bytes(32)


def rng(seed: int, name: str) -> "np.random.Generator":
    """The generator for one named piece of work: same seed and name, same numbers, whatever else runs.

    Names are folded in by CRC-32, so that adding an attack does not shift the numbers of another.
    """
    import numpy as np

    return np.random.default_rng([seed, zlib.crc32(name.encode())])


@contextmanager
def source_date_epoch(instant: datetime) -> Iterator[None]:
    """Tell libraries that stamp files with the current time to use `instant` (reproducible-builds.org), for a while."""
    before = os.environ.get("SOURCE_DATE_EPOCH")
    os.environ["SOURCE_DATE_EPOCH"] = str(int(instant.timestamp()))
    try:
        yield
    finally:
        if before is None:
            del os.environ["SOURCE_DATE_EPOCH"]
        else:
            os.environ["SOURCE_DATE_EPOCH"] = before
