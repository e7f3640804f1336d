"""A classifier that has learnt from shadow models what answers about members look like.

Shokri, Stronati, Song & Shmatikov, 'Membership Inference Attacks Against Machine Learning Models' (S&P 2017, arXiv
1610.05820). They train one classifier per class on the sorted answer; here it is one with the class as a feature, on
what `signals.READINGS` sums the answer up to, so that rare classes borrow from the others.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from govtool.attacks import signals
from govtool.attacks.interface import AttackData, FloatArray, Labels, Outcome, References, Target
from govtool.attacks.membership import answers, assembly
from govtool.errors import MissingExtraError

NAME = "shadow_classifier"
_MOST_ROWS = 200_000
_MOST_CATEGORIES = 255
"""What a categorical feature of scikit-learn's boosting may hold."""


def inputs(readings: Mapping[str, FloatArray], labels: Labels) -> FloatArray:
    """(n, readings + 1) what the classifier sees of each record."""
    return np.column_stack([*(readings[name] for name in signals.READINGS), labels.astype(np.float64)])


def examples(references: References, labels: Labels, rng: np.random.Generator) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Inputs and membership from as many (reference, record) pairs as are worth learning from, the same of each reference."""
    each = min(len(labels), _MOST_ROWS // references.count)
    chosen = [np.sort(rng.choice(len(labels), each, replace=False)) for _ in range(references.count)]
    rows = [
        inputs(
            {name: np.asarray(values[row][columns]) for name, values in references.readings.items()}, labels[columns]
        )
        for row, columns in enumerate(chosen)
    ]
    inside = [references.members[row][columns] for row, columns in enumerate(chosen)]
    return np.concatenate(rows), np.concatenate(inside)


def run(target: Target, data: AttackData, params: Mapping[str, Any], rng: np.random.Generator) -> Outcome:
    """Train on the references' readings of their own members and non-members, then ask about the target's.

    Raises:
        WorkError: the target's answers are not log probabilities.
        InputError: the reference arrays do not fit the records.
        MissingExtraError: scikit-learn is not installed.
    """
    if (obstacle := assembly.obstacle(target, data) or assembly.reference_obstacle(data, fewest=2)) is not None:
        return obstacle
    assert data.references is not None
    features, inside = examples(data.references, data.labels, rng)
    model = _classifier(int(data.labels.max()) + 1, rng).fit(features, inside)
    seen = inputs(answers.asked(target, data, params).audited, data.labels)
    return assembly.assess(
        attack=NAME,
        knowledge=(
            f"The attacker can query the model, sees full probabilities, and has learnt from {data.references.count} models "
            f"trained on similar data what answers about training records look like."
        ),
        data=data,
        scores=np.asarray(model.decision_function(seen), dtype=np.float64),
        threshold=assembly.Threshold(0.0, "even odds by the classifier, which has seen as many members as non-members"),
        params=params,
        rng=rng,
        detail={"examples": len(inside)},
        caveats=[
            "The attack does not allow for records that are easy for every model; reference-based attacks find more."
        ],
    )


def _classifier(classes: int, rng: np.random.Generator) -> Any:
    try:
        from sklearn.ensemble import HistGradientBoostingClassifier
    except ModuleNotFoundError as error:
        raise MissingExtraError("attacks", "the shadow-model classifier") from error
    return HistGradientBoostingClassifier(
        max_iter=60,
        max_leaf_nodes=15,
        min_samples_leaf=50,
        early_stopping=False,
        categorical_features=[len(signals.READINGS)] if classes <= _MOST_CATEGORIES else None,
        random_state=int(rng.integers(2**31)),
    )
