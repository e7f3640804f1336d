"""Reference models: what the target would have been, had other records been in its training set."""

from dataclasses import dataclass

import numpy as np

from govtool import runtime
from govtool.attacks import signals
from govtool.attacks.interface import AttackData, FloatArray, Labels, Mask, References, Target
from govtool.audits import ensemble
from govtool.audits.recipe import Recipe


@dataclass(frozen=True)
class Trained:
    """References for the records' own labels, and for the labels that the positive control uses instead."""

    references: References
    control: References | None
    seeds: list[int]


def halves(count: int, records: int, seed: int) -> Mask:
    """(count, records): random halves in complementary pairs, so every record is in exactly count / 2 of them."""
    masks = np.zeros((count, records), dtype=bool)
    for pair in range(count // 2):
        order = runtime.rng(seed, f"halves-{pair}").permutation(records)
        masks[2 * pair, order[: records // 2]] = True
        masks[2 * pair + 1] = ~masks[2 * pair]
    return masks


def train_references(
    recipe: Recipe,
    target: Target,
    data: AttackData,
    *,
    count: int,
    seed: int,
    control_labels: Labels | None,
    training_records: int | None,
    progress: ensemble.Progress,
) -> Trained:
    """Train `count` (even) references on halves of members and non-members, and ask them about every record.

    `training_records` is how many the target was trained on; None where lineage does not say.

    Raises:
        InputError: the recipe does not fit the data.
        MissingExtraError: torch or scikit-learn is not installed.
    """
    masks = halves(count, len(data.labels), seed)
    seeds = ensemble.seeds_for(seed, count)
    population = data.population
    asked = data.features if population is None else np.concatenate([data.features, population.features])
    answers = ensemble.train_and_ask(
        recipe,
        data.features,
        data.labels,
        [np.flatnonzero(mask) for mask in masks],
        seeds,
        target.n_classes,
        asked,
        progress,
    )
    audited = [answer[: len(data.labels)] for answer in answers]
    outside = [
        np.zeros(0)
        if population is None
        else signals.label_log_probability(answer[len(data.labels) :], population.labels)
        for answer in answers
    ]

    def about(labels: Labels, mismatch: dict[str, float]) -> References:
        return References(
            np.stack([signals.label_log_probability(answer, labels) for answer in audited]),
            np.stack([signals.phi(answer, labels) for answer in audited]),
            masks,
            np.stack(outside),
            mismatch,
        )

    measured = mismatch(target, data, audited, masks, training_records)
    return Trained(about(data.labels, measured), None if control_labels is None else about(control_labels, {}), seeds)


def mismatch(
    target: Target, data: AttackData, answers: list[FloatArray], masks: Mask, training_records: int | None
) -> dict[str, float]:
    """How the references differ from the target: accuracy on what each trained on and on what it did not, and sizes.

    Gaps are references minus target, in shares of records; the ratio is references to target, absent where the number of
    records that the target was trained on is not known.
    """
    right = target.labels(data.features) == data.labels
    correct = np.stack([answer.argmax(axis=1) == data.labels for answer in answers])
    members = len(data.members)
    train_gap = float(correct[masks].mean() - right[:members].mean())
    test_gap = float(correct[~masks].mean() - right[members:].mean())
    return {
        "train_accuracy_gap": train_gap,
        "test_accuracy_gap": test_gap,
        **({"training_records_ratio": float(masks[0].sum() / training_records)} if training_records else {}),
    }
