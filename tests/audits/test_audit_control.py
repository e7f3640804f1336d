"""The positive control learns its half by heart, whatever units the records come in."""

import numpy as np
import pytest

from govtool.access import Access, reachable
from govtool.attacks import signals
from govtool.attacks.catalog import ATTACKS
from govtool.attacks.interface import AttackData, AttackResult, Records, References
from govtool.audits import control, references
from govtool.audits.recipe import Recipe

ACCESS = reachable(frozenset({Access.PROBABILITIES}))
FOREST = Recipe(sklearn="sklearn.ensemble.RandomForestClassifier")


def records(scale: float) -> AttackData:
    draw = np.random.default_rng(3)
    rows = (draw.normal(size=(240, 12)) * scale * np.arange(1, 13)).astype(
        np.float32
    )  # unlike spreads, as in raw tables
    labels = (rows[:, 0] > 0).astype(np.int64)
    return AttackData(
        Records(rows[:80], labels[:80]), Records(rows[80:160], labels[80:160]), Records(rows[160:], labels[160:])
    )


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_raw_units_do_not_stop_the_control_from_learning(scale: float) -> None:
    data = records(scale)
    planned = control.plan(160, data.labels, 2, seed=1)
    trained = control.train_control(planned, FOREST, data, ACCESS, 2, 1, None)
    assert trained.train_accuracy >= control.LEARNT
    judged = control.judge(trained, ATTACKS["loss_threshold"], {}, np.random.default_rng(0))
    assert judged["passed"], judged


def test_references_of_another_kind_do_not_pass_unnoticed() -> None:
    """Nearest neighbours answer 0 or nearly never, so the line falls below every score of a network: AUC .9, balanced
    accuracy .500, and the control passed on the AUC alone."""
    data = records(1.0)
    planned = control.plan(160, data.labels, 2, seed=1)
    inside = references.halves(4, 160, seed=1)[:, planned.order]
    certain = np.where(inside, 0.0, signals.FLOOR)
    neighbours = References({"log_probability": certain}, inside, {"log_probability": np.zeros((4, 80))})
    trained = control.train_control(planned, FOREST, data, ACCESS, 2, 1, neighbours)
    judged = control.judge(trained, ATTACKS["loss_threshold"], {}, np.random.default_rng(0))
    assert judged["auc"]["low"] > 0.6
    assert judged["balanced_accuracy"]["low"] > 0.5  # at the auditor's threshold, which stands in
    found = ATTACKS["loss_threshold"].run(trained.target, trained.data, {}, np.random.default_rng(0))
    assert isinstance(found, AttackResult)
    assert "calls every record a member" in found.caveats[0]


def test_planted_labels_are_wrong_and_in_both_halves() -> None:
    data = records(1.0)
    planned = control.plan(160, data.labels, 2, seed=1)
    wrong = planned.labels != data.labels
    assert wrong.sum() == round(control.PLANTED * 160)
    assert 0 < wrong[planned.inside].sum() < wrong.sum()
    assert planned.inside.sum() == 80
