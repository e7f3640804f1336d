"""Is the class recoverable? FAIL, PASS or INCONCLUSIVE, from what the judges say and by stated limits.

FAIL needs two families of judges, since each is fooled by something: the lower limit of the median, and that of the second
most generous judge, lie above the limit. PASS needs the upper limit of the most generous judge of all below it, and a
planted leak that was found. What may ship is decided by a policy, on the median's interval and by a limit of its own.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from govtool.attacks.finding import Finding
from govtool.attacks.inversion.weight import CLASS_RECOVERABLE, LEGAL_WEIGHT
from govtool.estimate import Estimate, clopper_pearson
from govtool.verdict import Verdict

TIMES_CHANCE = 5.0
"""A class is taken for recoverable from this multiple of chance. For a pass, twice chance or three hits' worth (3 / n) was
proposed elsewhere; only a panel without a single hit passes by that, and each judge has one hit by chance to expect."""
ONE_SIDED = 0.90
"""Level of a two-sided interval whose upper end is a one-sided 95 % limit."""


@dataclass(frozen=True)
class Limit:
    """The rate that decides, and why it is what it is."""

    rate: float
    times_chance: float

    @classmethod
    def of(cls, classes: int, times_chance: float = TIMES_CHANCE) -> "Limit":
        """`times_chance` times chance, or half way from chance to certainty where that is lower: of few classes, no rate is
        five times chance.
        """
        chance = 1 / classes
        return cls(min(times_chance * chance, (1 + chance) / 2), times_chance)


@dataclass(frozen=True)
class Heard:
    """How many of `classes` reconstructions the judges named, by judge, and which of them may be heard."""

    hits: Sequence[int]
    classes: int

    @property
    def median(self) -> Estimate:
        """Of an even panel the more generous of the two in the middle, which keeps the error on the safe side."""
        return clopper_pearson(statistics.median_high(self.hits), self.classes)

    @property
    def agreed(self) -> Estimate:
        """What two families find: the second most generous judge."""
        return clopper_pearson(sorted(self.hits)[-2], self.classes)

    @property
    def surest(self) -> Estimate:
        """Of the median and what two families find, the one with the lower limit: what a leak is shown by."""
        return min(self.median, self.agreed, key=lambda found: found.low)

    @property
    def leak(self) -> bool:
        """Whether a leak is found by the default limit."""
        return self.surest.low > Limit.of(self.classes).rate

    @property
    def generous(self) -> Estimate:
        """The most generous judge, with a one-sided upper limit of 95 %."""
        return clopper_pearson(max(self.hits), self.classes, ONE_SIDED)


def find(heard: Heard, *, control: bool | None, void: str = "", times_chance: float = TIMES_CHANCE) -> dict[str, Any]:
    """The finding with its figures and limit, as JSON. `control`: whether a planted leak was found, None if none was planted."""
    limit = Limit.of(heard.classes, times_chance)
    verdict, reason = _verdict(heard, limit, control, void)
    finding = Finding(CLASS_RECOVERABLE, verdict, reason, LEGAL_WEIGHT[CLASS_RECOVERABLE])
    figures = {} if void else {"median": heard.median, "two_families": heard.agreed, "most_generous": heard.generous}
    return {
        **finding.to_dict(),
        "figures": {name: estimate.to_dict() for name, estimate in figures.items()},
        "limit": {"rate": limit.rate, "times_chance": limit.times_chance, "chance": 1 / heard.classes},
    }


def _verdict(heard: Heard, limit: Limit, control: bool | None, void: str) -> tuple[Verdict, str]:
    if void:
        return Verdict.INCONCLUSIVE, f"The figures do not count: {void}."
    n = heard.classes
    if clopper_pearson(n, n).low <= limit.rate:
        return (
            Verdict.INCONCLUSIVE,
            f"With {n} classes not even naming all of them would surely be above {_share(limit.rate)}.",
        )
    least, most = heard.surest, heard.generous
    above = f"{_share(limit.rate)} (chance {_share(1 / n)})"
    if least.low > limit.rate:
        return Verdict.FAIL, f"At least two families of judges name {_said(least)}, above {above}."
    if most.high >= limit.rate:
        undecided = f"The most generous judge names {_said(most)} and two families agree on {_said(least)}"
        return Verdict.INCONCLUSIVE, f"{undecided}: neither surely above nor surely below {above}."
    if not control:
        why = "was not run" if control is None else "failed"
        return (
            Verdict.INCONCLUSIVE,
            f"No judge names many, but the positive control {why}, so that may mean a weak attack.",
        )
    return Verdict.PASS, f"Even the most generous judge names {_said(most)}, below {above}; a planted leak was found."


def _said(found: Estimate) -> str:
    return f"{_share(found.value)} of {found.n} classes ({_share(found.low)} to {_share(found.high)})"


def _share(value: float) -> str:
    return f"{value * 100:.1f} %"
