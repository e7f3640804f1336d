"""How many reference models fit into the time that there is. The choice stands in the run's plan before the work starts."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

RUNGS = (2, 4, 8, 16, 32, 64, 128, 256)
"""Numbers of references to choose among: few enough that two runs within one budget can be compared."""
SHARE = 0.7
"""Of the time, for references. The rest is for checks, the positive control and the attacks, which nobody measured yet."""

_UNITS = {"s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True)
class Choice:
    """What was chosen, what it rests on, and what more time would buy: a plan, never a promise about figures."""

    seconds: int
    references: int
    takes_s: float
    """Of training and asking those that are not kept already, by the calibration."""
    cached: int
    next_references: int | None
    """The next larger plan, None where there is none."""
    next_budget_s: float | None
    left_out: tuple[str, ...] = ()
    """Attacks that need references, where not even two fit."""

    def to_dict(self) -> dict[str, Any]:
        return {
            "seconds": self.seconds,
            "references": self.references,
            "references_cached": self.cached,
            "references_take_s": round(self.takes_s, 1),
            "next": None
            if self.next_references is None or self.next_budget_s is None
            else {"references": self.next_references, "budget_s": round(self.next_budget_s)},
            "left_out": list(self.left_out),
        }

    def __str__(self) -> str:
        had = f", {self.cached} of them there already" if self.cached else ""
        fit = (
            f"{self.references} reference models{had}, about {written(self.takes_s)}"
            if self.references
            else f"no reference models, and so without: {', '.join(self.left_out) or 'nothing that was asked for'}"
        )
        more = (
            f"; {self.next_references} would be run with --budget {written(self.next_budget_s)}"
            if self.next_references is not None and self.next_budget_s is not None
            else ""
        )
        return f"within {written(self.seconds)}: {fit}{more}"


def parse(text: str) -> int:
    """Seconds of ``90s``, ``10m`` or ``2h``.

    Raises:
        ValueError: none of these.
    """
    found = re.fullmatch(r"([1-9]\d{0,5})([smh])", text)
    if found is None:
        raise ValueError(f"{text!r} is not a time; write for example 90s, 10m or 2h")
    return int(found[1]) * _UNITS[found[2]]


def written(seconds: float) -> str:
    """The shortest form that is not below, as `parse` takes it."""
    for unit, length in (("h", 3600), ("m", 60)):
        if seconds >= 3 * length:
            return f"{-int(-seconds // length)}{unit}"
    return f"{max(1, -int(-seconds // 1))}s"


def choose(seconds: int, takes_s: Callable[[int], float], cached: Callable[[int], int], most: int) -> Choice:
    """The most references that fit: a rung, or `most` itself. Each rung is priced by `takes_s`, what is kept being free.

    Args:
        seconds: the whole budget.
        takes_s: for a number of references, how long those that are missing take.
        cached: how many of that number are kept already.
        most: more are not wanted.
    """
    rungs = [*(rung for rung in RUNGS if rung < most), *([most] if most else [])]
    costs = {0: 0.0, **{rung: takes_s(rung) for rung in rungs}}  # not rising: more may be there already, and fewer not
    chosen = max(rung for rung, cost in costs.items() if cost <= SHARE * seconds)
    following = min((rung for rung in rungs if rung > chosen), default=None)
    return Choice(
        seconds,
        chosen,
        costs[chosen],
        cached(chosen) if chosen else 0,
        following,
        None if following is None else costs[following] / SHARE,
    )
