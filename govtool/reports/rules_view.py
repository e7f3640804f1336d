"""The rules a decision was made by, and what the decision means to the person who signs it."""

from dataclasses import dataclass, field
from typing import Any

from govtool.policy.models import Decision
from govtool.reports import format as f
from govtool.reports.attack_tables import estimate_of
from govtool.reports.charts import Measured, WhiskerChart, whisker_chart
from govtool.reports.view import DRAWN, Badge, Shape
from govtool.verdict import GateOutcome, Verdict

SHAPES: dict[Verdict, Shape] = {
    Verdict.PASS: "pass",
    Verdict.WARN: "warn",
    Verdict.WAIVED: "warn",
    Verdict.INCONCLUSIVE: "unknown",
    Verdict.STALE: "unknown",
    Verdict.NOT_RUN: "unknown",
    Verdict.ERROR: "unknown",
    Verdict.FAIL: "fail",
}
OUTCOMES: dict[GateOutcome, tuple[str, Shape]] = {
    GateOutcome.GO: ("GO", "pass"),
    GateOutcome.GO_WITH_CONDITIONS: ("GO WITH CONDITIONS", "warn"),
    GateOutcome.UNDECIDED: ("UNDECIDED", "unknown"),
    GateOutcome.NO_GO: ("NO-GO", "fail"),
}
MEANINGS: dict[GateOutcome, str] = {
    GateOutcome.GO: """Every blocking rule of the policy passed on the evidence in this report. That is a statement about the
        attacks listed in section 5, under the access listed in section 3, on this version. It is not a statement about
        other attacks.""",
    GateOutcome.GO_WITH_CONDITIONS: """No blocking rule failed, but section 4 lists warnings or waivers. Whoever signs accepts
        them by name. What passed is a statement about the attacks listed in section 5, not about other attacks.""",
    GateOutcome.UNDECIDED: """Evidence is missing, out of date or inconclusive, so neither yes nor no can be justified. The
        version may not be released on the strength of this report; section 4 says what is missing and what would settle
        it.""",
    GateOutcome.NO_GO: """At least one blocking rule failed on the evidence in this report. The version must not be released
        as it is registered; section 4 names the rule, the figure and the limit.""",
}
NO_DECISION = "No gate decision has been recorded for this version."


@dataclass(frozen=True, slots=True)
class VerdictView:
    outcome: str
    word: str
    shape: Shape
    reason: str
    meaning: str
    decision_id: str


@dataclass(frozen=True, slots=True)
class RuleRow:
    rule_id: str
    title: str
    severity: str
    badge: Badge
    sentence: str
    why: str
    cite: tuple[str, ...]
    measured: str
    interval: str
    n: str
    limit: str
    settle: str
    evidence: tuple[str, ...]
    estimate: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class RulesView:
    rows: tuple[RuleRow, ...]
    chart: WhiskerChart | None = field(metadata=DRAWN)


def verdict_view(decision: Decision | None) -> VerdictView:
    outcome = GateOutcome.UNDECIDED if decision is None else GateOutcome(decision.outcome)
    word, shape = OUTCOMES[outcome]
    reason = NO_DECISION if decision is None else f.tidy(decision.reason)
    return VerdictView(
        outcome.value, word, shape, reason, f.tidy(MEANINGS[outcome]), "" if decision is None else decision.id
    )


def rules_view(decision: Decision | None) -> RulesView:
    items = [] if decision is None else decision.rules
    measured = [row for item in items if (row := _measured(item)) is not None]
    alt = "Each measured figure with its interval, against the limit of its rule. The table gives the same figures."
    return RulesView(tuple(_rule(item) for item in items), whisker_chart(measured, alt))


def _measured(item: dict[str, Any]) -> Measured | None:
    estimate = estimate_of(item.get("measured"))
    limit = item.get("limit") or {}
    return (
        None
        if estimate is None
        else Measured(f.tidy(str(item.get("title", item.get("id"))), 80), estimate, limit.get("value"))
    )


def _rule(item: dict[str, Any]) -> RuleRow:
    verdict = Verdict(item["verdict"])
    estimate = estimate_of(item.get("measured"))
    limit = item.get("limit")
    unit = _unit(item)
    records = item.get("records_needed")
    settle = (
        f"About {f.count(records)} records in all would settle it." if records and verdict is not Verdict.PASS else ""
    )
    return RuleRow(
        rule_id=f.tidy(str(item.get("id", "")), 80),
        title=f.tidy(str(item.get("title", "")), 160),
        severity=f.tidy(str(item.get("severity", f.UNKNOWN)), 40),
        badge=Badge(verdict.value.replace("_", " "), SHAPES[verdict]),
        sentence=f.tidy(str(item.get("sentence", ""))),
        why=f.tidy(str(item.get("why", ""))),
        cite=tuple(f.tidy(str(text), 160) for text in item.get("cite") or ()),
        measured="" if estimate is None else f.figure(unit, estimate),
        interval="" if estimate is None else f.bounds(unit, estimate),
        n="" if estimate is None else f"n{f.NB}={f.NB}{estimate.n:,}",
        limit="" if not limit else _limit(limit, unit),
        settle=settle,
        evidence=tuple(f.tidy(str(text), 60) for text in item.get("evidence") or ()),
        estimate=None if estimate is None else estimate.to_dict(),
    )


def _unit(item: dict[str, Any]) -> str:
    """The metric's unit by its name: areas are printed as numbers, everything else as shares."""
    return "auc" if "auc" in str(item.get("id", "")).lower() else "rate"


def _limit(limit: dict[str, Any], unit: str) -> str:
    sign = {"<=": "≤", ">=": "≥", "==": "=", "!=": "≠"}.get(str(limit.get("op")), str(limit.get("op", "")))
    value = limit.get("value")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"{sign} {f.tidy(str(value), 60)}"
    return f"{sign}{f.NB}{f.value_of(unit, value) if 0 <= value <= 1 else f.number(value)}"
