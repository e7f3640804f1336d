"""Which other columns give the attribute away without any model, by association measured on the auxiliary records.

Bias-corrected Cramer's V (Bergsma, 'A bias-correction for Cramer's V and Tschuprow's T', 2013) between the attribute and
each column: 0 unrelated, 1 the same. Columns with many values are cut at their deciles first.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from govtool.attacks.attribute.case import Case
from govtool.attacks.attribute.encoding import MOST_VALUES, column_name
from govtool.attacks.interface import FloatArray, Labels

MOST_LISTED = 8
LISTED = 0.1
STRONG = 0.3
_BINS = 10


def measure(case: Case, names: Sequence[str]) -> list[dict[str, Any]]:
    """The columns associated with the attribute by at least 0.1, strongest first, eight at the most."""
    features = case.auxiliary.features
    columns = [column for column in range(features.shape[1]) if column not in case.encoding.columns]
    found: list[dict[str, Any]] = [
        {"column": column_name(column, names), "association": association(features[:, column], case.known)}
        for column in columns
    ]
    found.append({"column": "the label", "association": association(case.auxiliary.labels, case.known)})
    kept = [one for one in found if one["association"] >= LISTED]
    return sorted(kept, key=lambda one: -one["association"])[:MOST_LISTED]


def strong(measured: Sequence[dict[str, Any]]) -> list[str]:
    return [f"{one['column']} ({one['association']:.2f})" for one in measured if one["association"] >= STRONG]


def association(values: Any, codes: Labels) -> float:
    """Bias-corrected Cramer's V of (m,) values with (m,) codes; 0 where either is constant."""
    table = _table(_categories(np.asarray(values, dtype=np.float64)), codes)
    n, (rows, columns) = table.sum(), table.shape
    if min(rows, columns) < 2 or n < 2:  # noqa: PLR2004 - a constant is related to nothing
        return 0.0
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True) / n
    squared = float(((table - expected) ** 2 / expected).sum()) / n
    corrected = max(0.0, squared - (rows - 1) * (columns - 1) / (n - 1))
    sides = (rows - (rows - 1) ** 2 / (n - 1), columns - (columns - 1) ** 2 / (n - 1))
    return min(1.0, float(np.sqrt(corrected / (min(sides) - 1)))) if min(sides) > 1 else 0.0


def _categories(values: FloatArray) -> Labels:
    found = np.unique(values, return_inverse=True)
    if len(found[0]) <= MOST_VALUES:
        return np.asarray(found[1], dtype=np.int64)
    edges = np.unique(np.quantile(values, np.linspace(0, 1, _BINS + 1)[1:-1]))
    return np.searchsorted(edges, values, side="right").astype(np.int64)


def _table(first: Labels, second: Labels) -> FloatArray:
    counts = np.zeros((int(first.max()) + 1, int(second.max()) + 1))
    np.add.at(counts, (first, second), 1)
    counts = counts[counts.sum(axis=1) > 0]
    return np.asarray(counts[:, counts.sum(axis=0) > 0], dtype=np.float64)
