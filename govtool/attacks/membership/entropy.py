"""A model is surer of what it was trained on: prediction entropy, without the label and with it, a threshold per class.

Song & Mittal, 'Systematic Evaluation of Privacy Risks of Machine Learning Models' (USENIX Security 2021, arXiv
2003.10595), sections 3.2 and 3.3. The thresholds come from reference models on their own training records.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from govtool.attacks import statistics
from govtool.attacks.interface import AttackData, FloatArray, Labels, Mask, Outcome, References, Target
from govtool.attacks.membership import answers, assembly

SHARE = 50.0
"""Records of a class that weigh as much as all other classes together when its threshold is set."""

_MOST = 16


def run_entropy(target: Target, data: AttackData, params: Mapping[str, Any], rng: np.random.Generator) -> Outcome:
    """Score by minus the entropy of the answer; the label only chooses the threshold.

    Raises:
        WorkError: the target's answers are not log probabilities.
        InputError: the reference arrays do not fit the records.
    """
    return _run("entropy", target, data, params, rng)


def run_modified_entropy(
    target: Target, data: AttackData, params: Mapping[str, Any], rng: np.random.Generator
) -> Outcome:
    """Score by minus the modified entropy (equation 8), which is low only where the answer is sure and right.

    Raises:
        WorkError: the target's answers are not log probabilities.
        InputError: the reference arrays do not fit the records.
    """
    return _run("modified_entropy", target, data, params, rng)


def class_thresholds(scores: FloatArray, members: Mask, labels: Labels) -> FloatArray:
    """(classes,) the best threshold of each class, from (references, records) scores; each the median over references.

    Drawn towards the threshold for all records by `SHARE` records' worth, and equal to it for a class that no reference
    holds both inside and outside its training set.
    """
    rows = list(zip(scores, members, strict=True))
    common = float(np.median([statistics.best_threshold(row, inside) for row, inside in rows]))
    found = np.full(int(labels.max()) + 1, common)
    order = np.argsort(labels, kind="stable")
    starts = np.searchsorted(labels[order], np.arange(len(found) + 1))
    for label, (start, stop) in enumerate(pairwise(starts)):
        chosen = order[start:stop]
        mixed = [(row[chosen], inside[chosen]) for row, inside in rows]
        best = [statistics.best_threshold(row, inside) for row, inside in mixed if inside.any() and not inside.all()]
        if best:
            weight = len(chosen) / (len(chosen) + SHARE)
            found[label] = weight * float(np.median(best)) + (1 - weight) * common
    return found


def _run(name: str, target: Target, data: AttackData, params: Mapping[str, Any], rng: np.random.Generator) -> Outcome:
    if (obstacle := assembly.obstacle(target, data)) is not None:
        return obstacle
    asked = answers.asked(target, data, params)
    scores, lines = -asked.audited[name], np.zeros(len(data.labels))
    threshold, caveats = None, ["The attack does not allow for records that are easy for every model."]
    if data.references is not None:
        lines = _lines(name, data.references, data.labels)
        threshold = assembly.Threshold(
            0.0, f"a threshold per class from {data.references.count} reference models, subtracted from the scores"
        )
    elif asked.population:
        median = float(np.median(-asked.population[name]))
        threshold = assembly.Threshold(median, f"median score of {len(asked.population[name])} population records")
    else:
        caveats.append(
            "Without reference models or population records no threshold could be set, so no accuracy is given."
        )
    return assembly.assess(
        attack=name,
        knowledge=_knowledge(data.references),
        data=data,
        scores=scores - lines,
        threshold=threshold,
        params=params,
        rng=rng,
        arrays={"raw_scores": scores},
        caveats=caveats,
    )


def _lines(name: str, references: References, labels: Labels) -> FloatArray:
    """(records,) each record's class threshold."""
    scores = -np.asarray(references.readings[name][:_MOST], dtype=np.float64)
    return class_thresholds(scores, references.members[:_MOST], labels)[labels]


def _knowledge(references: References | None) -> str:
    start = "The attacker can query the model and sees full probabilities"
    if references is None:
        return f"{start}."
    return f"{start}, and sets a threshold per class on {references.count} reference models trained on similar data."
