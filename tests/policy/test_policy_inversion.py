"""The person or the photo: a rule may leave a gap between met and broken, and count for less while nothing is decided."""

from typing import Any

import pytest
from policy_builders import NOW, attack, deployment, facts, inversion, metric, policies, rule

from govtool.access import Access
from govtool.estimate import Estimate
from govtool.policy.document import MetricCheck, Rule
from govtool.policy.explain import explain
from govtool.policy.gate import evaluate
from govtool.policy.metric import check_metric
from govtool.policy.words import METRICS
from govtool.verdict import GateOutcome, Verdict

RECOGNISED = metric(0.15, name="inversion.identification_rate", min_n=20)
ADVANTAGE, NEAREST = "inversion.swap_advantage", "inversion.nearest_is_training"
BOOTSTRAP, GROUPED = "Bootstrap over classes", "Clopper-Pearson for trials grouped by class (Korn & Graubard)"


def swap(low: float, high: float, *, nearest: tuple[float, float] = (0.42, 0.58), **more: Any) -> Any:
    figures = {
        "swap_advantage": Estimate((low + high) / 2, low, high, 0.95, 12, BOOTSTRAP),
        "nearest_is_training": Estimate(sum(nearest) / 2, *nearest, 0.95, 150, GROUPED),
    }
    base = {"family": "model_inversion", "metrics": figures, "access": (Access.GRADIENTS,), "counts": None}
    base |= {"audited_access": (Access.WEIGHTS,), "baselines": {"swap_advantage": 0.0, "nearest_is_training": 0.5}}
    return attack("inversion_split_swap", **{**base, **more})


def gap(**given: Any) -> MetricCheck:
    return metric(0.02, name=ADVANTAGE, min_n=5).model_copy(update={"fails_from": 0.05, **given})


def judge(*attacks: Any, check: MetricCheck | None = None) -> Any:
    return check_metric(facts(*attacks), check or gap(), rule(check or gap()), NOW)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.13, 0.19, Verdict.FAIL),
        (0.05, 0.06, Verdict.FAIL),
        (0.026, 0.037, Verdict.INCONCLUSIVE),
        (0.01, 0.03, Verdict.INCONCLUSIVE),
        (0.002, 0.006, Verdict.PASS),
        (-0.004, 0.001, Verdict.PASS),
    ],
)
def test_between_met_and_broken_nothing_is_decided(low: float, high: float, verdict: Verdict) -> None:
    found = judge(swap(low, high))
    assert found.verdict is verdict, found.sentence
    if verdict is Verdict.FAIL:
        assert "trained on other records of the same classes" in found.sentence
        assert "the policy's limit is 5" in found.sentence


def test_silence_without_power_or_with_a_void_test_is_no_pass() -> None:
    assert judge(swap(0.002, 0.006, control="failed")).verdict is Verdict.INCONCLUSIVE
    assert judge(swap(0.002, 0.006, control="none")).verdict is Verdict.INCONCLUSIVE
    assert judge(swap(0.002, 0.006, status="void", reason="no power")).verdict is Verdict.INCONCLUSIVE
    assert judge().verdict is Verdict.NOT_RUN
    assert judge(swap(0.1, 0.2, control="failed")).verdict is Verdict.FAIL, "a leak found is a leak"


def test_attacks_about_the_class_and_about_the_record_do_not_answer_for_each_other() -> None:
    """Naming nobody is no statement about records, and no figure about records is missing from it."""
    of_class = inversion(0, audited_access=(Access.WEIGHTS,))
    assert judge(of_class).verdict is Verdict.NOT_RUN
    assert judge(of_class, swap(0.002, 0.006)).verdict is Verdict.PASS
    rate = metric(0.15, name="inversion.identification_rate", min_n=20)
    assert judge(of_class, swap(0.1, 0.2), check=rate).verdict is Verdict.PASS
    assert judge(swap(0.1, 0.2), check=rate).verdict is Verdict.NOT_RUN
    assert {
        name
        for name, one in METRICS.items()
        if one.measured_by("inversion_split_swap") and one.family == "model_inversion"
    } == {ADVANTAGE, NEAREST}


