"""Whether a judge may be heard: it must know real records, and must not find a label that is not there."""

from collections.abc import Sequence
from dataclasses import dataclass

from govtool.attacks.interface import FloatArray, Labels
from govtool.attacks.inversion.judges import Judge, train_panel
from govtool.attacks.inversion.question import Shape
from govtool.estimate import Estimate, clopper_pearson

ACCURATE = 0.80
"""A judge must name at least this share of real records."""
SHIFTED = 3.0
"""A judge that finds label-shifted reconstructions right more often than this many times chance is seeing things."""
FOLDS = 3


@dataclass(frozen=True)
class Known:
    """How well a judge names real records that it did not learn from."""

    accuracy: Estimate
    on: str
    """Which records those were."""


def knowledge(
    panel: Sequence[Judge],
    units: FloatArray,
    labels: Labels,
    members: tuple[FloatArray, Labels],
    shape: Shape | None,
    seed: int = 0,
) -> list[Known]:
    """How well each judge, trained on (n, features) `units`, names real records.

    Asked first about the target's training records, which no judge learnt from. Labels there may be wrong, as a model can
    be made to memorise wrong labels, and that says nothing about the judge: where too few are named, all judges are
    cross-validated on the records they learn from, and the better figure counts. Either can only be too low, the second
    because a panel that is tested on a fold learns from the rest alone.
    """
    found = [Known(judge.rate(*members), "training records of the target") for judge in panel]
    if all(known.accuracy.value >= ACCURATE for known in found):
        return found
    again = [Known(rate, "evaluation records, cross-validated") for rate in held_out(units, labels, shape, seed)]
    return [max(pair, key=lambda known: known.accuracy.value) for pair in zip(found, again, strict=True)]


def held_out(units: FloatArray, labels: Labels, shape: Shape | None, seed: int = 0) -> list[Estimate]:
    """Each judge's accuracy on records that it did not learn from: `FOLDS` panels, each asked about the fold left out."""
    from sklearn.model_selection import StratifiedKFold

    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    hits = [
        [judge.hits(units[asked], labels[asked]) for judge in train_panel(units[learned], labels[learned], shape, seed)]
        for learned, asked in folds.split(units, labels)
    ]
    return [clopper_pearson(sum(of_judge), len(labels)) for of_judge in zip(*hits, strict=True)]


def excluded(real: Estimate, shifted: Estimate, chance: float) -> str:
    """Why a judge must not be heard; empty when it may.

    A judge without fault finds a shifted label by chance alone, one time in as many as there are classes, and more than
    three times chance in 1 to 2 % of cases whatever their number. The rate must lie above chance for sure as well, which
    of four classes or more it then always does; of two or three, no rate is more than three times chance.
    """
    if real.value < ACCURATE:
        return f"names only {real.value:.0%} of real records (at least {ACCURATE:.0%} wanted)"
    if shifted.value > SHIFTED * chance and shifted.low > chance:
        return f"finds the wrong label in {shifted.value:.0%} of reconstructions (chance {chance:.0%})"
    return ""
