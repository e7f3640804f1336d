"""A question that an attack was asked, and the answer its figures allow: FAIL, PASS or INCONCLUSIVE, with the reason.

FAIL where one figure's lower limit lies above what would be a leak; PASS where every upper limit lies below what would be
worth mention and the attack has found a leak that was planted for it; INCONCLUSIVE otherwise, never a pass for want of
evidence. The limits are defaults for a reader; what a model may leak is decided by a policy.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from govtool.estimate import Estimate
from govtool.verdict import Verdict


@dataclass(frozen=True)
class Finding:
    """One question with its answer. Two questions about one attack are two findings, each with its own legal weight."""

    question: str
    """As `class_recoverable` or `record_memorised`: the word by which others find it."""
    verdict: Verdict
    reason: str
    """One sentence for a reader, with the figures that decided."""
    legal_weight: str = ""
    """What a leak of this kind would mean for the law, in plain words; no legal advice."""

    def to_dict(self) -> dict[str, Any]:
        said = {"question": self.question, "verdict": str(self.verdict), "reason": self.reason}
        return said | ({"legal_weight": self.legal_weight} if self.legal_weight else {})


@dataclass(frozen=True)
class Limited:
    """A figure and its two limits."""

    what: str
    """As `precision where the model decides, members less others`."""
    estimate: Estimate | None
    """None: it could not be measured."""
    fail_above: float
    pass_below: float
    missing: str = ""
    """Why it could not be measured."""


def decide(question: str, figures: Sequence[Limited], *, control: bool | None, void: str = "") -> Finding:
    """The answer that these figures allow. `control` says whether a planted leak was found; None where none was planted.

    Raises:
        ValueError: no figures, which would pass for nothing.
    """
    if not figures:
        raise ValueError("a finding needs a figure to rest on")
    if void:
        return Finding(question, Verdict.INCONCLUSIVE, f"The figures do not count: {void}.")
    for one in figures:
        if one.estimate is not None and one.estimate.low > one.fail_above:
            return Finding(question, Verdict.FAIL, f"{_said(one)}, above {_percent(one.fail_above)}.")
    for one in figures:
        if one.estimate is None:
            reason = f"{_capital(one.what)} could not be measured: {one.missing or 'too few cases'}."
            return Finding(question, Verdict.INCONCLUSIVE, reason)
        if one.estimate.high >= one.pass_below:
            reason = f"{_said(one)}, which neither reaches {_percent(one.fail_above)} for sure nor stays below {_percent(one.pass_below)}."
            return Finding(question, Verdict.INCONCLUSIVE, reason)
    if not control:
        why = "was not run" if control is None else "failed"
        reason = f"All figures are low, but the positive control {why}, so that may mean a weak attack."
        return Finding(question, Verdict.INCONCLUSIVE, reason)
    return Finding(question, Verdict.PASS, "; ".join(_said(one) for one in figures) + "; a planted leak was found.")


def _said(one: Limited) -> str:
    assert one.estimate is not None
    found = one.estimate
    return f"{_capital(one.what)}: {_percent(found.value)} ({_percent(found.low)} to {_percent(found.high)}, n = {found.n:,})"


def _percent(value: float) -> str:
    return f"{value * 100:.1f} %"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
