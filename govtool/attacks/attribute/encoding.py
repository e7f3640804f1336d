"""A sensitive attribute as a few candidate values: read them from records, and write them into records.

A candidate is a pattern over the attribute's columns, so a coded column, a one-hot group (also with a dropped column) and
a standardised one are all the same thing. A single column with too many values is cut at quantiles of the auxiliary
records, and each bin is asked about by its median.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from govtool.attacks.interface import Features, FloatArray, Labels, Sensitive
from govtool.errors import InputError

MOST_VALUES = 20
"""Candidates an attacker tries; a column with more distinct values is continuous."""
FEWEST_OF_A_VALUE = 5
"""Auxiliary records with a value, below which nobody can learn to infer it."""
UNKNOWN = -1


@dataclass(frozen=True)
class Encoding:
    """The candidates of one attribute, in a fixed order: code c is `patterns[c]`, called `names[c]`."""

    name: str
    columns: tuple[int, ...]
    patterns: Features
    """(values, columns of the attribute)."""
    names: tuple[str, ...]
    edges: FloatArray | None = None
    """(values - 1,) inner edges of the bins of a continuous column."""

    @property
    def values(self) -> int:
        return len(self.patterns)

    def codes(self, features: Features) -> Labels:
        """(n,) which candidate each of the (n, d) records holds; -1 where it holds none of them."""
        held = features[:, list(self.columns)]
        if self.edges is not None:
            return np.searchsorted(self.edges, held[:, 0].astype(np.float64), side="right").astype(np.int64)
        found = np.full(len(features), UNKNOWN, dtype=np.int64)
        for code, pattern in enumerate(self.patterns):
            found[(held == pattern).all(axis=1)] = code
        return found

    def others(self, features: Features) -> Features:
        """(n, d - columns): all that the attacker knows of the features."""
        return np.delete(features, list(self.columns), axis=1)

    def with_value(self, features: Features, code: int) -> Features:
        """A copy of the (n, d) records in which everyone has candidate `code`."""
        changed = features.copy()
        changed[:, list(self.columns)] = self.patterns[code]
        return changed


def learn(sensitive: Sensitive, auxiliary: Features, names: Sequence[str]) -> Encoding:
    """The candidates, from the spec where it lists them, else from the (m, d) auxiliary records.

    Raises:
        InputError: a column that is not there, or a group of columns with too many combinations.
    """
    _check_columns(sensitive, auxiliary.shape[1])
    held = auxiliary[:, list(sensitive.columns)]
    if sensitive.values is not None:
        patterns = np.array([[value] for value in sensitive.values.values()], dtype=np.float32)
        return Encoding(sensitive.name, sensitive.columns, patterns, tuple(sensitive.values))
    patterns, counts = np.unique(held, axis=0, return_counts=True)
    if len(patterns) > MOST_VALUES:
        return _binned(sensitive, held)
    patterns = patterns[counts >= FEWEST_OF_A_VALUE]
    if len(sensitive.columns) > 1:
        patterns = patterns[::-1]  # the first column's value first
    return Encoding(sensitive.name, sensitive.columns, patterns, _named(sensitive, patterns, names))


def _check_columns(sensitive: Sensitive, width: int) -> None:
    where = f"sensitive attribute {sensitive.name!r}"
    if not sensitive.columns or len(set(sensitive.columns)) != len(sensitive.columns):
        raise InputError(f"{where}: name each of its columns once, and one at least")
    if outside := [column for column in sensitive.columns if not 0 <= column < width]:
        raise InputError(f"{where}: no column {outside[0]}; the records have {width} features")
    if len(sensitive.columns) >= width:
        raise InputError(f"{where}: no other feature is left to infer it from")
    if sensitive.values is not None and len(sensitive.columns) > 1:
        raise InputError(f"{where}: values are listed for a single column; those of a group are read from the records")


def _binned(sensitive: Sensitive, held: Features) -> Encoding:
    if len(sensitive.columns) > 1:
        raise InputError(
            f"sensitive attribute {sensitive.name!r}: its {len(sensitive.columns)} columns have more than {MOST_VALUES} "
            f"combinations",
            hint="a group encodes one attribute, for instance by one-hot columns; name others separately",
        )
    values = held[:, 0].astype(np.float64)
    edges = _edges(values, sensitive.bins)
    codes = np.searchsorted(edges, values, side="right")
    middles = np.array([[np.median(values[codes == code])] for code in range(len(edges) + 1)], dtype=np.float32)
    return Encoding(sensitive.name, sensitive.columns, middles, _ranges(values[codes == 0], edges), edges)


def _ranges(lowest: FloatArray, edges: FloatArray) -> tuple[str, ...]:
    """Names of the bins. Where the first holds one value only, the next is named by that and not by a single record's."""
    if lowest.max() == lowest.min():
        names, start = [f"{lowest.min():.4g}"], f"more than {lowest.min():.4g}"
    else:
        names, start = [f"below {edges[0]:.4g}"], f"{edges[0]:.4g}"
    starts = [start, *(f"{edge:.4g}" for edge in edges[1:])]
    inner = [f"{low} to {high:.4g}" for low, high in zip(starts, edges[1:], strict=False)]
    last = starts[-1] if starts[-1].startswith("more") else f"{starts[-1]} and more"
    return (*names, *inner, last)


def _edges(values: FloatArray, bins: int) -> FloatArray:
    """Inner edges of at most so many bins, each with a record: quantiles that are values themselves.

    Where so many hold the least value that a quantile is that, as with gains or debts, the bin above it begins with the next
    value, so that having any is told from having none.
    """
    edges = np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1], method="higher")
    above = values[values > values.min()].min()
    return np.unique(np.maximum(edges, above))


def _named(sensitive: Sensitive, patterns: Features, names: Sequence[str]) -> tuple[str, ...]:
    """Values by number; those of a one-hot group by the column that is up, 'none of them' where none is."""
    if len(sensitive.columns) == 1:
        return tuple(f"{pattern[0]:g}" for pattern in patterns)
    low = patterns.min(axis=0) if len(patterns) else np.zeros(len(sensitive.columns))
    shown = [
        "+".join(column_name(column, names) for column, up in zip(sensitive.columns, pattern > low, strict=True) if up)
        for pattern in patterns
    ]
    return tuple(text or "none of them" for text in shown)


def column_name(column: int, names: Sequence[str]) -> str:
    return names[column] if names else f"column {column}"
