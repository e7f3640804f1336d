"""Answers that somebody exported, without the model: all that can be had of a vendor's model, or one made in R.

A .csv is read by `scores_csv`. The .npz holds, record by record in the order of the datasets:

- ``member_probabilities`` or ``member_logits`` (n, classes), and ``member_labels`` (n,), the true classes;
- ``nonmember_probabilities`` or ``nonmember_logits``, and ``nonmember_labels``;
- optionally ``population_probabilities`` or ``population_logits``, and ``population_labels``.

A record is asked for by its index, counted through members, non-members and population, as its only feature.
"""

from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np

from govtool.access import Access, reachable
from govtool.attacks.interface import Features, FloatArray, Labels, Records
from govtool.audits.targets import base, scores_csv
from govtool.errors import InputError, WorkError
from govtool.registry import npzfile

GROUPS = scores_csv.GROUPS
_MOST = 1 << 24  # indices above are not exact in float32


@dataclass(frozen=True)
class ScoresTarget:
    """Answers for the exported records and no others."""

    answers: FloatArray
    """(records, classes) log probabilities of all groups, one after the other."""
    access: frozenset[Access]

    @property
    def n_classes(self) -> int:
        return int(self.answers.shape[1])

    def log_probabilities(self, features: Features) -> FloatArray:
        index = features[:, 0].astype(np.int64)
        if features.shape[1] != 1 or not ((index >= 0) & (index < len(self.answers))).all():
            raise WorkError("only exported scores are here, so no other record can be asked about")
        return np.asarray(self.answers[index], dtype=np.float64)

    def labels(self, features: Features) -> Labels:
        return np.asarray(self.log_probabilities(features).argmax(axis=1), dtype=np.int64)

    def module(self) -> Any:
        raise WorkError("only exported scores are here, not the model")


@dataclass(frozen=True)
class Scores:
    """An opened score file: the target and its records by index."""

    target: ScoresTarget
    groups: dict[str, Records]


def open_scores(data: bytes, where: str) -> Scores:
    """Read and check a score file.

    Raises:
        InputError: not plain arrays, one missing, or content that is not what its name says.
    """
    arrays = scores_csv.arrays(data, where) if where.endswith(".csv") else npzfile.read(BytesIO(data), where)
    known = {f"{group}_{kind}" for group in GROUPS for kind in ("probabilities", "logits", "labels")}
    if unknown := sorted(set(arrays) - known):
        raise InputError(
            f"unknown arrays: {', '.join(unknown)}", where=where, hint=f"known: {', '.join(sorted(known))}"
        )
    answers: list[FloatArray] = []
    groups: dict[str, Records] = {}
    soft: set[str] = set()
    for group in GROUPS:
        if group == "population" and not any(name.startswith("population") for name in arrays):
            continue
        name, labels = _names(arrays, group, where)
        values = base.declared(arrays[name], name, where)
        soft.add(name.rpartition("_")[2])
        start = sum(map(len, answers))
        groups[group] = _records(start, arrays[labels], values, labels, where)
        answers.append(values)
    if len({part.shape[1] for part in answers}) != 1:
        raise InputError("the groups have different numbers of classes", where=where)
    exposed = Access.LOGITS if soft == {"logits"} else Access.PROBABILITIES
    return Scores(ScoresTarget(np.concatenate(answers), reachable(frozenset({exposed}))), groups)


def _names(arrays: dict[str, Any], group: str, where: str) -> tuple[str, str]:
    found = [name for name in (f"{group}_probabilities", f"{group}_logits") if name in arrays]
    if len(found) != 1:
        raise InputError(f"give exactly one of {group}_probabilities and {group}_logits", where=where)
    if f"{group}_labels" not in arrays:
        raise InputError(
            f"the array {group}_labels is missing", where=where, hint="the true class of each record, from 0"
        )
    return found[0], f"{group}_labels"


def _records(start: int, labels: Any, values: FloatArray, name: str, where: str) -> Records:
    count = len(values)
    if labels.shape != (count,) or labels.dtype.kind not in "iu" or not count:
        raise InputError(f"{name} must be {count} whole numbers, and more than none", where=where)
    if labels.min() < 0 or labels.max() >= values.shape[1]:
        raise InputError(f"{name} names classes outside 0 to {values.shape[1] - 1}", where=where)
    if start + count > _MOST:
        raise InputError(f"more than {_MOST} records", where=where, hint="export a random sample")
    return Records(np.arange(start, start + count, dtype=np.float32)[:, None], labels.astype(np.int64))
