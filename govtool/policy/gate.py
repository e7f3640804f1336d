"""May this version ship? Judging is pure; a decision pins the exact policy and facts, so that it can be judged again."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from govtool import __version__
from govtool.audits.models import AttackRecord
from govtool.digest import Sha256
from govtool.errors import EvidenceError
from govtool.evidence import ledger
from govtool.evidence.vault import BlobState, Vault
from govtool.policy import collect, document
from govtool.policy import facts as known
from govtool.policy.checks import CHECKS
from govtool.policy.document import PolicySet, Rule
from govtool.policy.facts import AttackFact, Facts
from govtool.policy.models import Decision
from govtool.policy.result import RuleResult, soften
from govtool.registry.models import ModelVersion
from govtool.registry.service import by_id
from govtool.runtime import new_id
from govtool.verdict import GateOutcome, Verdict, combine, gate_outcome

_VERIFY = "run: govtool evidence verify"
_COPIED = {"attack", "family", "status", "metrics", "counts", "evidence_sha256"}
"""Of an attack's fact, what its record holds under the same name."""


@dataclass(frozen=True)
class Evaluation:
    """The decision before it is recorded."""

    outcome: GateOutcome
    reason: str
    rules: tuple[RuleResult, ...]
    notes: tuple[str, ...]
    """What a reader should know beside the rules: policies not in force, an unknown level."""


def evaluate(policy_set: PolicySet, facts: Facts, now: datetime) -> Evaluation:
    """Apply every rule that is about this version. Same arguments, same answer."""
    level = policy_set.levels.unknown_level if facts.level is None else facts.level
    notes, results = [], []
    if facts.level is None:
        name = policy_set.levels.name_of(level)
        notes.append(
            f"The level of its data is unknown ({facts.level_reason}), so it is judged as level {level}, {name}."
        )
    for policy in policy_set.policies:
        if policy.effective_from > now.date():
            notes.append(f"The policy {policy.id} is not in force before {policy.effective_from}.")
            continue
        if policy.mode != "enforce":
            notes.append(f"The policy {policy.id} is in {policy.mode} mode.")
        results += [
            soften(CHECKS[rule.check.type](facts, rule.check, rule, now), policy.mode)
            for rule in policy.rules
            if applies(rule, facts, level)
        ]
    counted = [result.counts_as for result in results if result.counts_as is not None]
    if counted and not any(result.severity == "block" for result in results):
        notes.append("No blocking rule applies; only warnings were asked for.")
        counted.append(Verdict.WARN)
    outcome = gate_outcome(counted)
    return Evaluation(outcome, _reason(results), tuple(results), tuple(notes))


def applies(rule: Rule, facts: Facts, level: int) -> bool:
    """Whether the rule is about this version. Where no deployment is registered, a rule about deployments applies:
    nobody has said that it does not.
    """
    when = rule.when
    if when.level_at_least is not None and level < when.level_at_least:
        return False
    if when.class_unit is not None and not facts.class_units & set(when.class_unit):
        return False
    if when.synthetic and not facts.synthetic:
        return False
    if not facts.deployments:
        return True
    return any(
        (when.audience is None or one.audience in when.audience)
        and (when.environment is None or one.environment in when.environment)
        and (when.exposes is None or one.reachable & set(when.exposes))
        for one in facts.deployments
    )


def _reason(results: list[RuleResult]) -> str:
    """The sentence of the worst rule that counts; where all pass, of the first that measured something."""
    counting = [(result.counts_as, result) for result in results if result.counts_as is not None]
    if not counting:
        return "No rule in force applies to this version, so nothing shows that it may ship."
    worst = combine(verdict for verdict, _ in counting)
    told = [result for verdict, result in counting if verdict is worst]
    if worst is Verdict.PASS:
        measured = next((result for result in told if result.measured is not None), told[0])
        return f"All {len(told)} rules that apply are met. {measured.sentence}" if len(told) > 1 else measured.sentence
    return told[0].sentence


def decide(
    session: Session, vault: Vault, version: ModelVersion, policy_set: PolicySet, *, now: datetime, by: str
) -> Decision:
    """Judge the version on what is known now, and record the decision with everything it was made from.

    Raises:
        EvidenceError: a measurement is not what the ledger holds, or its score vectors are missing or altered: on such
            evidence nothing is decided.
    """
    facts = collect.collect(session, version, now)
    state = cache(vault.state)  # attacks of one run share what their references answered
    for fact in facts.measurements:
        if fact.metrics or fact.counts is not None:
            _must_be_whole(session, state, fact)
    evaluation = evaluate(policy_set, facts, now)
    return ledger.record(
        session,
        Decision(
            id=new_id("dec"),
            model_version_id=version.id,
            outcome=str(evaluation.outcome),
            reason=evaluation.reason,
            policy_sha256=vault.put(policy_set.canonical()).sha256,
            policy_files=dict(policy_set.files),
            facts_sha256=vault.put(facts.canonical()).sha256,
            rules=[result.to_dict() for result in evaluation.rules],
            engine_version=__version__,
        ),
        now=now,
        by=by,
    )


