"""The kinds of check a rule can name. Each is a pure function of (facts, check, rule, now). A new kind is a function and an entry."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from govtool.access import Access
from govtool.policy import result
from govtool.policy.document import ExposureCheck, FieldPresentCheck, NoOpenIncidentCheck, Rule, TestedCheck
from govtool.policy.facts import AttackFact, DatasetFact, Facts
from govtool.policy.freshness import because, blind_spot, outdated, unfinished
from govtool.policy.metric import check_metric
from govtool.policy.privacy_claim import check_privacy_claim
from govtool.policy.result import RuleResult
from govtool.policy.standing import foreign, standing
from govtool.policy.synthetic import check_synthetic
from govtool.verdict import Verdict, combine

CheckFunction = Callable[[Facts, Any, Rule, datetime], RuleResult]

_ANY = frozenset(Access)
FAMILY_NEEDS: Mapping[str, frozenset[Access]] = {
    # What an outsider must see at least one of. Label-only variants exist for all but the reconstruction of records.
    "membership_inference": _ANY,
    "model_inversion": _ANY,
    "attribute_inference": _ANY,
    "property_inference": _ANY,
    "training_data_extraction": _ANY,
    "differential_privacy": _ANY,
    "data_reconstruction": frozenset(
        {Access.PROBABILITIES, Access.LOGPROBS, Access.LOGITS, Access.WEIGHTS, Access.GRADIENTS, Access.EMBEDDINGS}
    ),
}


def check_tested(facts: Facts, check: TestedCheck, rule: Rule, now: datetime) -> RuleResult:
    """Each family that the exposure makes possible has a completed attack. Nothing deployed: everything is possible."""
    judged = [_tested(facts, family, check, now) for family in check.families if _possible(facts, family)]
    evidence = tuple(attack.id for family in check.families for attack in standing(facts, family, check.max_age, now))
    if not judged:
        sentence = f"What the deployments show makes none of these attacks possible: {_listing(check.families)}."
        return result.of(rule, Verdict.PASS, sentence, evidence=tuple(one.id for one in facts.deployments))
    verdict = combine(one for one, _ in judged)
    sentence = " ".join(text for one, text in judged if one is verdict)
    return result.of(rule, verdict, sentence, evidence=evidence)


def _possible(facts: Facts, family: str) -> bool:
    if not facts.deployments:
        return True
    return any(deployment.reachable & FAMILY_NEEDS[family] for deployment in facts.deployments)


def _tested(facts: Facts, family: str, check: TestedCheck, now: datetime) -> tuple[Verdict, str]:
    """The best that any attack of the family gives; one completed attack is enough here, the figures are another rule's."""
    records = standing(facts, family, check.max_age, now)
    name = family.replace("_", " ")
    if not records:
        return Verdict.NOT_RUN, f"No attack of the kind {name} was run on this version."
    found = [_attempt(facts, attack, name, check, now) for attack in records]
    return min(found, key=lambda pair: list(Verdict).index(pair[0]))


def _attempt(facts: Facts, attack: AttackFact, name: str, check: TestedCheck, now: datetime) -> tuple[Verdict, str]:
    match attack.status:
        case "completed":
            return _completed(facts, attack, name, check, now)
        case "void":
            return Verdict.INCONCLUSIVE, f"The {name} test with {attack.attack} does not count: {because(attack)}."
        case "unfinished":
            return Verdict.INCONCLUSIVE, unfinished(attack)
        case "failed":
            return Verdict.ERROR, f"The {name} attack {attack.attack} broke off: {because(attack)}."
        case "not_testable" | "not_applicable" | "not_requested" | "superseded":
            return Verdict.NOT_RUN, f"The {name} attack {attack.attack} was not run: {because(attack)}."


def _completed(facts: Facts, attack: AttackFact, name: str, check: TestedCheck, now: datetime) -> tuple[Verdict, str]:
    if reason := outdated(facts, attack, check.max_age, now):
        return Verdict.STALE, reason
    if reason := blind_spot(facts, attack):
        return Verdict.NOT_RUN, reason
    if reason := foreign(facts, attack):
        return Verdict.INCONCLUSIVE, reason
    return Verdict.PASS, f"The model was attacked by {name} ({attack.attack}, {attack.recorded_at:%Y-%m-%d})."


