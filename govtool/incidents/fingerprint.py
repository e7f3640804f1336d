"""Fingerprints: SHA-256 of an input row's little-endian float32 bytes. They match logged inputs with training records."""

import hashlib

import numpy as np
from numpy.typing import NDArray


def rows(matrix: NDArray[np.float32]) -> list[str]:
    """(n, ...) numbers to n hexadecimal digests.

    Minus zero counts as zero: the two compare equal, so a sign that JSON carries must not hide a match. For every other
    row this is the plain digest of its bytes.
    """
    if not matrix.size:
        return []
    flat = matrix.reshape(len(matrix), -1) + np.float32(0)
    data, width = flat.astype("<f4", copy=False).tobytes(), 4 * flat.shape[1]
    return [hashlib.sha256(data[start : start + width]).hexdigest() for start in range(0, len(data), width)]