def _must_be_whole(session: Session, state: Callable[[Sha256], BlobState], fact: AttackFact) -> None:
    record = session.get(AttackRecord, fact.id)
    if record is None or not ledger.stands(session, record):
        raise EvidenceError(f"the attack record {fact.id or '(none)'} is not what the ledger holds", hint=_VERIFY)
    resting_on = {"score vectors": record.evidence_sha256, "reference models' answers": record.references_sha256}
    for what, digest in resting_on.items():
        if digest and (found := state(digest)) is not BlobState.WHOLE:
            raise EvidenceError(f"the {what} of {record.id} are {found} in the vault", where=digest, hint=_VERIFY)


def replay(session: Session, vault: Vault, decision: Decision) -> Evaluation:
    """Judge again, and see that the decision and the measurements it rests on are what the ledger holds.

    Without the latter, whoever can write the row could point it at friendlier bytes, which then replay perfectly.
    Whether the ledger itself is genuine, `govtool evidence verify` shows.

    Raises:
        EvidenceError: the row, a measurement or the pinned bytes are not what was recorded, or give another result.
    """
    if not ledger.stands(session, decision):
        raise EvidenceError(f"the record {decision.id} is not what the ledger holds", hint=_VERIFY)
    evaluation = judge_again(vault, decision)
    for fact in known.from_canonical(vault.read(decision.facts_sha256)).measurements:
        if fact.metrics or fact.counts is not None:
            _must_be_recorded(session, decision, fact)
    return evaluation


def _must_be_recorded(session: Session, decision: Decision, fact: AttackFact) -> None:
    """A fact with numbers carries those of its attack record, and that record is what the ledger holds."""
    record = session.get(AttackRecord, fact.id)
    if record is None or not ledger.stands(session, record):
        raise EvidenceError(
            f"the attack record {fact.id or '(none)'} that {decision.id} rests on is not what the ledger holds",
            hint=_VERIFY,
        )
    pinned = fact.model_dump(mode="json", include=_COPIED)
    # A record without counts has an empty object where the fact has none.
    held = {key: getattr(record, key) or None if key == "counts" else getattr(record, key) for key in pinned}
    if isinstance(fact, known.SyntheticTest):
        pinned["parts"] = [part.model_dump(mode="json") for part in fact.parts]
        held["parts"] = [part.model_dump(mode="json") for part in collect.risk_parts(record)]
    if different := [key for key in pinned if not _same(pinned[key], held[key])]:
        raise EvidenceError(
            f"the facts pinned by {decision.id} say other things than {record.id}: {', '.join(different)}", hint=_VERIFY
        )


def judge_again(vault: Vault, decision: Decision) -> Evaluation:
    """Judge from the pinned bytes, at the recorded instant. Takes the row's word for which bytes those are.

    Raises:
        EvidenceError: the bytes are missing or altered, are about something else, or give another result.
    """
    policy_set = document.from_canonical(vault.read(decision.policy_sha256))
    facts = known.from_canonical(vault.read(decision.facts_sha256))
    if facts.model.id != decision.model_version_id or facts.judged_at != decision.recorded_at:
        raise EvidenceError(f"the facts pinned by {decision.id} are about another version or instant")
    evaluation = evaluate(policy_set, facts, facts.judged_at)
    again = {
        "outcome": str(evaluation.outcome),
        "reason": evaluation.reason,
        "rules": [result.to_dict() for result in evaluation.rules],
    }
    recorded = {"outcome": decision.outcome, "reason": decision.reason, "rules": decision.rules}
    if different := [key for key in again if not _same(again[key], recorded[key])]:
        raise EvidenceError(
            f"{decision.id} does not replay: {', '.join(different)} differ; recorded {decision.outcome}, "
            f"judged again {evaluation.outcome}",
            hint=f"it was made by govtool {decision.engine_version}; this is {__version__}"
            if decision.engine_version != __version__
            else _VERIFY,
        )
    return evaluation


def _same(a: Any, b: Any) -> bool:
    """Equal, where a bound may differ in its last digits: numerical libraries change, verdicts and sentences must not."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_same, a, b))
    if isinstance(a, float) and isinstance(b, int | float):
        return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12)
    return bool(a == b)


def decision(session: Session, ref: str) -> Decision:
    """By id or unique id prefix.

    Raises:
        NotFoundError, AmbiguousError: none, or several.
    """
    return by_id(session, Decision, ref)


def decisions(session: Session, version: ModelVersion) -> list[Decision]:
    """Every decision about the version, oldest first."""
    query = sa.select(Decision).where(Decision.model_version_id == version.id).order_by(Decision.ledger_index)
    return list(session.scalars(query))
