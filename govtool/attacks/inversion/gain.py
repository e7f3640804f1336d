"""Does an ensemble show more than the leakiest of its members does alone? On the same classes, before the same judges.

A class counts as recovered where at least half of the judges heard name it. For each member the difference has Tango's
paired score interval (1998), which inverts McNemar's test. Which member is the leakiest is not known but seen on these
very classes, so nothing rests on that choice: the lower limit is the smallest over members, which needs no correction
(the ensemble must surely beat each of them: an intersection-union test, Berger 1982), and the upper limit is the smallest
upper limit at a level divided by the number of members (Bonferroni). McNemar's exact p is the largest over members.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from govtool.attacks.attribute import paired
from govtool.attacks.interface import Features, FloatArray, Mask
from govtool.attacks.inversion.panel import Case, Opinion
from govtool.attacks.inversion.question import Bounds
from govtool.estimate import Estimate, clopper_pearson

ALPHA = 0.05
METHOD = "Paired score interval (Tango): smallest lower limit over members, smallest upper limit with Bonferroni"


def report(case: Case, opinions: Sequence[Opinion], alone: Mapping[str, Features], bounds: Bounds) -> dict[str, Any]:
    """JSON: each member's rate beside the ensemble's, and the difference to the leakiest.

    `alone` holds (classes, ...) pictures drawn from one member each, in the model's own input space.
    """
    heard = [one for one in opinions if not one.excluded] or list(opinions)

    def recovered(rows: FloatArray) -> Mask:
        named = np.stack([one.judge.names(rows.reshape(len(rows), -1)) == case.labels for one in heard])
        return np.asarray(2 * named.sum(axis=0) >= len(heard))

    together = recovered(case.reconstructed)
    each = {name: recovered(bounds.to_units(rows)) for name, rows in alone.items()}
    n = len(case.labels)
    leakiest = max(each, key=lambda name: int(each[name].sum()))
    return {
        "together": clopper_pearson(int(together.sum()), n).to_dict(),
        "members": [
            {
                "model": name,
                "rate": clopper_pearson(int(found.sum()), n).to_dict(),
                "only_together": int((together & ~found).sum()),
                "only_alone": int((found & ~together).sum()),
            }
            for name, found in each.items()
        ],
        "leakiest": leakiest,
        "gain": difference(together, list(each.values())).to_dict(),
        "p_value": max(_mcnemar(together, found) for found in each.values()),
        "reading": reading(together, each),
    }


def difference(together: Mask, each: Sequence[Mask], confidence: float = 1 - ALPHA) -> Estimate:
    """The ensemble's rate less the best member's: (n,) classes recovered together, and by each member alone.

    Raises:
        ValueError: no member, or no classes.
    """
    if not each:
        raise ValueError("an ensemble has members")
    gains = [paired.gain(together, found) for found in each]
    stricter = 1 - (1 - confidence) / len(gains)
    return Estimate(
        min(gain.value for gain in gains),
        min(gain.limits(confidence)[0] for gain in gains),
        min(gain.limits(stricter)[1] for gain in gains),
        confidence,
        len(together),
        METHOD,
    )


def reading(together: Mask, each: Mapping[str, Mask]) -> str:
    """One sentence: more than the leakiest member, less, or not shown and why."""
    found, n = difference(together, list(each.values())), len(together)
    best = max(int(one.sum()) for one in each.values())
    name = next(name for name, one in each.items() if one.sum() == best)
    said = (
        f"{int(together.sum())} of {n} classes were recovered from the models together and {best} from the leakiest alone "
        f"({name}): {found.value * 100:+.0f} points ({found.low * 100:+.0f} to {found.high * 100:+.0f})"
    )
    if found.low > 0:
        return f"Together they leak more than their leakiest member: {said}."
    if found.high < 0:
        return f"Together they leak less than their leakiest member, which the others obscure: {said}."
    needed = fewest_for_proof()
    if n - best < needed:
        why = f"that one alone leaves {n - best} classes to gain, and fewer than {needed} can prove nothing"
    else:
        why = "the difference may be chance"
    return f"That they leak more than their leakiest member was not shown: {said}; {why}."


def fewest_for_proof() -> int:
    """How many classes an ensemble must win, losing none, before McNemar's exact test calls it more than chance: 6."""
    won = 1
    while 2 * 0.5**won > ALPHA:
        won += 1
    return won


def _mcnemar(first: Mask, second: Mask) -> float:
    """Two-sided and exact; 1 where they agree on every class."""
    from scipy.stats import binomtest

    won, lost = int((first & ~second).sum()), int((second & ~first).sum())
    return float(binomtest(won, won + lost).pvalue) if won + lost else 1.0
