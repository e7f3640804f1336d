"""A rule in plain words, for the person who answers for it."""

from typing import assert_never

from govtool.policy.document import (
    Check,
    ExposureCheck,
    FieldPresentCheck,
    Levels,
    MetricCheck,
    NoOpenIncidentCheck,
    Policy,
    PrivacyClaimCheck,
    Rule,
    SyntheticCheck,
    TestedCheck,
    When,
)
from govtool.policy.quantity import duration_words
from govtool.policy.words import METRICS, percent

SEVERITY = {
    "block": "The model may not ship unless it passes.",
    "warn": "Not passing is a condition on the approval; it does not stop the model.",
    "info": "For information; it does not count in the decision.",
}


def explain(policy: Policy, rule: Rule, levels: Levels) -> str:
    """Several lines: what is asked, of which models, why, and on what authority."""
    lines = [
        f"{rule.id}  {rule.title}",
        "",
        f"Asks:     {requirement(rule.check)}",
        f"Of:       {condition(rule.when, levels)}",
        f"If not:   {_if_not(rule)}",
        f"Why:      {' '.join(rule.why.split())}",
        f"Rests on: {'; '.join(rule.cite) or 'nothing is cited'}",
        f"Stands in {policy.id} {policy.version} ({policy.mode}, from {policy.effective_from}), owned by {policy.owner}.",
    ]
    return "\n".join(lines)


def _if_not(rule: Rule) -> str:
    if rule.while_open is None:
        return SEVERITY[rule.severity]
    broken = "The model may not ship" if rule.severity == "block" else "It is a condition on the approval"
    still = {"warn": "that is a condition on the approval and stops nothing", "info": "it does not count"}
    return f"{broken} if it is surely broken. While it is neither met nor surely broken, {still[rule.while_open]}."


def condition(when: When, levels: Levels) -> str:
    parts = []
    if when.level_at_least is not None:
        name = levels.name_of(when.level_at_least)
        parts.append(f"made from data of level {when.level_at_least} ({name}) or higher, or of unknown level")
    if when.class_unit is not None:
        parts.append(f"whose classes each stand for: {_either(when.class_unit)}")
    if when.audience is not None:
        parts.append(f"offered to an audience that is {_either(when.audience)}")
    if when.environment is not None:
        parts.append(f"deployed in {_either(when.environment)}")
    if when.exposes is not None:
        parts.append(f"that show their {_either(when.exposes)}")
    if when.synthetic:
        parts.append("made from synthetic data")
    return "models " + ", and ".join(parts) if parts else "every model"


def requirement(check: Check) -> str:  # noqa: PLR0911 - one for each kind
    match check:
        case MetricCheck():
            metric = METRICS[check.metric]
            return (
                f"{metric.setting}, an attacker {metric.does} fewer than {check.value * 100:.6g} of 100 {metric.unit}. This must be "
                f"shown at {percent(check.confidence)} confidence over all attacks together (two-sided interval), on at least "
                f"{check.min_n:,} {metric.counted}{' of each kind' if metric.counted == 'records' else ''}, by tests no older "
                f"than {duration_words(check.max_age)}.{_fails_from(check)}"
            )
        case TestedCheck():
            age = f", not longer ago than {duration_words(check.max_age)}" if check.max_age else ""
            return f"Attacks of these kinds were run to the end{age}: {_listing(check.families)}."
        case PrivacyClaimCheck():
            return (
                f"Differential privacy of at most epsilon {check.epsilon_at_most:g} at delta {check.delta_at_most:g} is claimed, "
                f"the stated noise pays for it, and no audit by canaries contradicts it at 95 % confidence, though a perfect "
                f"attacker could have; audited no longer ago than {duration_words(check.max_age)}."
            )
        case FieldPresentCheck():
            return f"The register states: {_listing(check.fields_)}."
        case ExposureCheck():
            audience = f"to an audience that is {_either(check.audience)}" if check.audience else "to anyone"
            return f"No deployment shows its {_either(check.forbid)} {audience}."
        case NoOpenIncidentCheck():
            what = "this version" if check.scope == "version" else "any version of this model"
            return f"No incident about {what} is open."
        case SyntheticCheck():
            return (
                f"Synthetic data that the model was made from was attacked, and each of these risks lies below "
                f"{check.value * 100:.6g} of 100 people, shown at {percent(check.confidence)} confidence on at least "
                f"{check.min_n:,} attempts of each kind by tests no older than {duration_words(check.max_age)}: "
                f"{_listing(tuple(name.removeprefix('synthetic.') for name in check.metrics))}."
            )
        case _:
            assert_never(check)


def _listing(items: tuple[str, ...]) -> str:
    return ", ".join(str(item).replace("_", " ") for item in items)


def _either(items: tuple[str, ...]) -> str:
    return " or ".join(str(item).replace("_", " ") for item in items)


def _fails_from(check: MetricCheck) -> str:
    if check.fails_from is None:
        return ""
    return f" It is broken only where the figure is surely {check.fails_from * 100:.6g} or more."
