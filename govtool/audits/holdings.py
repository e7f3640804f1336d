"""Whose records a model version was made from, by lineage, as sets that can be compared and not be read.

People and records are kept as keyed digests (BLAKE2b, RFC 7693) under a key that lives as long as one question: two sets
made under one key can be intersected, and nobody can look a name up in them later. Comparing is sorting, so its cost
grows with the number of records and never with its square.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from govtool import runtime
from govtool.errors import EvidenceError, InputError
from govtool.registry.datafile import read_table
from govtool.registry.lineage import ONLY_CHECKED, SYNTHESISED
from govtool.registry.models import DatasetVersion, LineageEdge, ModelVersion

Digests = NDArray[np.uint64]
"""Sorted and different. 64 bits: two sets of a million meet by chance once in about 20 million questions."""

_NOBODY: Digests = np.zeros(0, dtype=np.uint64)


@dataclass(frozen=True)
class Sets:
    """One dataset file: who its records are about, None where it does not say, and the records themselves."""

    people: Digests | None
    records: Digests


@dataclass(frozen=True)
class Holding:
    """What went into one model version."""

    people: Digests
    records: Digests
    through: tuple[str, ...]
    """Datasets that people were read from although only something made from them was trained on, such as synthetic data."""
    silent: tuple[str, ...]
    """Datasets that went in and do not say whose records they are: there may be more people."""
    unread: Mapping[str, str] = field(default_factory=dict)
    """Datasets that could not be compared, and why."""


class Reader:
    """Reads each dataset once, under one key."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._key = runtime.new_key()
        self._made_from: dict[str, list[LineageEdge]] = {}
        for edge in session.scalars(sa.select(LineageEdge).order_by(LineageEdge.ledger_index)):
            if edge.relation not in ONLY_CHECKED:
                self._made_from.setdefault(edge.src_id, []).append(edge)
        self._read: dict[str, Sets | str] = {}

    def holding(self, version: ModelVersion) -> Holding:
        """What the version was trained on, and for data that names nobody, or nobody real, what that was made from.

        A dataset's ancestors hold more people than it does, so they are asked only where it cannot answer itself.
        """
        trained = self._datasets_of(version.id)
        sources: dict[str, DatasetVersion] = {}
        silent: dict[str, str] = {}
        for row in trained:
            named = self._named_in(row, set())
            sources |= {one.id: one for one in named}
            if not named:
                silent[row.id] = row.ref
        rows = {row.id: row for row in trained} | sources
        sets = {key: self._sets(row) for key, row in rows.items()}
        return Holding(
            people=_union(found.people for key in sources if isinstance(found := sets[key], Sets)),
            records=_union(found.records for row in trained if isinstance(found := sets[row.id], Sets)),
            through=tuple(sorted(row.ref for key, row in sources.items() if key not in {one.id for one in trained})),
            silent=tuple(sorted(silent.values())),
            unread={rows[key].ref: found for key, found in sets.items() if isinstance(found, str)},
        )

    def _datasets_of(self, version_id: str) -> list[DatasetVersion]:
        """The nearest datasets below a model, also below the models that it was made from."""
        found: dict[str, DatasetVersion] = {}
        seen, open_ = {version_id}, [version_id]
        while open_:
            for edge in self._made_from.get(open_.pop(), []):
                if edge.dst_kind == DatasetVersion.__tablename__:
                    found[edge.dst_id] = self._session.get_one(DatasetVersion, edge.dst_id)
                elif edge.dst_id not in seen:
                    seen.add(edge.dst_id)
                    open_.append(edge.dst_id)
        return list(found.values())

    def _named_in(self, row: DatasetVersion, seen: set[str]) -> list[DatasetVersion]:
        """The nearest datasets, from this one upward, that say whose records they are. Synthetic people are none."""
        if row.id in seen:
            return []
        seen.add(row.id)
        edges = self._made_from.get(row.id, [])
        if row.subject_column is not None and not any(edge.relation == SYNTHESISED for edge in edges):
            return [row]
        above: list[DatasetVersion] = []
        for edge in edges:
            if edge.dst_kind == DatasetVersion.__tablename__:
                above.append(self._session.get_one(DatasetVersion, edge.dst_id))
            else:
                above += self._datasets_of(edge.dst_id)
        return [found for parent in above for found in self._named_in(parent, seen)]

    def _sets(self, row: DatasetVersion) -> Sets | str:
        """The file as digests, or why it cannot be compared."""
        if row.id not in self._read:
            try:
                # As a regression: labels are no part of a record here, and any numbers will do.
                table = read_table(
                    Path(row.location),
                    label=row.label_column,
                    subject=row.subject_column,
                    expect=row.content_sha256,
                    regression=True,
                )
                self._read[row.id] = Sets(_people(table.subjects, self._key), _records(table.features, self._key))
            except EvidenceError:
                self._read[row.id] = "the file is not what was registered"
            except InputError:
                self._read[row.id] = "the file cannot be read"
        return self._read[row.id]


def shared(first: Digests, second: Digests) -> int:
    return int(np.intersect1d(first, second, assume_unique=True).size)


def _union(sets: Iterable[Digests | None]) -> Digests:
    return np.unique(np.concatenate([_NOBODY, *(one for one in sets if one is not None)]))


def _people(subjects: NDArray[Any] | None, key: bytes) -> Digests | None:
    """A blank names nobody."""
    if subjects is None:
        return None
    return _digests((name.encode() for name in set(map(str, subjects.tolist())) if name.strip()), key)


def _records(features: NDArray[np.float32], key: bytes) -> Digests:
    """By their features alone, in single precision; 0.0 and -0.0 are the same."""
    return _digests((row.tobytes() for row in np.ascontiguousarray(features + np.float32(0), dtype="<f4")), key)


def _digests(values: Iterable[bytes], key: bytes) -> Digests:
    found = b"".join(hashlib.blake2b(value, digest_size=8, key=key).digest() for value in values)
    return np.unique(np.frombuffer(found, dtype="<u8").astype(np.uint64))
