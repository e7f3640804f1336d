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
