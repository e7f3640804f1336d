"""Reads tabular records from .npz and .csv. The digest of what was read is checked against the registry's."""

import csv
import hashlib
import io
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from govtool.digest import Sha256, chunks
from govtool.errors import EvidenceError, InputError
from govtool.registry import npzfile

MEDIA_TYPES = {".npz": "application/vnd.numpy.npz", ".csv": "text/csv"}
NAMES = "columns"
"""The array of a .npz that names the features."""
_IN_MEMORY = 64 * 2**20


@dataclass(frozen=True)
class Table:
    """Records: features (n, d) float32, labels (n,) int64 or None, subjects (n,) or None, names of the d features or ().

    Labels of a regression stand in `values` (n,) float64 instead.
    """

    features: NDArray[np.float32]
    labels: NDArray[np.int64] | None
    subjects: NDArray[Any] | None
    names: tuple[str, ...] = ()
    """Of the features: a CSV file's header; of a .npz its array `columns`, else x0, x1 ..."""
    values: NDArray[np.float64] | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The names that the file gave; () where it gave none."""
        return () if self.names == numbered(len(self.names)) else self.names

    def __len__(self) -> int:
        return len(self.features)


def read_table(
    path: Path,
    *,
    label: str | None = None,
    subject: str | None = None,
    expect: Sha256 | None = None,
    regression: bool = False,
) -> Table:
    """Read records. In .npz the arrays are `X`, and those named `label` and `subject`; in .csv they are columns.

    A .npz may name its features in an array `columns` of text; in .csv the header does.
    Labels are classes, whole numbers; for a `regression` any finite numbers, in `values`.

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
        table = read(copy, path, label, subject, regression)
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


def _read_npz(stream: IO[bytes], path: Path, label: str | None, subject: str | None, regression: bool) -> Table:
    named = None if NAMES in (label, subject) else _text(stream, path)
    arrays = npzfile.read(stream, str(path), [name for name in ("X", label, subject) if name is not None])
    for name in ("X", label, subject):
        if name is not None and name not in arrays:
            raise InputError(f"{path}: no array named {name!r}")
        if name is not None and not arrays[name].ndim:
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
    return Table(
        matrix,
        _labels(path, arrays[label]) if label and not regression else None,
        arrays[subject] if subject else None,
        _names(path, named, width),
        _values(path, arrays[label]) if label and regression else None,
    )


def _text(stream: IO[bytes], path: Path) -> NDArray[Any] | None:
    """The array of names; one of objects, as pandas makes, is left unread and takes nothing from the records."""
    try:
        return npzfile.read(stream, str(path), [NAMES]).get(NAMES)
    except InputError:
        return None
    finally:
        stream.seek(0)


def numbered(width: int) -> tuple[str, ...]:
    return tuple(f"x{column}" for column in range(width))


def _names(path: Path, named: NDArray[Any] | None, width: int) -> tuple[str, ...]:
    if named is None or named.dtype.kind != "U":  # an array `columns` of something else is none of ours
        return numbered(width)
    found = tuple(str(name) for name in named.ravel())
    if len(found) != width or len(set(found)) != width:
        raise InputError(f"{path}: 'columns' must name each of the {width} features once")
    return found


def _values(path: Path, values: NDArray[Any]) -> NDArray[np.float64]:
    if values.ndim != 1 or values.dtype.kind not in "biuf" or not np.isfinite(values).all():
        raise InputError(f"{path}: labels of a regression are one finite number per record")
    return values.astype(np.float64)


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


def _read_csv(stream: IO[bytes], path: Path, label: str | None, subject: str | None, regression: bool) -> Table:
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
            rows = list(_rows(reader, wanted, label, subject, path, float if regression else _class))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a readable UTF-8 CSV file ({error})") from error
    with np.errstate(over="ignore"):  # too large for float32 becomes infinite, which read_table refuses
        features = np.array([row[0] for row in rows], dtype=np.float64).astype(np.float32)
    return Table(
        features.reshape(len(rows), len(wanted)),
        np.array([row[1] for row in rows], dtype=np.int64) if label and not regression else None,
        np.array([row[2] for row in rows]) if subject else None,
        tuple(wanted),
        _values(path, np.array([row[1] for row in rows], dtype=np.float64)) if label and regression else None,
    )


def _class(text: str) -> int:
    return int(np.int64(text))


def _rows(
    reader: "csv.DictReader[str]",
    wanted: list[str],
    label: str | None,
    subject: str | None,
    path: Path,
    parse: Callable[[str], float],
) -> Iterator[tuple[list[float], float, str]]:
    for row in reader:
        if None in row:  # where the reader puts cells beyond the header
            raise InputError(f"{path}: a line has more cells than the header", where=f"{path}:{reader.line_num}")
        try:
            values = [float(row[name]) for name in wanted]
            number = parse(row[label]) if label else 0
            yield values, number, str(row[subject]) if subject else ""
        except (TypeError, ValueError, OverflowError) as error:
            raise InputError(
                f"{path}: a cell is empty or not a number",
                where=f"{path}:{reader.line_num}",
                hint="encode categories as numbers first",
            ) from error
