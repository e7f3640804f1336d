"""What tabular models give away of their training records: precision where the model decides, and whole records.

python -m benchmarks.tabular_inversion              # scikit-learn's diabetes patients
"""

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from table import Row, show

from govtool.access import Access
from govtool.attacks import validity
from govtool.attacks.catalog import ATTACKS
from govtool.attacks.interface import AttackData, AttackResult, Features, FloatArray, Labels, Records, Sensitive
from govtool.runtime import rng

REPEATS = 15
PATIENTS = 147


@dataclass(frozen=True)
class Fitted:
    """A scikit-learn classifier as a target."""

    model: Any
    n_classes: int
    access: frozenset[Access] = frozenset({Access.PROBABILITIES, Access.LABELS})

    def log_probabilities(self, features: Features) -> FloatArray:
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(self.model.predict_proba(features)), dtype=np.float64)

    def labels(self, features: Features) -> Labels:
        return np.asarray(self.model.predict(features), dtype=np.int64)

    def module(self) -> Any:
        raise NotImplementedError


def diabetes(seed: int) -> AttackData:
    """442 patients in three parts of 147; hidden is the sex, the label whether the disease went on faster than the median."""
    from sklearn.datasets import load_diabetes

    features, progress = load_diabetes(return_X_y=True)
    labels = (progress > np.median(progress)).astype(np.int64)
    parts = np.split(rng(seed, "diabetes").permutation(3 * PATIENTS), 3)
    records = [Records(features[rows].astype(np.float32), labels[rows]) for rows in parts]
    return AttackData(*records, sensitive=(Sensitive("sex", (1,)),))


def models(seed: int) -> dict[str, Any]:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.tree import DecisionTreeClassifier

    return {
        "full-depth tree": DecisionTreeClassifier(random_state=seed),
        "random forest": RandomForestClassifier(100, random_state=seed),
        "logistic": LogisticRegression(max_iter=1000),
    }


def decisions() -> Iterator[Row]:
    """Pooled over repeats: how often each model decides, and how often it is right then, inside and outside."""
    for name in models(0):
        started = time.process_time()
        counted = dict.fromkeys(
            ((group, what) for group in (True, False) for what in ("n", "where", "right", "imputed")), 0
        )
        for seed in range(REPEATS):
            data = diabetes(seed)
            model = models(seed)[name].fit(data.members.features, data.members.labels)
            params = {"validity": validity.check(data, rng(seed, "validity"))}
            found = ATTACKS["attribute_bayes"].run(Fitted(model, 2), data, params, rng(seed, "attack"))
            assert isinstance(found, AttackResult)
            for group in (True, False):
                held = found.arrays["membership"] == group
                where = held & found.arrays["decided_0"]
                counted[group, "n"] += int(held.sum())
                counted[group, "where"] += int(where.sum())
                counted[group, "right"] += int(found.arrays["decided_right_0"][where].sum())
                counted[group, "imputed"] += int(found.arrays["imputation_right_0"][where].sum())
        for group, words in ((True, "members"), (False, "others")):
            where = counted[group, "where"]
            share = f"decided about {where} of {counted[group, 'n']} ({where / counted[group, 'n']:.1%})"
            imputed = f"imputation on the same {counted[group, 'imputed'] / where:.3f}"
            yield Row(f"diabetes sex, {name}: {words}", counted[group, "right"] / where, "right", f"{share}; {imputed}")
        yield Row(f"diabetes sex, {name}", time.process_time() - started, "CPU-s", f"{REPEATS} repeats")


def rows(_folder: str | None = None) -> Iterator[Row]:
    yield from decisions()


if __name__ == "__main__":
    show(rows(sys.argv[1] if len(sys.argv) > 1 else None))
