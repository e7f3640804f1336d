"""The search alone: what it may touch, where it may go, and cases with a known answer."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from attack_worlds import digit_softmax, digits, fit
from torch import nn

from govtool.attacks.interface import Features
from govtool.attacks.inversion import ascent
from govtool.attacks.inversion.ascent import reconstruct
from govtool.attacks.inversion.objectives import LOSSES
from govtool.attacks.inversion.question import STILL, Bounds, Question, Reconstructions
from govtool.attacks.inversion.settings import PRESETS, PRIORS, Kind, Settings
from govtool.errors import InputError

UNIT = np.array([[0, 0, 0, 0], [1, 1, 1, 1]], dtype=np.float32)
TABLE = PRESETS["table"]


def linear(weights: list[list[float]]) -> torch.nn.Module:
    model = torch.nn.Linear(len(weights[0]), len(weights), bias=False)
    with torch.no_grad():
        model.weight.copy_(torch.tensor(weights))
    return model


def invert(
    model: torch.nn.Module, features: Features = UNIT, seed: int = 0, settings: Settings = TABLE
) -> Reconstructions:
    asked = Question(np.array([0, 1]), Bounds.of(features, image=False), None)
    return reconstruct(model, asked, settings, np.random.default_rng(seed))


def draw_digits(module: nn.Module, settings: Settings, seed: int = 0) -> Reconstructions:
    bounds = Bounds.of(digits(0)[0].features, image=True)
    return reconstruct(module, Question(np.arange(10), bounds, (1, 8, 8)), settings, np.random.default_rng(seed))


def test_a_linear_model_gives_up_the_feature_that_marks_each_class() -> None:
    """Class 0 is voted for by the first feature and class 1 by the last; the middle ones say nothing and stay grey."""
    found = invert(linear([[9.0, 0, 0, 0], [0, 0, 0, 9.0]]))
    assert found.inputs[0, 0] > 0.75
    assert found.inputs[0, 3] < 0.25
    assert found.inputs[1, 3] > 0.75
    assert np.abs(found.inputs[:, 1:3] - 0.5).max() < 0.1
    assert (found.confidence > 0.95).all()


@pytest.mark.parametrize("prior", ["none", "spectrum", "blurred", "total_variation", "smooth"])
def test_inputs_stay_inside_the_observed_range(prior: str) -> None:
    features = np.array([[-2, 10, 0, 5], [3, 11, 0.5, 5]], dtype=np.float32)
    asked = Question(np.array([0, 1]), Bounds.of(features, image=False), (1, 2, 2))
    model = linear([[50.0, 50, 50, 50], [-50, -50, -50, -50]])
    found = reconstruct(model, asked, Settings("cross_entropy", prior, 50), np.random.default_rng(0))
    assert (found.inputs >= features[0] - 1e-5).all()
    assert (found.inputs <= features[1] + 1e-5).all()


def test_the_model_is_not_changed() -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(), nn.Linear(8, 2))
    before = copy.deepcopy(model.state_dict())
    invert(model, settings=Settings("margin", "none", 5, batch_norm=1.0))
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert model.training
    assert all(p.requires_grad and p.grad is None for p in model.parameters())
    assert not model[1]._forward_pre_hooks


@pytest.mark.parametrize("kind", ["table", "linear", "convolutional"])
def test_the_same_seed_gives_the_same_pictures(kind: Kind) -> None:
    torch.manual_seed(0)
    model, settings = nn.Linear(64, 10), replace(PRESETS[kind], steps=5)
    one, again = draw_digits(model, settings, 4), draw_digits(model, settings, 4)
    assert np.array_equal(one.inputs, again.inputs)
    assert np.array_equal(one.confidence, again.confidence)


def test_picture_bounds_do_not_tell_which_pixels_are_blank() -> None:
    features = np.array([[0, 2, 4], [0, 8, 4]], dtype=np.float32)
    image, table = Bounds.of(features, image=True), Bounds.of(features, image=False)
    assert (image.low.tolist(), image.high.tolist()) == ([0, 0, 0], [8, 8, 8])
    assert (table.low.tolist(), table.high.tolist()) == ([0, 2, 4], [0, 8, 4])
    assert image.to_units(features)[1].tolist() == [0, 1, 0.5]
    assert table.to_units(features)[1].tolist() == [0, 1, 0]


def test_the_first_start_is_grey_and_the_others_differ() -> None:
    starts = ascent._starts(2, 3, (3,), np.random.default_rng(0)).reshape(3, 2, 3)
    assert (starts[0] == 0.5).all()
    assert (starts[1] != starts[2]).any()
    assert starts.min() >= 0
    assert starts.max() <= 1


def test_a_class_seen_in_grey_is_still_drawn() -> None:
    """The bias alone gives class 0 the grey input; its reconstruction must leave grey all the same."""
    model = torch.nn.Linear(4, 2)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[3.0, 0, 0, 0], [0, 0, 0, 3.0]]))
        model.bias.copy_(torch.tensor([6.0, 0]))
    assert invert(model).inputs[0, 0] > 0.9


def test_a_class_that_needs_no_drawing_is_told_from_one_that_was_drawn() -> None:
    """A bias of 30 gives class 0 the grey input by more than the margin of 10: no gradient is left, and it stays grey."""
    model = linear([[3.0, 0, 0, 0], [0, 0, 0, 9.0]])
    model.bias = torch.nn.Parameter(torch.tensor([30.0, 0]))
    found = invert(model)
    assert found.grey.tolist() == [True, False]
    assert np.abs(found.inputs[0] - 0.5).max() < STILL


@pytest.mark.parametrize("prior", [prior for prior in PRIORS if prior != "autoencoder"])
@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_and_prior_draws_digits_the_model_believes_in(loss: str, prior: str) -> None:
    target, _ = digit_softmax(0)
    found = draw_digits(target.module(), Settings(loss, prior, 60))
    assert (target.labels(found.inputs) == np.arange(10)).sum() >= 9
    own = np.exp(target.log_probabilities(found.inputs)[np.arange(10), np.arange(10)])
    assert np.allclose(own, found.confidence, atol=1e-5)


def test_colours_are_drawn_too() -> None:
    """Class 0 is voted for by red and class 1 by blue, anywhere."""
    weights = np.zeros((2, 3, 4, 5), np.float32)
    weights[0, 0], weights[1, 2] = 1, 1
    found = reconstruct(
        linear(weights.reshape(2, 60).tolist()),
        Question(np.array([0, 1]), Bounds(np.zeros(60, np.float32), np.ones(60, np.float32)), (3, 4, 5)),
        PRESETS["linear"],
        np.random.default_rng(0),
    )
    means = found.inputs.reshape(2, 3, 20).mean(2)
    assert means[0].argmax() == 0
    assert means[1].argmax() == 2
    assert np.abs(means[:, 1] - 0.5).max() < 0.05


def test_restarts_are_chosen_by_how_steady_they_are() -> None:
    """The model answers class 0 for a broad light area, and more strongly for one exact checkerboard of two pixels."""
    bright, board = torch.ones(1, 64), torch.tensor([1.0, 0]).repeat(32)[None]

    class Brittle(nn.Module):
        def forward(self, units: torch.Tensor) -> torch.Tensor:
            exact = 60.0 * ((units - board).abs().amax(1) < 1e-3)
            return torch.stack([units.mean(1) * 8 + exact, torch.full((len(units),), 4.0)], 1)

    model = ascent._Model(Brittle(), torch.zeros(64), torch.ones(64))
    score = ascent._steadiness(
        model, torch.cat([board, bright]), torch.tensor([0, 0]), (1, 8, 8), np.random.default_rng(0)
    )
    sure = torch.log_softmax(Brittle()(torch.cat([board, bright])), 1)[:, 0]
    assert sure[0] > sure[1], "the model itself prefers the board"
    assert score[1] > score[0]


def test_batch_statistics_pull_pictures_towards_what_the_model_was_trained_on() -> None:
    """Remembered brightness is 0.2; the classes are told by left and right alone, so nothing else speaks of brightness."""
    norm = nn.BatchNorm2d(1).eval()
    assert norm.running_mean is not None
    assert norm.running_var is not None
    norm.running_mean.fill_(0.2)
    norm.running_var.fill_(0.02)
    head = nn.Linear(64, 2, bias=False)
    with torch.no_grad():
        left = torch.tensor([1.0] * 4 + [-1.0] * 4).repeat(8)
        head.weight.copy_(torch.stack([left, -left]))
    model = nn.Sequential(nn.Unflatten(1, (1, 8, 8)), norm, nn.Flatten(), head)
    asked = Question(np.array([0, 1]), Bounds(np.zeros(64, np.float32), np.ones(64, np.float32)), (1, 8, 8))

    def brightness(weight: float) -> float:
        settings = Settings("margin", "none", 100, batch_norm=weight)
        return float(reconstruct(model, asked, settings, np.random.default_rng(0)).inputs.mean())

    assert brightness(0.0) == pytest.approx(0.5, abs=0.02)
    assert brightness(10.0) == pytest.approx(0.2, abs=0.05)


class Autoencoding(nn.Module):
    """Softmax on the codes of an autoencoder, as the paper's DAE model is."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 24), nn.Sigmoid())
        self.decoder = nn.Sequential(nn.Linear(24, 64), nn.Sigmoid())
        self.head = nn.Linear(24, 10)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.head(self.encoder(inputs))


