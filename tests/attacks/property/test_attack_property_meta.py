"""The meta-classifiers by themselves: invariance, known answers, and constant readings."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from property_worlds import HIDDEN, models, net

from govtool.attacks.property import deepsets, meta, neurons


def renumbered(layers: tuple[np.ndarray, ...], order: np.ndarray) -> tuple[np.ndarray, ...]:
    """The same models with the hidden neurons in another order."""
    first, second = layers
    moved = np.concatenate([second[:, :, order], second[:, :, -1:]], axis=2)
    return first[:, order], moved


LAYERS = models(24, 1.0, np.random.default_rng(0), weights=True)


def test_renumbering_hidden_neurons_does_not_change_a_model() -> None:
    """So that the other tests renumber, and do not scramble."""
    first, second = (layer[0] for layer in LAYERS.layers or ())
    one, two = (layer[0] for layer in renumbered(LAYERS.layers or (), np.array([4, 2, 0, 1, 3])))
    x = np.random.default_rng(1).normal(size=6)

    def answer(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return b[:, :-1] @ np.maximum(a[:, :-1] @ x + a[:, -1], 0) + b[:, -1]

    assert answer(one, two) == pytest.approx(answer(first, second))


@settings(max_examples=10, deadline=None)
@given(st.permutations(range(HIDDEN)))
def test_sets_of_neurons_do_not_see_how_neurons_are_numbered(order: list[int]) -> None:
    assert LAYERS.layers is not None
    decide = DECIDE
    assert decide(renumbered(LAYERS.layers, np.array(order))) == pytest.approx(decide(LAYERS.layers), abs=1e-4)


DECIDE = deepsets.fit(LAYERS.layers or (), LAYERS.world, np.random.default_rng(0))


@settings(max_examples=10, deadline=None)
@given(st.permutations(range(HIDDEN)))
def test_sorted_neurons_are_the_same_however_they_were_numbered(order: list[int]) -> None:
    assert LAYERS.layers is not None
    for one, two in zip(
        neurons.in_order(LAYERS.layers), neurons.in_order(renumbered(LAYERS.layers, np.array(order))), strict=True
    ):
        assert two == pytest.approx(one)


def test_norms_of_inputs_by_hand() -> None:
    """Two neurons with weights 3 and 4 for the only input, and biases 0 and 2: lengths 5 and 2."""
    assert neurons.input_norms((np.array([[[3.0, 0.0], [4.0, 2.0]]]),)).tolist() == [[5.0, 2.0]]


def test_norms_of_inputs_do_not_see_how_neurons_are_numbered() -> None:
    assert LAYERS.layers is not None
    other = renumbered(LAYERS.layers, np.array([4, 2, 0, 1, 3]))
    assert neurons.input_norms(other) == pytest.approx(neurons.input_norms(LAYERS.layers))


def test_a_simpler_candidate_is_passed_over_only_for_more_than_a_standard_error() -> None:
    """Means 0.025 and 0.107 nats, standard errors 0.075 and 0.007."""
    assert not meta._surely_worse(np.array([0.1, -0.1, 0.2, -0.1]))
    assert meta._surely_worse(np.array([0.1, 0.1, 0.12]))
    assert not meta._surely_worse(np.zeros(4))


def test_a_candidate_that_is_far_too_sure_is_judged_by_its_ranking() -> None:
    def loud(readings: tuple[np.ndarray, ...], world: np.ndarray, rng: np.random.Generator) -> meta.Decide:
        decide = meta.logistic(readings, world, rng)
        return lambda asked: 100 * decide(asked) + 30

    rng = np.random.default_rng(0)
    world = np.arange(40) % 2 == 1
    readings = (rng.normal(size=(40, 4)) + world[:, None],)
    chosen = meta.choose({"loud": loud}, readings, world, rng)
    assert chosen.losses["loud"] < np.log(2)
    assert np.abs(chosen.decide(readings)).max() < 20


def test_a_candidate_that_ranks_backwards_scores_as_guessing() -> None:
    def backwards(readings: tuple[np.ndarray, ...], world: np.ndarray, rng: np.random.Generator) -> meta.Decide:
        decide = meta.logistic(readings, world, rng)
        return lambda asked: -decide(asked)

    world = np.arange(40) % 2 == 1
    readings = (np.random.default_rng(0).normal(size=(40, 4)) + world[:, None],)
    chosen = meta.choose({"backwards": backwards}, readings, world, np.random.default_rng(0))
    assert chosen.losses["backwards"] == pytest.approx(np.log(2))


def test_sorting_leaves_what_it_was_given() -> None:
    assert LAYERS.layers is not None
    before = [layer.copy() for layer in LAYERS.layers]
    neurons.in_order(LAYERS.layers)
    assert all(np.array_equal(one, two) for one, two in zip(before, LAYERS.layers, strict=True))


def test_layers_hold_weights_and_the_bias_last() -> None:
    module = net(np.random.default_rng(0), 0.0)
    found = neurons.layers(module)
    assert found is not None
    assert [layer.shape for layer in found] == [(1, 5, 7), (1, 2, 6)]
    assert found[0][0, :, -1] == pytest.approx(module[0].bias.detach().numpy())  # type: ignore[index]


def test_a_layer_without_bias_has_a_bias_of_zero() -> None:
    import torch

    found = neurons.layers(torch.nn.Linear(3, 2, bias=False))
    assert found is not None
    assert found[0][0, :, -1].tolist() == [0, 0]


def test_constant_readings_decide_nothing() -> None:
    world = np.arange(16) % 2 == 1
    decide = meta.logistic((np.ones((16, 3)),), world, np.random.default_rng(0))
    assert decide((np.ones((5, 3)),)).tolist() == [0.0] * 5


def test_one_telling_reading_among_noise_is_found() -> None:
    rng = np.random.default_rng(0)
    world = np.arange(60) % 2 == 1
    readings = rng.normal(size=(60, 30))
    readings[:, 7] += 3 * world
    scores = meta.logistic((readings,), world, rng)((readings,))
    assert np.mean((scores > 0) == world) > 0.9


def test_readings_scaled_or_moved_decide_the_same() -> None:
    rng = np.random.default_rng(0)
    world = np.arange(40) % 2 == 1
    readings = rng.normal(size=(40, 6)) + world[:, None]
    plain = meta.logistic((readings,), world, np.random.default_rng(1))((readings,))
    moved = meta.logistic((readings * 1000 + 5,), world, np.random.default_rng(1))((readings * 1000 + 5,))
    assert moved == pytest.approx(plain, abs=1e-3)


def test_the_candidate_that_generalises_is_chosen() -> None:
    def guess(_readings: object, _world: object, _rng: object) -> meta.Decide:
        return lambda asked: np.zeros(len(asked[0]))

    rng = np.random.default_rng(0)
    world = np.arange(40) % 2 == 1
    readings = (rng.normal(size=(40, 4)) + 2 * world[:, None],)
    chosen = meta.choose({"guess": guess, "logistic": meta.logistic}, readings, world, rng)
    assert chosen.name == "logistic"
    assert chosen.losses["guess"] == pytest.approx(np.log(2))
