"""What attacks on a synthetic table are given. No model is asked: the table itself is what outsiders hold."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from govtool.attacks import values
from govtool.attacks.interface import FloatArray, Mask, Outcome
from govtool.errors import InputError

FAMILY = "synthetic_data"
FEWEST = 20
"""Rows of each table below which nothing is attacked."""
MOST_CATEGORIES = 20
"""A column of whole numbers with at most so many different values counts as categories."""

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Tables:
    """A synthetic table beside the records it was made from and records that it was not made from.

    All have the columns `names`: (rows, columns) float64. In `categorical` columns values are only equal or not.
    """

    synthetic: FloatArray
    originals: FloatArray
    control: FloatArray
    """Of the same kind of people as the originals, never shown to the synthesiser."""
    names: tuple[str, ...]
    categorical: Mask
    reference: FloatArray | None = None
    """A third set of such records, for attackers who know the population."""

    def __post_init__(self) -> None:
        for name, rows in (("synthetic", self.synthetic), ("originals", self.originals), ("control", self.control)):
            if rows.ndim != 2 or rows.shape[1] != len(self.names):  # noqa: PLR2004 - a table
                raise InputError(f"{name}: {rows.shape} is not a table of {len(self.names)} columns")
            if len(rows) < FEWEST:
                raise InputError(f"{name}: {len(rows)} rows are too few", hint=f"give at least {FEWEST}")
            if not np.isfinite(rows).all():
                raise InputError(f"{name}: missing or infinite values", hint="impute or drop them first")

    def with_copies(self, share: float, rng: np.random.Generator) -> "Tables":
        """The same with copies of a random `share` of the originals added to the synthetic table: a leak for certain."""
        copied = self.originals[sample(self.originals, round(share * len(self.originals)), rng)]
        return replace(self, synthetic=np.concatenate([self.synthetic, copied]))


RunSynthetic = Callable[[Tables, Mapping[str, Any], np.random.Generator], Outcome]


@dataclass(frozen=True)
class SyntheticAttack:
    """A catalogue entry."""

    name: str
    summary: str
    reference: str
    headline: str
    """The metric that sums it up; above its baseline it is a leak."""
    run: RunSynthetic
    params: frozenset[str] = frozenset()
    check: values.Check = values.nothing
    """As of other attacks: called with what a spec sets, before any work."""


def guess_kinds(*tables: FloatArray) -> Mask:
    """(columns,) whether a column holds categories: whole numbers, at most `MOST_CATEGORIES` different ones in all."""
    joined = np.concatenate(tables)
    return np.array([bool((c == np.round(c)).all()) and len(np.unique(c)) <= MOST_CATEGORIES for c in joined.T])


def sorted_rows(table: FloatArray) -> Rows:
    """Row numbers by content, so that the order in which rows were stored cannot change a figure."""
    return np.lexsort(table.T[::-1]).astype(np.int64)


def sample(table: FloatArray, count: int, rng: np.random.Generator) -> Rows:
    """At most `count` row numbers at random, drawn from the rows as sorted by content."""
    return sorted_rows(table)[rng.permutation(len(table))[:count]]


def whole(params: Mapping[str, Any], name: str, default: int, most: int = 1_000_000) -> int:
    """A whole-number parameter.

    Raises:
        InputError: not a whole number from 1 to `most`.
    """
    return values.whole(name, params.get(name, default), 1, most)


def list_of_names(names: Any, what: str) -> list[str]:
    """Raises InputError: not a list of different names, or an empty one."""
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise InputError(f"{what} must be a list of column names, not {names!r}")
    if len(set(names)) != len(names):
        raise InputError(f"{what}: a column is named twice")
    return names


def columns_named(tables: Tables, names: Any, what: str) -> list[int]:
    """Positions of columns by name.

    Raises:
        InputError: not a list of names, an unknown or repeated one.
    """
    if unknown := [name for name in list_of_names(names, what) if name not in tables.names]:
        raise InputError(f"{what}: no column {unknown[0]!r}", hint=f"there are: {', '.join(tables.names)}")
    return [tables.names.index(name) for name in names]
