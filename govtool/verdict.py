"""Verdicts and how they combine. Only PASS passes, and an empty set of rules is a failure."""

from collections.abc import Iterable
from enum import StrEnum


class Verdict(StrEnum):
    """The outcome of one rule."""

    PASS = "PASS"
    WARN = "WARN"
    WAIVED = "WAIVED"
    INCONCLUSIVE = "INCONCLUSIVE"
    STALE = "STALE"
    NOT_RUN = "NOT_RUN"
    ERROR = "ERROR"
    FAIL = "FAIL"


_SEVERITY = {verdict: rank for rank, verdict in enumerate(Verdict)}  # the order above, best first


class GateOutcome(StrEnum):
    """May it ship?"""

    GO = "GO"
    GO_WITH_CONDITIONS = "GO-WITH-CONDITIONS"
    UNDECIDED = "UNDECIDED"
    NO_GO = "NO-GO"

    @property
    def exit_code(self) -> int:
        return {GateOutcome.GO: 0, GateOutcome.GO_WITH_CONDITIONS: 0, GateOutcome.NO_GO: 3, GateOutcome.UNDECIDED: 4}[
            self
        ]


def combine(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of them; FAIL when there are none, because nothing was shown."""
    return max(verdicts, key=_SEVERITY.__getitem__, default=Verdict.FAIL)


def gate_outcome(verdicts: Iterable[Verdict]) -> GateOutcome:
    """Roll blocking rules up into a decision: FAIL is NO-GO, missing knowledge is UNDECIDED."""
    worst = combine(verdicts)
    match worst:
        case Verdict.PASS:
            return GateOutcome.GO
        case Verdict.WARN | Verdict.WAIVED:
            return GateOutcome.GO_WITH_CONDITIONS
        case Verdict.INCONCLUSIVE | Verdict.STALE | Verdict.NOT_RUN | Verdict.ERROR:
            return GateOutcome.UNDECIDED
        case Verdict.FAIL:
            return GateOutcome.NO_GO
