from typing import get_args

import pytest
from policy_builders import NOW, attack, counts, dataset, deployment, facts, rule

from govtool.access import Access
from govtool.policy import document
from govtool.policy.checks import CHECKS, FAMILY_NEEDS
from govtool.policy.document import ExposureCheck, FieldPresentCheck, NoOpenIncidentCheck, TestedCheck
from govtool.policy.facts import IncidentFact, ModelFact
from govtool.policy.words import METRICS
from govtool.verdict import Verdict

SOUND = counts(0.5, 0.5)


def judge(check, known):
    return CHECKS[check.type](known, check, rule(check), NOW)


def test_the_catalogues_know_every_word_of_the_policy_language() -> None:
    kinds = get_args(get_args(document.Check)[0])
    assert {get_args(kind.model_fields["type"].annotation)[0] for kind in kinds} == set(CHECKS)
    assert set(get_args(document.MetricName)) == set(METRICS)
    assert set(get_args(document.Family)) == set(FAMILY_NEEDS)


MEMBERSHIP = TestedCheck(type="tested", families=("membership_inference",), max_age="90d")


def test_one_completed_attack_is_a_test_even_beside_a_void_one() -> None:
    assert judge(MEMBERSHIP, facts(attack(found=SOUND), attack("rmia", status="void"))).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("attacks", "verdict"),
    [
        ([], Verdict.NOT_RUN),
        ([attack(status="void", reason="x")], Verdict.INCONCLUSIVE),
        ([attack(status="failed", reason="x")], Verdict.ERROR),
        ([attack(status="not_testable", reason="x")], Verdict.NOT_RUN),
        ([attack(status="not_requested")], Verdict.NOT_RUN),
        ([attack(status="not_applicable")], Verdict.NOT_RUN),
        ([attack(age=91)], Verdict.STALE),
        ([attack(artifact_sha256=None)], Verdict.STALE),
        ([attack(audited_access=(Access.LABELS,))], Verdict.NOT_RUN),
        ([attack(family="model_inversion")], Verdict.NOT_RUN),
    ],
)
def test_anything_less_than_a_completed_fitting_attack_is_no_test(attacks, verdict: Verdict) -> None:
    assert judge(MEMBERSHIP, facts(*attacks)).verdict is verdict


def test_every_family_must_be_tested() -> None:
    both = TestedCheck(type="tested", families=("membership_inference", "model_inversion"))
    found = judge(both, facts(attack(found=SOUND)))
    assert found.verdict is Verdict.NOT_RUN
    assert found.sentence == "No attack of the kind model inversion was run on this version."


def test_a_family_that_the_exposure_rules_out_is_not_asked_for() -> None:
    records = TestedCheck(type="tested", families=("data_reconstruction",))
    assert judge(records, facts(deployments=(deployment("labels"),))).verdict is Verdict.PASS
    assert judge(records, facts(deployments=(deployment("probabilities"),))).verdict is Verdict.NOT_RUN
    assert judge(records, facts(deployments=(deployment("weights"),))).verdict is Verdict.NOT_RUN
    assert judge(records, facts(deployments=())).verdict is Verdict.NOT_RUN, "nobody said what is exposed"


def fields(*names: str) -> FieldPresentCheck:
    return FieldPresentCheck(type="field_present", fields_=names)


ALL = ("owner", "purpose", "lawful_basis", "classification_level", "subject_column", "lineage")


def test_a_complete_register_passes() -> None:
    assert judge(fields(*ALL), facts()).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("field", "known", "says"),
    [
        ("owner", {"model": ModelFact(name="m", version="1", owner=" ")}, "who owns the model"),
        ("purpose", {"model": ModelFact(name="m", version="1")}, "what the model is for"),
        ("lawful_basis", {"datasets": (dataset(), dataset(ref="b@1", lawful_basis=None))}, "the lawful basis of b@1"),
        ("lawful_basis", {"datasets": ()}, "no training data is recorded"),
        ("classification_level", {"datasets": (dataset(level=None),)}, "the classification level of visits@1"),
        ("subject_column", {"datasets": (dataset(subject_column=""),)}, "which column names the person of visits@1"),
        ("lineage", {"datasets": ()}, "what the model was trained on"),
    ],
)
def test_a_gap_in_the_register_fails_and_is_named(field: str, known: dict, says: str) -> None:
    found = judge(fields(field), facts(**known))
    assert found.verdict is Verdict.FAIL
    assert says in found.sentence


def test_level_zero_is_a_level() -> None:
    assert judge(fields("classification_level"), facts(datasets=(dataset(level=0),))).verdict is Verdict.PASS


def exposure(*forbid: str, audience=("public",)) -> ExposureCheck:
    return ExposureCheck(type="exposure", forbid=tuple(Access(word) for word in forbid), audience=audience)


def test_public_weights_are_found() -> None:
    known = facts(deployments=(deployment(), deployment("weights", audience="public", name="hub")))
    found = judge(exposure("weights"), known)
    assert found.verdict is Verdict.FAIL
    assert found.sentence == "The deployment hub shows its weights to a public audience."


def test_what_follows_from_what_is_shown_is_shown() -> None:
    assert (
        judge(exposure("logits"), facts(deployments=(deployment("weights", audience="public"),))).verdict
        is Verdict.FAIL
    )


def test_another_audience_is_another_matter_unless_none_is_named() -> None:
    partner = facts(deployments=(deployment("weights", audience="partner"),))
    assert judge(exposure("weights"), partner).verdict is Verdict.PASS
    assert judge(exposure("weights", audience=None), partner).verdict is Verdict.FAIL


def test_no_deployment_is_not_no_exposure() -> None:
    assert judge(exposure("weights"), facts(deployments=())).verdict is Verdict.NOT_RUN


@pytest.mark.parametrize(
    ("about", "scope", "verdict"),
    [
        ("version", "version", Verdict.FAIL),
        ("version", "model", Verdict.FAIL),
        ("model", "model", Verdict.FAIL),
        ("model", "version", Verdict.PASS),
        ("unattributed", "version", Verdict.INCONCLUSIVE),
        ("unattributed", "model", Verdict.INCONCLUSIVE),
    ],
)
def test_open_incidents(about: str, scope: str, verdict: Verdict) -> None:
    incident = IncidentFact(id="inc-1", title="scraping", about=about)
    found = judge(NoOpenIncidentCheck(type="no_open_incident", scope=scope), facts(open_incidents=(incident,)))
    assert found.verdict is verdict
    assert ("inc-1" in found.sentence) == (verdict is not Verdict.PASS)


def test_no_incident_passes() -> None:
    assert judge(NoOpenIncidentCheck(type="no_open_incident"), facts()).verdict is Verdict.PASS
