"""Learning rates are torch's own schedules, and early stopping keeps each model's best weights."""

import numpy as np
import pytest
import torch
from audit_worlds import D, K, draw

from govtool.audits import recipe
from govtool.audits.recipe import EarlyStopping, Recipe
from govtool.audits.training import schedule, stopping
from govtool.errors import InputError


def torch_rates(make: object, steps: int) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    scheduler = make(optimizer)  # type: ignore[operator]
    found = []
    for _step in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


def test_cosine_is_cosine_annealing() -> None:
    theirs = torch_rates(lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 20), 20)
    assert np.allclose(schedule.rates("cosine", 0.1, 20), theirs)


@pytest.mark.parametrize("steps", [21, 101])
def test_one_cycle_is_torchs_up_to_where_its_steps_fall(steps: int) -> None:
    theirs = torch_rates(lambda o: torch.optim.lr_scheduler.OneCycleLR(o, 0.1, steps, cycle_momentum=False), steps)
    ours = schedule.rates("one_cycle", 0.1, steps)
    assert ours[0] == pytest.approx(0.1 / 25)
    assert ours[-1] == pytest.approx(0.1 / 250_000)
    assert np.abs(ours - theirs).max() < 0.1 * 6 / steps  # its warm-up ends one step before three tenths


def test_constant_is_constant_and_one_step_is_enough_for_each() -> None:
    assert schedule.rates("constant", 0.1, 3).tolist() == [0.1] * 3
    assert schedule.rates("cosine", 0.1, 1).tolist() == [0.1]
    assert schedule.rates("one_cycle", 0.1, 1).tolist() == pytest.approx([0.1 / 25])


def test_each_model_keeps_its_own_best_and_stops_by_itself() -> None:
    weights = [torch.zeros(2, 3)]
    patience = stopping.Patience(weights, 2)
    for epoch, losses in enumerate([[3.0, 3.0], [1.0, 4.0], [2.0, 5.0], [2.0, 0.0], [9.0, 9.0]]):
        weights[0].fill_(epoch)
        done = patience.stopped(np.array(losses))
        assert done == (epoch >= 3)
    patience.restore()
    assert weights[0][:, 0].tolist() == [1.0, 0.0]  # the second had stopped when its loss fell to 0


def test_a_loss_that_is_not_a_number_is_never_the_best() -> None:
    weights = [torch.ones(1)]
    patience = stopping.Patience(weights, 1)
    weights[0].fill_(7)
    assert patience.stopped(np.array([np.nan]))
    patience.restore()
    assert weights[0].tolist() == [1.0]


@pytest.mark.parametrize(("records", "share", "held"), [(10, 0.2, 2), (10, 0.01, 1), (10, 0.99, 9), (2, 0.5, 1)])
def test_some_are_trained_on_and_some_held_out(records: int, share: float, held: int) -> None:
    training, out = stopping.hold_out(records, share, seed=1)
    assert len(out) == held
    assert sorted([*training, *out]) == list(range(records))
    assert out.tolist() != stopping.hold_out(records, share, seed=2)[1].tolist() or records == 2


def test_early_stopping_remembers_less() -> None:
    """Labels of `draw` are half noise: training on ends in remembering it, stopping early does not."""
    features, labels = draw("members")
    long = Recipe(factory="mlp", factory_params={"hidden": [64]}, epochs=150, learning_rate=1e-2)
    early = long.model_copy(update={"early_stopping": EarlyStopping(held_out=0.2, patience=3)})
    right = {}
    for name, own in (("long", long), ("early", early)):
        module = recipe.train(own, features, labels, K, 1)
        with torch.no_grad():
            right[name] = float((module(torch.from_numpy(features)).argmax(1).numpy() == labels).mean())
    assert right["long"] > 0.95
    assert right["early"] < 0.85


def test_one_record_cannot_be_held_out() -> None:
    own = Recipe(factory="softmax", epochs=1, early_stopping=EarlyStopping())
    with pytest.raises(InputError, match="there is one record"):
        recipe.train(own, np.zeros((1, D), dtype=np.float32), np.zeros(1, dtype=np.int64), K, 1)


def test_a_schedule_moves_weights_elsewhere() -> None:
    own = Recipe(factory="softmax", epochs=2, learning_rate=1e-2)
    plain, cycled = (
        recipe.train(own.model_copy(update={"schedule": kind}), *draw("members"), K, 1)
        for kind in ("constant", "one_cycle")
    )
    assert not torch.equal(plain.weight, cycled.weight)
