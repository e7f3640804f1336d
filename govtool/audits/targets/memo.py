"""Answers of a server by the record they are about, so that ten attacks do not ask the same question ten times."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from govtool.attacks.interface import Features

MOST_BYTES = 512 << 20

Row = Mapping[str, NDArray[Any]]
"""The named outputs for one record."""


class Memo:
    """Bounded; what was remembered first is forgotten first."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._rows: OrderedDict[bytes, Row] = OrderedDict()
        self._most, self._bytes = most, 0

    def get(self, key: bytes) -> Row | None:
        return self._rows.get(key)

    def put(self, key: bytes, row: Row) -> None:
        if key in self._rows:
            return
        self._rows[key] = row
        self._bytes += _size(row)
        while self._bytes > self._most:
            self._bytes -= _size(self._rows.popitem(last=False)[1])

    def clear(self) -> None:
        self._rows.clear()
        self._bytes = 0


def keys(features: Features) -> Sequence[bytes]:
    """One per record: a digest of its features as they are sent."""
    plain = np.ascontiguousarray(features, dtype="<f4")
    return [blake2b(row.tobytes(), digest_size=16).digest() for row in plain]


def _size(row: Row) -> int:
    return 200 + sum(120 + value.nbytes for value in row.values())  # Python's own part, roughly