def test_the_nearest_record_is_a_figure_of_its_own() -> None:
    check = metric(0.60, name=NEAREST, min_n=5)
    assert judge(swap(0.01, 0.03), check=check).verdict is Verdict.PASS
    assert judge(swap(0.01, 0.03, nearest=(0.65, 0.84)), check=check).verdict is Verdict.FAIL
    assert judge(swap(0.01, 0.03, nearest=(0.42, 0.65)), check=check).verdict is Verdict.INCONCLUSIVE


def test_repeating_the_test_widens_both_figures_and_one_that_fails_fails() -> None:
    twice = judge(swap(0.002, 0.018), swap(0.002, 0.018, id="again"))
    assert twice.measured is not None
    assert twice.measured.high > 0.018
    assert twice.verdict is Verdict.INCONCLUSIVE
    assert judge(swap(0.002, 0.006), swap(0.13, 0.19, id="again")).verdict is Verdict.FAIL


def test_a_figure_cannot_both_pass_and_fail() -> None:
    with pytest.raises(ValueError, match="both pass and fail"):
        MetricCheck.model_validate({**gap().model_dump(mode="json"), "fails_from": "1%", "max_age": "90d"})


def lenient(**given: Any) -> Rule:
    return rule(gap(), severity="block").model_copy(update={"while_open": "warn", **given})


@pytest.mark.parametrize(
    ("found", "outcome"),
    [
        ([], GateOutcome.GO_WITH_CONDITIONS),
        ([swap(0.01, 0.03)], GateOutcome.GO_WITH_CONDITIONS),
        ([swap(0.13, 0.19)], GateOutcome.NO_GO),
        ([swap(0.002, 0.006)], GateOutcome.GO),
    ],
)
def test_an_open_question_is_a_condition_and_a_finding_blocks(found: list[Any], outcome: GateOutcome) -> None:
    shown = facts(*found, deployments=(deployment("weights"),))
    assert evaluate(policies(lenient()), shown, NOW).outcome is outcome


def test_it_may_count_for_less_while_open_but_never_for_more() -> None:
    with pytest.raises(ValueError, match="while nothing is decided"):
        Rule.model_validate({**lenient().model_dump(), "severity": "warn"})


def test_the_gap_and_what_is_open_are_told_in_plain_words(shipped: Any) -> None:
    policy, stands = shipped.find("INV-004")
    text = explain(policy, stands, shipped.levels)
    assert "fewer than 2 of 100 points of likeness" in text
    assert "broken only where the figure is surely 5 or more" in text
    assert "may not ship if it is surely broken" in text
    assert "condition on the approval and stops nothing" in text


@pytest.fixture
def shipped() -> Any:
    from govtool import resources
    from govtool.policy import document

    return document.load(resources.find("policies"))


def rates(median: int, highest: int | None, classes: int = 40) -> Any:
    found = inversion(median, classes)
    if highest is None:
        return found
    more = {"identification_rate_highest": inversion(highest, classes).metrics["identification_rate"]}
    return found.model_copy(update={"metrics": {**found.metrics, **more}})


@pytest.mark.parametrize(
    ("highest", "verdict"), [(None, Verdict.PASS), (1, Verdict.PASS), (5, Verdict.PASS), (35, Verdict.INCONCLUSIVE)]
)
def test_one_judge_who_surely_recognises_people_leaves_the_question_open(highest: int | None, verdict: Verdict) -> None:
    """Two judges who see nothing outvote a third in the median; that is no proof that there is nothing to see."""
    found = check_metric(facts(rates(0, highest)), RECOGNISED, rule(RECOGNISED), NOW)
    assert found.verdict is verdict
    if highest == 35:
        assert "one recognises 88 of 100" in found.sentence


def test_the_median_judge_alone_is_enough_for_a_leak() -> None:
    assert check_metric(facts(rates(30, 30)), RECOGNISED, rule(RECOGNISED), NOW).verdict is Verdict.FAIL
