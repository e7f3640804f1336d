"""SHA-256 digests and canonical bytes. A claim names the bytes it rests on by these."""

import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NewType

import rfc8785

from govtool.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

Sha256 = NewType("Sha256", str)
"""64 lower-case hexadecimal characters."""

_CHUNK = 1 << 20
_HEX = re.compile(r"[0-9a-f]{64}")


def parse_sha256(text: str) -> Sha256:
    """Accept ``<hex>`` or ``sha256:<hex>``.

    Raises:
        InputError: not a SHA-256 digest.
    """
    digest = text.removeprefix("sha256:").strip().lower()
    if not _HEX.fullmatch(digest):
        raise InputError(
            f"not a SHA-256 digest: {text[:80]!r}", hint="give 64 hexadecimal characters, as sha256sum prints"
        )
    return Sha256(digest)


def sha256_bytes(data: bytes) -> Sha256:
    return Sha256(hashlib.sha256(data).hexdigest())


def sha256_file(path: Path) -> Sha256:
    with path.open("rb") as stream:
        return Sha256(hashlib.file_digest(stream, "sha256").hexdigest())


def sha256_arrays(*arrays: "NDArray[Any]") -> Sha256:
    """Of the values, dtypes and shapes of numpy arrays, in order."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}\n".encode())
        digest.update(array.tobytes() if not array.flags.c_contiguous else array.data.cast("B"))
    return Sha256(digest.hexdigest())


def chunks(stream: BinaryIO) -> Iterator[bytes]:
    """The stream in pieces of one MiB, so that no file has to fit in memory."""
    while piece := stream.read(_CHUNK):
        yield piece


def rfc3339(instant: datetime) -> str:
    """An aware instant as RFC 3339 text in UTC with microseconds, one form only.

    Raises:
        ValueError: the instant is naive; a time without its zone is not a fact.
    """
    if instant.tzinfo is None:
        raise ValueError(f"naive datetime: {instant!r}")
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def canonical_json(value: Any) -> bytes:
    """RFC 8785 (JSON Canonicalization Scheme) bytes: the same value always gives the same bytes.

    Datetimes become RFC 3339 text, bytes become hex.

    Raises:
        rfc8785.CanonicalizationError: NaN, infinity, or an integer beyond 2^53, which JSON cannot carry faithfully.
    """
    return rfc8785.dumps(_plain(value))
