"""Arrays of (references, records) that lie on disk: written row by row, read through a memory map.

The file has no name from the moment it is made, so a process that is killed leaves nothing behind.
"""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from govtool.audits.reference_cache import Row, unwritable


class RowFiles:
    """Room for arrays of given shapes and dtypes. The disk space is taken at once, so that a full disk shows itself early.

    Raises:
        WorkError: the folder cannot be written, or the disk is too full.
    """

    def __init__(self, folder: Path, shapes: Mapping[str, tuple[tuple[int, int], str]]) -> None:
        self._shapes = dict(shapes)
        self._starts: dict[str, int] = {}
        size = 0
        for name, ((rows, length), kind) in shapes.items():
            self._starts[name] = size
            size += -(-rows * length * np.dtype(kind).itemsize // _ALIGNED) * _ALIGNED
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - this object is its context manager
        except OSError as error:
            raise unwritable(folder, error) from error
        try:
            if size:
                os.posix_fallocate(self._file.fileno(), 0, size)
        except OSError as error:
            self._file.close()
            raise unwritable(folder, error) from error

    def put(self, name: str, number: int, row: Row) -> None:
        """Write row `number` of array `name`."""
        (rows, length), kind = self._shapes[name]
        assert number < rows
        data = np.ascontiguousarray(row, dtype=kind)
        assert data.shape == (length,)
        left, offset = data.data.cast("B"), self._starts[name] + number * data.nbytes
        try:
            while left:
                written = os.pwrite(self._file.fileno(), left, offset)
                left, offset = left[written:], offset + written
        except OSError as error:
            raise unwritable(self._folder, error) from error

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The whole arrays, read-only and memory-mapped. They outlive this object."""
        size = os.fstat(self._file.fileno()).st_size
        whole = np.memmap(self._file, dtype=np.uint8, mode="r", shape=(size,)) if size else np.zeros(0, np.uint8)
        found = {}
        for name, ((rows, length), kind) in self._shapes.items():
            start, width = self._starts[name], np.dtype(kind).itemsize
            found[name] = whole[start : start + rows * length * width].view(kind).reshape(rows, length)
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._file.close()


_ALIGNED = 4096
