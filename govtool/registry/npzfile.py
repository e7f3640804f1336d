"""Reads .npz archives that strangers may have written: plain arrays only, and no more memory than they announce."""

import zipfile
import zlib
from collections.abc import Collection
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from govtool.errors import InputError

MOST_BYTES = 8 << 30
"""Of all arrays together, unpacked."""

UNREADABLE = (OSError, ValueError, EOFError, KeyError, TypeError, NotImplementedError, zipfile.BadZipFile, zlib.error)


def read(
    stream: IO[bytes], name: str, wanted: Collection[str] | None = None, most: int = MOST_BYTES
) -> dict[str, NDArray[Any]]:
    """The arrays by their names, or those of them that are `wanted`. `name` is the file's, for messages.

    An array's header may claim any shape, and a zip entry may unpack to a thousand times its size; both are compared with
    each other and with `most` before memory is taken.

    Raises:
        InputError: no archive of plain arrays, or too large.
    """
    try:
        with zipfile.ZipFile(stream) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            if len(members) != len(archive.infolist()):
                raise InputError(f"{name}: two arrays have the same name")
            chosen = {key: info for key, info in members.items() if wanted is None or key in wanted}
            if sum(info.file_size for info in chosen.values()) > most:
                raise InputError(f"{name}: the arrays unpack to more than {most >> 20} MiB", hint="use fewer records")
            return {key: _array(archive, info, name) for key, info in chosen.items()}
    except UNREADABLE as error:
        raise InputError(f"{name}: not a readable .npz of plain arrays ({type(error).__name__})") from error


def check(archive: zipfile.ZipFile, name: str, most: int = MOST_BYTES) -> None:
    """Measure an archive that another library will read: all of it together, and each array in it.

    Raises:
        InputError: too large, or an array that does not have the size its header says.
    """
    if sum(info.file_size for info in archive.infolist()) > most:
        raise InputError(f"{name}: unpacks to more than {most >> 20} MiB")
    for info in archive.infolist():
        if info.filename.endswith(".npy"):
            _measure(archive, info, name)


def _measure(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> None:
    with archive.open(info) as stream:
        shape, dtype = _announced(stream)
        held = info.file_size - stream.tell()
    size = dtype.itemsize
    for length in shape:
        size *= length
    if dtype.hasobject or not dtype.itemsize or size != held:
        what = "holds Python objects" if dtype.hasobject else "does not have the size its header says"
        raise InputError(f"{name}: not a readable .npz of plain arrays (one {what})")


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> NDArray[Any]:
    _measure(archive, info, name)
    with archive.open(info) as stream:
        return np.asarray(np.lib.format.read_array(stream, allow_pickle=False))


def _announced(stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        shape, _fortran, dtype = np.lib.format.read_array_header_1_0(stream)
    elif version == (2, 0):
        shape, _fortran, dtype = np.lib.format.read_array_header_2_0(stream)
    else:
        raise ValueError("version")
    return shape, dtype