def trained_autoencoder() -> Autoencoding:
    members = digits(0)[0]
    inputs = torch.from_numpy(members.features)
    torch.manual_seed(0)
    model = Autoencoding()
    optimizer = torch.optim.Adam([*model.encoder.parameters(), *model.decoder.parameters()], 1e-2)
    for _ in range(200):
        optimizer.zero_grad()
        noisy = inputs + 0.2 * torch.randn_like(inputs)
        nn.functional.mse_loss(model.decoder(model.encoder(noisy)), inputs).backward()
        optimizer.step()
    model.decoder.requires_grad_(False)
    fit(nn.Sequential(model.encoder, model.head), members.features, members.labels, 100)
    return model.eval()


@pytest.mark.parametrize("process", [0, 20])
def test_an_autoencoder_draws_for_the_attacker(process: int) -> None:
    """What its decoder draws is nearer to real digits than the pixels that a search without it ends at."""
    model, members = trained_autoencoder(), digits(0)[0]
    codes = draw_digits(model, Settings("margin", "autoencoder", 100, process=process))
    pixels = draw_digits(model, Settings("margin", "none", 100))
    assert (codes.confidence > 0.5).sum() >= 6, "a picture that has just been processed is a little less sure"

    def distance(found: Reconstructions) -> float:
        apart = ((found.inputs[:, None] - members.features[None]) ** 2).mean(2).min(1)
        return float(np.sqrt(apart).mean())

    assert distance(codes) < 0.8 * distance(pixels)


def test_a_model_without_an_autoencoder_is_told_so() -> None:
    with pytest.raises(InputError, match="it has no 'encoder'"):
        draw_digits(nn.Linear(64, 10), Settings("margin", "autoencoder", 5))


def test_what_was_done_is_kept() -> None:
    found = draw_digits(nn.Linear(64, 10), Settings("margin", "spectrum", 3))
    assert found.detail["search"]["prior"] == "spectrum"
    assert found.detail["search"]["device"] == "cpu"
