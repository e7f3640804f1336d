"""Membership: was this person's record among those that the table was made from?

Scores a record by the density of the synthetic table around it over that of a reference table of the same population
(van Breugel et al., 'Membership Inference Attacks against Synthetic Data through Overfitting Detection', AISTATS 2023,
arXiv 2302.12580), both densities from the distance to the nearest neighbour. Without a reference by the first alone.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from govtool.attacks import statistics
from govtool.attacks.interface import AttackResult, FloatArray, Outcome
from govtool.attacks.synthetic.interface import FAMILY, Tables, sample, whole
from govtool.attacks.synthetic.neighbours import metric_of
from govtool.attacks.synthetic.risk import ALWAYS

NAME = "membership"
RECORDS = 2000
MOST_NEIGHBOURS = 100


def run(tables: Tables, params: Mapping[str, Any], rng: np.random.Generator) -> Outcome:
    """Score at most `records` originals and as many control records."""
    chosen = sample(tables.originals, whole(params, "records", RECORDS), rng)
    compared = sample(tables.control, len(chosen), rng)
    asked = np.concatenate([tables.originals[chosen], tables.control[compared]])
    membership = np.repeat([True, False], [len(chosen), len(compared)])
    neighbours = whole(params, "neighbours", 1, most=MOST_NEIGHBOURS)
    scores = -_log_distance(tables, asked, tables.synthetic, neighbours, rng)
    if tables.reference is not None:
        scores = scores + _log_distance(tables, asked, tables.reference, neighbours, rng)
    _threshold, counts = statistics.held_out(scores, membership, rng)
    control = params.get("positive_control") or {"passed": None, "how": "not run"}
    known = " and a table of other people of the same kind" if tables.reference is not None else ""
    return AttackResult(
        attack=NAME,
        family=FAMILY,
        knowledge=f"The attacker holds the synthetic table{known} and whole records of the people in question.",
        access=frozenset(),
        metrics={"auc": statistics.auc(scores, membership), "balanced_accuracy": counts.balanced_accuracy()},
        baselines={"auc": 0.5, "balanced_accuracy": 0.5},
        counts=counts,
        arrays={"originals": chosen, "control": compared, "scores": scores, "membership": membership},
        detail={
            "roc": statistics.roc(scores, membership).to_dict(),
            "neighbours": neighbours,
            "reference": tables.reference is not None,
            "positive_control": dict(control),
        },
        caveats=[
            *(
                []
                if tables.reference is not None
                else ["Without a reference table the attack is weaker than it could be."]
            ),
            *ALWAYS,
        ],
        void=params.get("validity", ""),
    )


def _log_distance(
    tables: Tables, asked: FloatArray, table: FloatArray, neighbours: int, rng: np.random.Generator
) -> FloatArray:
    """(asked,) logarithm of the distance to the `neighbours`-th nearest row; of an exact copy, below every other."""
    found, _ = metric_of(tables).nearest(asked, table, neighbours, range(len(tables.names)), rng)
    far = found[:, -1]
    above = far[far > 0]
    floor = float(above.min()) / 2 if len(above) else 1.0
    return np.asarray(np.log(np.maximum(far, floor)), dtype=np.float64)


def check(params: Mapping[str, Any]) -> None:
    """Raises InputError: "records" or "neighbours" is no such number."""
    whole(params, "records", RECORDS)
    whole(params, "neighbours", 1, most=MOST_NEIGHBOURS)
