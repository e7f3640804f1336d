"""A limit on property inference: decided on test models, and said to be about a group. 110 of 200 reaches 62.0 at 95 %."""

from typing import Any

import pytest
from policy_builders import NOW, attack, facts, metric, rule

from govtool.access import Access
from govtool.estimate import clopper_pearson
from govtool.policy.facts import AttackFact, WorldsFact
from govtool.policy.metric import check_metric
from govtool.policy.result import RuleResult
from govtool.verdict import Verdict


def property_inference(right: int, models: int = 200, name: str = "property_answers", **more: Any) -> AttackFact:
    base = {
        "family": "property_inference",
        "metrics": {"world_accuracy": clopper_pearson(right, models)},
        "baselines": {"world_accuracy": 0.5},
    }
    return attack(name, **{**base, **more})


def judge(*attacks: AttackFact, limit: float = 0.65, min_n: int = 200) -> RuleResult:
    check = metric(limit, name="property.accuracy", min_n=min_n)
    return check_metric(facts(*attacks), check, rule(check), NOW)


def test_worlds_that_are_told_apart_fail_and_the_sentence_is_about_the_group() -> None:
    found = judge(property_inference(180))
    assert found.verdict is Verdict.FAIL
    assert "a group-level risk, no data of one person" in found.sentence
    assert "an outsider who sees this model's answers says which is which for about 90 of 100 models" in found.sentence


def test_worlds_that_look_alike_pass_on_enough_models() -> None:
    found = judge(property_inference(110))
    assert found.verdict is Verdict.PASS
    assert (
        "could not say which is which for more than 63 of 100 models with 1 attack on 200 test models" in found.sentence
    )


@pytest.mark.parametrize("right", [110, 180])
def test_the_worlds_are_named_because_close_ones_are_hard_to_tell(right: int) -> None:
    asked = WorldsFact(name="sex equals 1", worlds=(0.49, 0.51))
    found = judge(property_inference(right, asked=asked))
    assert "records of which 49 % or 51 % have the property that sex equals 1." in found.sentence


def test_runs_about_different_worlds_name_them_all() -> None:
    wide = property_inference(
        110, 400, name="property_weights", asked=WorldsFact(name="sex equals 1", worlds=(0.3, 0.7))
    )
    close = property_inference(100, 400, asked=WorldsFact(name="sex equals 1", worlds=(0.49, 0.51)))
    found = judge(wide, close)
    assert "30 % or 70 %" in found.sentence
    assert "49 % or 51 %" in found.sentence


def test_fewer_models_than_the_policy_asks_for_do_not_decide() -> None:
    found = judge(property_inference(50, 100))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "Too few test models" in found.sentence


def test_three_attacks_share_the_doubt() -> None:
    """114 of 200 reaches 64.0 at 95 % and 65.4 at the 98.3 % of one among three."""
    names = ("property_answers", "property_weights", "property_snap")
    assert judge(property_inference(114)).verdict is Verdict.PASS
    assert judge(*(property_inference(114, name=name) for name in names)).verdict is Verdict.INCONCLUSIVE


def test_a_low_figure_without_a_control_never_passes() -> None:
    assert judge(property_inference(100, control="none")).verdict is Verdict.INCONCLUSIVE


def test_a_void_test_never_passes() -> None:
    void = property_inference(100, status="void", reason="the control failed", metrics={})
    assert judge(void).verdict is Verdict.INCONCLUSIVE


def test_nobody_asked_is_not_run() -> None:
    asked = property_inference(100, status="not_requested", reason="the spec has no section 'property'", metrics={})
    found = judge(asked)
    assert found.verdict is Verdict.NOT_RUN
    assert "make-up of the whole training set" in found.sentence


def test_snap_that_does_not_apply_leaves_the_others_to_decide() -> None:
    snap = property_inference(0, name="property_snap", status="not_applicable", reason="nobody adds rows", metrics={})
    assert judge(property_inference(100), snap).verdict is Verdict.PASS


def test_who_holds_the_weights_is_named() -> None:
    found = judge(property_inference(180, access=(Access.WEIGHTS,), audited_access=tuple(Access)))
    assert "an attacker who holds the model itself" in found.sentence
