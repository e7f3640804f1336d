"""Does a target honour what it is said to expose? Asked before any attack; a broken promise is 'not testable', never a pass."""

from dataclasses import dataclass

import numpy as np

from govtool.access import Access
from govtool.attacks.interface import Features, Target
from govtool.audits.targets import base
from govtool.audits.targets.http import HttpTarget

_SAMPLE = 16
_DECIMALS = range(1, 7)
_FINE = 7
"""Decimals from which we no longer call an answer rounded: single precision carries about seven."""


@dataclass(frozen=True)
class Capabilities:
    """What was seen when the same few records were asked twice."""

    access: frozenset[Access]
    deterministic: bool
    largest_difference: float
    normalised: bool | None
    """Whether probabilities sum to 1; None when the target gives none."""
    decimals: int | None
    """Decimals to which probabilities are rounded; None when they are not, or there are none."""
    broken: str = ""
    """Why nothing that reads its confidences can be believed; empty when it can."""

    @property
    def label_only(self) -> bool:
        return not self.access & base.SOFT

    @property
    def caveats(self) -> list[str]:
        if self.decimals is None:
            return []
        return [
            f"Its answers have no more than {self.decimals} decimal(s), rounded or counted in votes; finer ones would leak more."
        ]


def probe(target: Target, features: Features) -> Capabilities:
    """Ask about up to 16 records, twice.

    Raises:
        WorkError: the target does not answer.
    """
    sample = features[:_SAMPLE]
    raw = target.look(sample) if isinstance(target, HttpTarget) else {}
    if not target.access & (base.SOFT | {Access.LABELS}):  # only gradients or embeddings: no answer to compare
        return Capabilities(target.access, True, 0.0, None, None)
    if not target.access & base.SOFT:
        first, second = _again(target).labels(sample), _again(target).labels(sample)
        same = bool((first == second).all())
        return Capabilities(target.access, same, float(not same), None, None)
    first_log, second_log = (np.exp(_again(target).log_probabilities(sample)) for _time in range(2))
    difference = float(np.abs(first_log - second_log).max())
    values = raw.get("probabilities") if "logits" not in raw else None
    decimals = rounded_to(values if values is not None else first_log)
    slack = 0.0 if decimals is None else first_log.shape[1] * 0.5 * 10.0**-decimals
    sums = (values if values is not None else first_log).sum(axis=1)
    normalised = bool(np.abs(sums - 1).max() <= 1e-3 + slack)
    broken = ""
    if difference > 0:
        broken = (
            f"it answers the same record differently each time (by up to {difference:.2g}), so scores are partly noise"
        )
    elif not normalised:
        broken = f"its probabilities do not sum to 1 (they sum to {float(sums.min()):.3g} to {float(sums.max()):.3g})"
    return Capabilities(target.access, difference == 0, difference, normalised, decimals, broken)


def _again(target: Target) -> Target:
    """The target, made to answer anew what it was asked before."""
    if isinstance(target, HttpTarget):
        target.forget()
    return target


def rounded_to(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> int | None:
    """The fewest decimals that carry every value exactly, below seven; None when there are more.

    All values 0 or 1 may be a saturated model as well as a rounded one; that is reported as one decimal.
    """
    for decimals in _DECIMALS:
        if bool((np.abs(values - np.round(values, decimals)) < 10.0**-_FINE / 10).all()):
            return decimals
    return None


def unmet(promised: frozenset[Access], seen: Capabilities, needs: Access) -> str:
    """Why an attack that needs `needs` cannot be carried out although the deployment promises it; empty when it can."""
    if needs in promised and needs not in seen.access:
        return f"the deployment is registered as exposing {needs}, and the target answers with {', '.join(sorted(seen.access)) or 'nothing'}"
    if seen.broken and needs in base.SOFT | {Access.TOP_K}:
        return f"the target does not honour what it exposes: {seen.broken}"
    if not seen.deterministic and needs is Access.LABELS:
        return "the target answers the same record with different labels"
    return ""
