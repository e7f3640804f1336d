"""A policy on attribute inference: what passes, what fails, and what it says."""

import pytest
from policy_builders import NOW, attack, facts, metric, rule

from govtool.estimate import Estimate
from govtool.policy.metric import check_metric
from govtool.policy.result import RuleResult
from govtool.verdict import Verdict


def excess(value: float, low: float, high: float) -> Estimate:
    return Estimate(value, low, high, 0.95, 2000, "Paired score interval (Tango), members less non-members")


def judged(*figures: Estimate, outside: float = 0.0, **more: object) -> RuleResult:
    records = [
        attack(
            f"attribute_{number}",
            family="attribute_inference",
            metrics={"excess": one, "gain_nonmembers": excess(outside, outside - 0.01, outside + 0.01)},
            baselines={"excess": 0.0},
            **more,
        )
        for number, one in enumerate(figures)
    ]
    check = metric(0.05, name="attribute.excess")
    return check_metric(facts(*records), check, rule(check), NOW)


def test_a_leak_fails_and_the_sentence_says_beyond_what() -> None:
    found = judged(excess(0.12, 0.09, 0.15))
    assert found.verdict is Verdict.FAIL
    assert "infers the sensitive attribute of about 12 of 100 people in the training data" in found.sentence
    assert "beyond what can be inferred without the model" in found.sentence


def test_no_excess_passes() -> None:
    found = judged(excess(0.0, -0.01, 0.01))
    assert found.verdict is Verdict.PASS
    assert "could not infer the sensitive attribute of more than 1 of 100" in found.sentence


def test_an_attack_worse_than_imputation_passes_without_a_negative_count() -> None:
    found = judged(excess(-0.17, -0.19, -0.14))
    assert found.verdict is Verdict.PASS
    assert "more than 0 of 100" in found.sentence


def test_five_attacks_share_the_doubt_and_can_still_pass() -> None:
    assert judged(*[excess(0.0, -0.02, 0.02)] * 5).verdict is Verdict.PASS
    assert judged(*[excess(0.0, -0.04, 0.04)] * 5).verdict is Verdict.INCONCLUSIVE


def test_an_open_interval_is_told_from_nought_up() -> None:
    found = judged(excess(0.03, -0.01, 0.07))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "between 0 and 7 of 100" in found.sentence


def test_exchanged_groups_are_suspicious_not_safe() -> None:
    found = judged(excess(-0.2, -0.25, -0.15), outside=0.2)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "exchanged" in found.sentence


def test_a_limit_that_no_leak_could_reach_decides_nothing() -> None:
    """3 in 100 have the value: all of them found is an excess of 3."""
    assert judged(excess(0.0, -0.01, 0.01), ceiling=0.05).verdict is Verdict.PASS
    found = judged(excess(0.0, -0.01, 0.01), ceiling=0.03)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "no excess above 3 of 100 is possible" in found.sentence


@pytest.mark.parametrize("control", ["none", "failed"])
def test_without_a_passed_control_a_low_figure_shows_nothing(control: str) -> None:
    assert judged(excess(0.0, -0.01, 0.01), control=control).verdict is Verdict.INCONCLUSIVE


def judged_at_decision(value: float, low: float, high: float, **more: object) -> RuleResult:
    """One attack; the limit is 10 of 100."""
    figure = Estimate(value, low, high, 0.95, 400, "Clopper-Pearson on both groups, members less non-members")
    found = attack(
        "attribute_csmia", family="attribute_inference", metrics={"precision_at_decision_gap": figure}, **more
    )
    check = metric(0.10, name="attribute.precision_at_decision_gap")
    return check_metric(facts(found), check, rule(check), NOW)


def test_a_model_that_is_certain_about_its_members_fails_on_its_precision() -> None:
    found = judged_at_decision(0.39, 0.30, 0.48)
    assert found.verdict is Verdict.FAIL
    assert "about whom the model itself decides" in found.sentence
    assert "beyond as many of 100 outsiders" in found.sentence


def test_equal_precision_passes_also_where_no_excess_was_possible() -> None:
    """The ceiling is that of the excess; precision is about other records."""
    assert judged_at_decision(0.01, -0.05, 0.07, ceiling=0.03).verdict is Verdict.PASS
    assert judged_at_decision(0.05, -0.02, 0.12).verdict is Verdict.INCONCLUSIVE


def test_more_precision_outside_is_suspicious() -> None:
    found = judged_at_decision(-0.4, -0.5, -0.3)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "exchanged" in found.sentence


def test_too_few_decisions_leave_the_rule_open() -> None:
    found = attack("attribute_map", family="attribute_inference", metrics={})
    check = metric(0.10, name="attribute.precision_at_decision_gap")
    assert check_metric(facts(found), check, rule(check), NOW).verdict is Verdict.INCONCLUSIVE
