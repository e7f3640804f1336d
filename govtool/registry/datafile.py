"""Reads tabular records from .npz and .csv. The digest of what was read is checked against the registry's."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from govtool.digest import Sha256, sha256_file
from govtool.errors import EvidenceError, InputError

MEDIA_TYPES = {".npz": "application/vnd.numpy.npz", ".csv": "text/csv"}


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

    Raises:
        InputError: absent, unreadable, wrong shape, a cell that is not a number (with its line).
        EvidenceError: the file's digest is not `expect`.
    """
    if path.suffix not in MEDIA_TYPES:
        raise InputError(f"{path}: unknown kind of data file", hint=f"known: {', '.join(MEDIA_TYPES)}")
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    if expect is not None and (actual := sha256_file(path)) != expect:
        raise EvidenceError(
            f"{path} is not the registered dataset: its digest is {actual[:12]}…, registered was {expect[:12]}…",
            hint="register the changed file as a new version",
        )
    table = _read_npz(path, label, subject) if path.suffix == ".npz" else _read_csv(path, label, subject)
    if not len(table):
        raise InputError(f"{path}: no records")
    if not np.isfinite(table.features).all():
        raise InputError(
            f"{path}: missing or infinite feature values", hint="impute or drop them first, and say how in the dataset"
        )
    return table


def _read_npz(path: Path, label: str | None, subject: str | None) -> Table:
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in ("X", label, subject) if name is not None and name in archive}
    except (OSError, ValueError, EOFError) as error:  # zipfile.BadZipFile is an OSError's sibling; numpy wraps it
        raise InputError(f"{path}: not a readable .npz of plain arrays ({type(error).__name__})") from error
    for name in ("X", label, subject):
        if name is not None and name not in arrays:
            raise InputError(f"{path}: no array named {name!r}")
    features = arrays["X"]
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) != 1:
        raise InputError(f"{path}: arrays of different length: {lengths}")
    return Table(
        features.reshape(len(features), -1).astype(np.float32),
        arrays[label].astype(np.int64) if label else None,
        arrays[subject] if subject else None,
    )


def _read_csv(path: Path, label: str | None, subject: str | None) -> Table:
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            columns = list(reader.fieldnames or [])
            for name in (label, subject):
                if name is not None and name not in columns:
                    raise InputError(f"{path}: no column named {name!r}", where=f"{path}:1")
            wanted = [name for name in columns if name not in (label, subject)]
            rows = list(_rows(reader, wanted, label, subject, path))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a UTF-8 CSV file ({error})") from error
    return Table(
        np.array([row[0] for row in rows], dtype=np.float32).reshape(len(rows), len(wanted)),
        np.array([row[1] for row in rows], dtype=np.int64) if label else None,
        np.array([row[2] for row in rows]) if subject else None,
    )


def _rows(
    reader: "csv.DictReader[str]", wanted: list[str], label: str | None, subject: str | None, path: Path
) -> Iterator[tuple[list[float], int, str]]:
    for row in reader:
        try:
            values = [float(row[name]) for name in wanted]
            yield values, int(row[label]) if label else 0, str(row[subject]) if subject else ""
        except (TypeError, ValueError) as error:
            raise InputError(
                f"{path}: a cell is empty or not a number",
                where=f"{path}:{reader.line_num}",
                hint="encode categories as numbers first",
            ) from error
