"""The optimiser alone: what it may touch, where it may go, and one case with a known answer."""

import copy

import numpy as np
import pytest
import torch
from attack_worlds import digit_softmax

from govtool.attacks.interface import Features
from govtool.attacks.inversion import ascent
from govtool.attacks.inversion.question import STILL, Bounds, Question, Reconstructions

UNIT = np.array([[0, 0, 0, 0], [1, 1, 1, 1]], dtype=np.float32)


def linear(weights: list[list[float]]) -> torch.nn.Module:
    model = torch.nn.Linear(len(weights[0]), len(weights), bias=False)
    with torch.no_grad():
        model.weight.copy_(torch.tensor(weights))
    return model


def invert(model: torch.nn.Module, features: Features = UNIT, seed: int = 0) -> Reconstructions:
    bounds = Bounds.of(features, image=False)
    return ascent.reconstruct(model, Question(np.array([0, 1]), bounds, None), np.random.default_rng(seed))


def test_a_linear_model_gives_up_the_feature_that_marks_each_class() -> None:
    """Class 0 is voted for by the first feature and class 1 by the last; the middle ones say nothing and stay grey."""
    found = invert(linear([[9.0, 0, 0, 0], [0, 0, 0, 9.0]]))
    assert found.inputs[0, 0] > 0.75
    assert found.inputs[0, 3] < 0.25
    assert found.inputs[1, 3] > 0.75
    assert np.abs(found.inputs[:, 1:3] - 0.5).max() < 0.1
    assert (found.confidence > 0.95).all()


def test_inputs_stay_inside_the_observed_range_of_each_feature() -> None:
    features = np.array([[-2, 10, 0, 5], [3, 11, 0.5, 5]], dtype=np.float32)
    found = invert(linear([[50.0, 50, 50, 50], [-50, -50, -50, -50]]), features)
    assert (found.inputs >= features[0] - 1e-5).all()
    assert (found.inputs <= features[1] + 1e-5).all()


def test_the_model_is_not_changed() -> None:
    model = torch.nn.Sequential(
        torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.Dropout(), torch.nn.Linear(8, 2)
    )
    before = copy.deepcopy(model.state_dict())
    invert(model)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert model.training
    assert all(p.requires_grad and p.grad is None for p in model.parameters())


def test_the_same_seed_gives_the_same_pictures() -> None:
    model = linear([[1.0, 2, -1, 0.5], [0.2, -2, 1, 1]])
    assert np.array_equal(invert(model, seed=4).inputs, invert(model, seed=4).inputs)


def test_picture_bounds_do_not_tell_which_pixels_are_blank() -> None:
    features = np.array([[0, 2, 4], [0, 8, 4]], dtype=np.float32)
    image, table = Bounds.of(features, image=True), Bounds.of(features, image=False)
    assert (image.low.tolist(), image.high.tolist()) == ([0, 0, 0], [8, 8, 8])
    assert (table.low.tolist(), table.high.tolist()) == ([0, 2, 4], [0, 8, 4])
    assert image.to_units(features)[1].tolist() == [0, 1, 0.5]
    assert table.to_units(features)[1].tolist() == [0, 1, 0]


def test_the_first_start_is_grey_and_the_others_differ() -> None:
    starts = ascent._starts(2, (3,), np.random.default_rng(0)).reshape(ascent.RESTARTS, 2, 3)
    assert (starts[0] == 0.5).all()
    assert (starts[1] != starts[2]).any()
    assert starts.min() >= 0
    assert starts.max() <= 1


def test_doubt_by_hand() -> None:
    # log odds of class 0: 2 - log(e^0 + e^0), short of the margin by 10 - 2 + log 2
    logits, short = torch.tensor([[2.0, 0, 0]], dtype=torch.float64), ascent.MARGIN - 2 + np.log(2)
    assert float(ascent._doubt(logits, torch.tensor([0]))) == pytest.approx(np.log1p(np.exp(short)))


def test_doubt_without_a_margin_is_cross_entropy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ascent, "MARGIN", 0.0)
    logits, wanted = torch.randn(5, 4, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 2, 3, 0])
    expected = torch.nn.functional.cross_entropy(logits, wanted, reduction="sum")
    assert float(ascent._doubt(logits, wanted)) == pytest.approx(float(expected), rel=1e-5)


def test_a_class_seen_in_grey_is_still_drawn() -> None:
    """The bias alone gives class 0 the grey input; its reconstruction must leave grey all the same."""
    model = torch.nn.Linear(4, 2)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[3.0, 0, 0, 0], [0, 0, 0, 3.0]]))
        model.bias.copy_(torch.tensor([6.0, 0]))
    assert invert(model).inputs[0, 0] > 0.9


def test_roughness_by_hand() -> None:
    # 2 x 2 picture 0 1 / 0 0: one step down, one across, four pixels a half away from grey
    picture = torch.tensor([[0.0, 1, 0, 0]])
    expected = ascent.DISTANCE * 4 * 0.25 + ascent.ROUGHNESS * 2
    assert float(ascent._prior(picture, (1, 2, 2))) == pytest.approx(expected)
    assert float(ascent._prior(picture, None)) == pytest.approx(ascent.DISTANCE)


def test_every_digit_is_one_the_model_believes_in() -> None:
    target, data = digit_softmax(0)
    bounds = Bounds.of(data.members.features, image=True)
    found = ascent.reconstruct(target.module(), Question(np.arange(10), bounds, (1, 8, 8)), np.random.default_rng(0))
    assert (target.labels(found.inputs) == np.arange(10)).all()
    own = np.exp(target.log_probabilities(found.inputs)[np.arange(10), np.arange(10)])
    assert np.allclose(own, found.confidence, atol=1e-5)


def test_a_class_that_needs_no_drawing_is_told_from_one_that_was_drawn() -> None:
    """A bias of 30 gives class 0 the grey input by more than the margin of 10: no gradient is left, and it stays grey."""
    model = linear([[3.0, 0, 0, 0], [0, 0, 0, 9.0]])
    model.bias = torch.nn.Parameter(torch.tensor([30.0, 0]))
    found = invert(model)
    assert found.grey.tolist() == [True, False]
    assert np.abs(found.inputs[0] - 0.5).max() < STILL
