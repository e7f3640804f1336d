"""Linkability: can two halves of what is known of a person be joined through the synthetic table?

Giomi et al., PoPETs 2023, section 5.2. Each half picks its nearest synthetic rows by its own columns; where both pick the
same row, the halves are said to be of one person.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from govtool.attacks.interface import FloatArray, Mask, NotTestable, Outcome
from govtool.attacks.synthetic import risk
from govtool.attacks.synthetic.interface import Tables, columns_named, list_of_names, sample, whole
from govtool.attacks.synthetic.neighbours import Metric, metric_of
from govtool.errors import InputError
from govtool.estimate import Counts

NAME = "linkability"
RECORDS = 2000
MOST_NEIGHBOURS = 100
"""That a spec may ask for."""
CHANCE = 0.02
"""Success of blind guessing for which the number of neighbours is chosen: enough that guessing is seen to work."""
_MOST_USUAL = 10


def run(tables: Tables, params: Mapping[str, Any], rng: np.random.Generator) -> Outcome:
    """Link the halves of originals and of control records.

    Raises:
        InputError: `views` are not two disjoint lists of columns.
    """
    if len(tables.names) < 2:  # noqa: PLR2004 - two halves
        return NotTestable("the table has one column, so nothing could be linked")
    halves = _halves(tables, params)
    size = len(tables.synthetic)
    neighbours = whole(params, "neighbours", _usual_neighbours(size), most=MOST_NEIGHBOURS)
    metric = metric_of(tables)
    chosen = sample(tables.originals, whole(params, "records", RECORDS), rng)
    compared = sample(tables.control, len(chosen), rng)
    hits = linked(metric, tables.originals[chosen], tables.synthetic, halves, neighbours, rng)
    control_hits = linked(metric, tables.control[compared], tables.synthetic, halves, neighbours, rng)
    counts = Counts(int(hits.sum()), len(hits), int(control_hits.sum()), len(control_hits))
    return risk.assess(
        attack=NAME,
        knowledge="The attacker holds the synthetic table and two separate lists with different columns about each person.",
        parts=[risk.Part(NAME, counts, chance(size, neighbours))],
        params=params,
        arrays={"originals": chosen, "control": compared, "hits": hits, "control_hits": control_hits},
        detail={"views": [[tables.names[c] for c in half] for half in halves], "neighbours": neighbours},
    )


def linked(
    metric: Metric,
    asked: FloatArray,
    table: FloatArray,
    halves: tuple[list[int], list[int]],
    neighbours: int,
    rng: np.random.Generator,
) -> Mask:
    """(asked,) whether both halves of a record have a nearest row in common."""
    _, left = metric.nearest(asked, table, neighbours, halves[0], rng)
    _, right = metric.nearest(asked, table, neighbours, halves[1], rng)
    return np.asarray((left[:, :, None] == right[:, None, :]).any(axis=(1, 2)))


def chance(size: int, neighbours: int) -> float:
    """That two random sets of `neighbours` out of `size` rows meet."""
    if 2 * neighbours > size:
        return 1.0
    return -math.expm1(sum(math.log1p(-neighbours / (size - i)) for i in range(neighbours)))


def _usual_neighbours(size: int) -> int:
    return max(1, min(_MOST_USUAL, round(math.sqrt(CHANCE * size))))


def _halves(tables: Tables, params: Mapping[str, Any]) -> tuple[list[int], list[int]]:
    """The spec's views; else columns dealt out in turn, the most telling (with most different values) first."""
    views = params.get("views")
    if views is None:
        telling = [-len(np.unique(column)) for column in tables.synthetic.T]
        order = sorted(range(len(telling)), key=lambda column: (telling[column], tables.names[column]))
        return order[::2], order[1::2]
    check(params)
    left, right = (columns_named(tables, view, "views") for view in views)
    return left, right


def check(params: Mapping[str, Any]) -> None:
    """Raises InputError: "views" are not two disjoint lists of names, or "neighbours" or "records" is no such number."""
    whole(params, "neighbours", 1, most=MOST_NEIGHBOURS)
    whole(params, "records", RECORDS)
    views = params.get("views")
    if views is None:
        return
    if not isinstance(views, list) or len(views) != 2:  # noqa: PLR2004 - two halves
        raise InputError("views must be two lists of column names", hint="views: [[age, sex], [town, job]]")
    left, right = (list_of_names(view, "views") for view in views)
    if set(left) & set(right):
        raise InputError("views: a column stands in both halves")