def check_field_present(facts: Facts, check: FieldPresentCheck, rule: Rule, _now: datetime) -> RuleResult:
    """Nothing that the rule names is blank in the register."""
    missing = [gap for field in check.fields_ for gap in _gaps(facts, field)]
    evidence = (facts.model.id, *(dataset.id for dataset in facts.datasets))
    if missing:
        return result.of(rule, Verdict.FAIL, f"The register does not say: {'; '.join(missing)}.", evidence=evidence)
    return result.of(rule, Verdict.PASS, f"The register says: {_listing(check.fields_)}.", evidence=evidence)


_DATASET_FIELDS: Mapping[str, tuple[str, Callable[[DatasetFact], Any]]] = {
    "lawful_basis": ("the lawful basis", lambda dataset: dataset.lawful_basis),
    "classification_level": ("the classification level", lambda dataset: dataset.level),
    "subject_column": ("which column names the person", lambda dataset: dataset.subject_column),
}
_NO_LINEAGE = "what the model was trained on"


def _gaps(facts: Facts, field: str) -> list[str]:
    match field:
        case "owner":
            return _blank("who owns the model", facts.model.owner)
        case "purpose":
            return _blank("what the model is for", facts.model.purpose)
        case "lineage":
            return [] if facts.datasets else [_NO_LINEAGE]
        case _:
            words, read = _DATASET_FIELDS[field]
            if not facts.datasets:
                return [f"{words} (no training data is recorded)"]
            return [gap for dataset in facts.datasets for gap in _blank(f"{words} of {dataset.ref}", read(dataset))]


def _blank(words: str, value: Any) -> list[str]:
    """Level 0 is a value; None and white space are not."""
    return [words] if value is None or not str(value).strip() else []


def check_exposure(facts: Facts, check: ExposureCheck, rule: Rule, _now: datetime) -> RuleResult:
    """No deployment to these people shows what is forbidden, directly or by what follows from it."""
    if not facts.deployments:
        sentence = "No deployment is registered, so nobody has said what outsiders would see of this model."
        return result.of(rule, Verdict.NOT_RUN, sentence)
    watched = [one for one in facts.deployments if check.audience is None or one.audience in check.audience]
    offences = [(one, one.reachable & set(check.forbid)) for one in watched]
    found = [
        f"the deployment {one.name} shows its {_listing(sorted(shown))} to a {one.audience} audience"
        for one, shown in offences
        if shown
    ]
    evidence = tuple(one.id for one in facts.deployments)
    if found:
        return result.of(rule, Verdict.FAIL, _capital("; ".join(found)) + ".", evidence=evidence)
    to = f"to a {_listing(check.audience)} audience" if check.audience else "to anyone"
    return result.of(rule, Verdict.PASS, f"No deployment shows {_listing(check.forbid)} {to}.", evidence=evidence)


def check_no_open_incident(facts: Facts, check: NoOpenIncidentCheck, rule: Rule, _now: datetime) -> RuleResult:
    """An incident that names no model yet may be about this one, so it leaves the question open."""
    about = ("version",) if check.scope == "version" else ("version", "model")
    concerned = [incident for incident in facts.open_incidents if incident.about in about]
    unattributed = [incident for incident in facts.open_incidents if incident.about == "unattributed"]
    if concerned:
        names = "; ".join(f"{one.title} ({one.id})" for one in concerned)
        return result.of(
            rule,
            Verdict.FAIL,
            f"An incident about this model is open: {names}.",
            evidence=tuple(one.id for one in concerned),
        )
    if unattributed:
        names = "; ".join(f"{one.title} ({one.id})" for one in unattributed)
        return result.of(
            rule,
            Verdict.INCONCLUSIVE,
            f"An open incident does not say yet which model it is about: {names}.",
            evidence=tuple(one.id for one in unattributed),
        )
    return result.of(rule, Verdict.PASS, "No incident about this model is open.")


CHECKS: dict[str, CheckFunction] = {
    "metric": check_metric,
    "tested": check_tested,
    "privacy_claim": check_privacy_claim,
    "field_present": check_field_present,
    "exposure": check_exposure,
    "no_open_incident": check_no_open_incident,
    "synthetic": check_synthetic,
}


def _listing(items: Sequence[str]) -> str:
    return ", ".join(str(item).replace("_", " ") for item in items)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
