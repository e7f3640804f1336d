"""Reads tabular records from .npz and .csv. The digest of what was read is checked against the registry's."""

import csv
import hashlib
import io
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from govtool.digest import Sha256, chunks
from govtool.errors import EvidenceError, InputError

MEDIA_TYPES = {".npz": "application/vnd.numpy.npz", ".csv": "text/csv"}
_IN_MEMORY = 64 * 2**20


@dataclass(frozen=True)
class Table:
    """Records: features (n, d) float32, labels (n,) int64 or None, subjects (n,) or None."""

    features: NDArray[np.float32]
    labels: NDArray[np.int64] | None
    subjects: NDArray[Any] | None

    def __len__(self) -> int:
        return len(self.features)


def read_table(
    path: Path, *, label: str | None = None, subject: str | None = None, expect: Sha256 | None = None
) -> Table:
    """Read records. In .npz the arrays are `X`, and those named `label` and `subject`; in .csv they are columns.

    Digest and records come from one private copy of the bytes: the file may be replaced, or written into, meanwhile.

    Raises:
        InputError: absent, unreadable, wrong shape, a cell that is not a number (with its line).
        EvidenceError: the file's digest is not `expect`.
    """
    if path.suffix not in MEDIA_TYPES:
        raise InputError(f"{path}: unknown kind of data file", hint=f"known: {', '.join(MEDIA_TYPES)}")
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as copy:
        actual = _copied(path, copy)
        if expect is not None and actual != expect:
            raise EvidenceError(
                f"{path} is not the registered dataset: its digest is {actual[:12]}…, registered was {expect[:12]}…",
                hint="register the changed file as a new version",
            )
        read = _read_npz if path.suffix == ".npz" else _read_csv
        table = read(copy, path, label, subject)
    if not table.features.size:
        raise InputError(f"{path}: no records, or no features")
    if not np.isfinite(table.features).all():
        raise InputError(
            f"{path}: missing or infinite feature values", hint="impute or drop them first, and say how in the dataset"
        )
    return table


def _copied(path: Path, copy: IO[bytes]) -> Sha256:
    """Fill `copy`, rewind it, and give the digest of what went in."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            for piece in chunks(stream):
                digest.update(piece)
                copy.write(piece)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    copy.seek(0)
    return Sha256(digest.hexdigest())


def _read_npz(stream: IO[bytes], path: Path, label: str | None, subject: str | None) -> Table:
    try:
        with np.load(stream, allow_pickle=False) as archive:
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise InputError(f"{path}: one array, not an .npz archive", hint="numpy.savez(path, X=...)")
            arrays = {name: archive[name] for name in ("X", label, subject) if name is not None and name in archive}
    except (OSError, ValueError, EOFError, AttributeError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path}: not a readable .npz of plain arrays ({type(error).__name__})") from error
    for name in ("X", label, subject):
        if name is not None and name not in arrays:
            raise InputError(f"{path}: no array named {name!r}")
        if name is not None and not getattr(arrays[name], "ndim", 0):  # numpy gives what is no array as bytes
            raise InputError(f"{path}: {name!r} is not an array of records")
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) != 1:
        raise InputError(f"{path}: arrays of different length: {lengths}")
    features = arrays["X"]
    if features.dtype.kind not in "biuf":
        raise InputError(f"{path}: X holds {features.dtype}, not numbers")
    width = int(np.prod(features.shape[1:]))
    with np.errstate(over="ignore"):  # too large for float32 becomes infinite, which read_table refuses
        matrix = features.reshape(len(features), width).astype(np.float32)
    return Table(matrix, _labels(path, arrays[label]) if label else None, arrays[subject] if subject else None)


def _labels(path: Path, values: NDArray[Any]) -> NDArray[np.int64]:
    whole = values.dtype.kind in "biu" or (values.dtype.kind == "f" and bool((values == np.floor(values)).all()))
    if (
        values.ndim != 1
        or not whole
        or not np.isfinite(values).all()
        or bool((np.abs(values.astype(np.float64)) > 2**53).any())
    ):
        raise InputError(f"{path}: labels are one whole number per record", hint="encode classes as 0, 1, 2 ...")
    return values.astype(np.int64)


def _read_csv(stream: IO[bytes], path: Path, label: str | None, subject: str | None) -> Table:
    try:
        with io.TextIOWrapper(stream, encoding="utf-8-sig", newline="") as text:
            reader = csv.DictReader(text)
            columns = list(reader.fieldnames or [])
            for name in (label, subject):
                if name is not None and name not in columns:
                    raise InputError(f"{path}: no column named {name!r}", where=f"{path}:1")
            if len(set(columns)) != len(columns):
                raise InputError(f"{path}: two columns have the same name", where=f"{path}:1")
            wanted = [name for name in columns if name not in (label, subject)]
            rows = list(_rows(reader, wanted, label, subject, path))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a readable UTF-8 CSV file ({error})") from error
    with np.errstate(over="ignore"):  # too large for float32 becomes infinite, which read_table refuses
        features = np.array([row[0] for row in rows], dtype=np.float64).astype(np.float32)
    return Table(
        features.reshape(len(rows), len(wanted)),
        np.array([row[1] for row in rows], dtype=np.int64) if label else None,
        np.array([row[2] for row in rows]) if subject else None,
    )


def _rows(
    reader: "csv.DictReader[str]", wanted: list[str], label: str | None, subject: str | None, path: Path
) -> Iterator[tuple[list[float], int, str]]:
    for row in reader:
        if None in row:  # where the reader puts cells beyond the header
            raise InputError(f"{path}: a line has more cells than the header", where=f"{path}:{reader.line_num}")
        try:
            values = [float(row[name]) for name in wanted]
            number = int(np.int64(row[label])) if label else 0
            yield values, number, str(row[subject]) if subject else ""
        except (TypeError, ValueError, OverflowError) as error:
            raise InputError(
                f"{path}: a cell is empty or not a number",
                where=f"{path}:{reader.line_num}",
                hint="encode categories as numbers first",
            ) from error
