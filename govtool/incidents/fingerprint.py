"""Fingerprints: SHA-256 of an input row's little-endian float32 bytes. They match logged inputs with training records.

Minus zero counts as zero: the two compare equal, so a sign that JSON carries must not hide a match. For every other row
a fingerprint is the plain digest of the row's bytes.
"""

import hashlib

import numpy as np
from numpy.typing import NDArray

_MINUS_ZERO = b"\x00\x00\x00\x80"


def rows(matrix: NDArray[np.float32]) -> list[str]:
    """(n, ...) numbers to n hexadecimal digests."""
    if not matrix.size:
        return []
    return of_bytes(matrix.astype("<f4").tobytes(), 4 * (matrix.size // len(matrix)))


def of_bytes(data: bytes, width: int) -> list[str]:
    """Little-endian float32 bytes, `width` bytes to a row, to hexadecimal digests."""
    if _MINUS_ZERO in data:  # may also be the seam of two numbers; adding zero changes nothing then
        data = (np.frombuffer(data, "<f4") + np.float32(0)).tobytes()
    return [hashlib.sha256(data[start : start + width]).hexdigest() for start in range(0, len(data), width)]
