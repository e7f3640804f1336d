"""What judging one rule gave."""

from dataclasses import asdict, dataclass, replace
from typing import Any

from govtool.estimate import Estimate
from govtool.policy.document import Mode, Rule, Severity
from govtool.verdict import Verdict


@dataclass(frozen=True)
class RuleResult:
    """One rule's verdict with the sentence that says it and the records it rests on."""

    id: str
    title: str
    severity: Severity
    """What counts: the rule's own severity, or what it says of an open question; softened by the mode of its policy."""
    verdict: Verdict
    sentence: str
    why: str
    cite: tuple[str, ...]
    measured: Estimate | None = None
    """The figure that decided, with the interval that was compared with the limit."""
    limit: tuple[str, float] | None = None
    """Operator and number."""
    evidence: tuple[str, ...] = ()
    """Ids of the rows it rests on."""
    records_needed: int | None = None
    attack: str | None = None
    found: Verdict | None = None
    """The verdict before severity and mode softened it; None when nothing was softened."""

    def to_dict(self) -> dict[str, Any]:
        data = asdict(self)
        data["verdict"], data["found"] = str(self.verdict), str(self.found) if self.found else None
        data["cite"], data["evidence"] = list(self.cite), list(self.evidence)
        data["limit"] = {"op": self.limit[0], "value": self.limit[1]} if self.limit else None
        return data

    @property
    def counts_as(self) -> Verdict | None:
        """What this rule adds to the decision; None when it adds nothing (severity info)."""
        match self.severity:
            case "block":
                return self.verdict
            case "warn":
                return Verdict.PASS if self.verdict is Verdict.PASS else Verdict.WARN
            case "info":
                return None


def of(rule: Rule, verdict: Verdict, sentence: str, **more: Any) -> RuleResult:
    """A result for `rule` as it stands in the policy."""
    severity = rule.severity
    if rule.while_open is not None and verdict not in (Verdict.PASS, Verdict.FAIL):
        severity = rule.while_open
    return RuleResult(rule.id, rule.title, severity, verdict, sentence, rule.why, rule.cite, **more)


def soften(result: RuleResult, mode: Mode) -> RuleResult:
    """What remains of a rule's force in a policy that is not yet enforced, or that only warns. Said in the sentence."""
    severity: Severity = result.severity
    if mode == "warn" and severity == "block":
        severity, remark = "warn", "The policy is in warn mode, so this does not block yet."
    elif mode == "dry-run":
        severity, remark = "info", "The policy is in dry-run mode, so this does not count yet."
    elif severity == "warn" and result.verdict is not Verdict.PASS:
        remark = "This rule warns and does not block."
    elif severity == "info" and result.verdict is not Verdict.PASS:
        remark = "This rule is for information and does not count."
    else:
        return result
    changed = replace(result, severity=severity, sentence=f"{result.sentence} {remark}")
    if result.verdict is Verdict.FAIL:  # whoever reaches this line does not block
        return replace(changed, verdict=Verdict.WARN, found=Verdict.FAIL)
    return changed
