"""Fully connected nets trained together: the gradients are autograd's, and nobody notices who trains beside them."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from govtool.audits import factories, recipe
from govtool.audits.recipe import Recipe
from govtool.audits.training import batches, loop, mlp
from govtool.audits.training.modules import StackedModules

D, K, N = 80, 3, 48
DRAW = np.random.default_rng(5)
DENSE = DRAW.normal(size=(N, D)).astype(np.float32)
SPARSE = (DRAW.random((N, D)) < 0.03).astype(np.float32)
LABELS = DRAW.integers(K, size=N)
SHAPES: dict[str, tuple[str, dict[str, Any]]] = {
    "softmax": ("softmax", {}),
    "relu": ("mlp", {"hidden": [16]}),
    "tanh, two hidden layers": ("mlp", {"hidden": [16, 7], "activation": "tanh"}),
    "dropout": ("mlp", {"hidden": [16], "dropout": 0.3}),
}


def nets(name: str, count: int) -> list[nn.Module]:
    factory, params = SHAPES[name]
    own = Recipe(factory=factory, factory_params=params)
    return [recipe.build(own, D, K, seed) for seed in range(count)]


def stack(modules: list[nn.Module], *, half: bool = False) -> mlp.StackedMlp:
    generators = [recipe.generator(seed, "dropout", "cpu") for seed in range(len(modules))]
    return mlp.StackedMlp(modules, generators, "cpu", half=half)


@pytest.mark.parametrize("name", ["softmax", "relu", "tanh, two hidden layers"])
@pytest.mark.parametrize("features", [DENSE, SPARSE], ids=["dense", "sparse"])
def test_gradients_are_those_of_autograd(name: str, features: Any) -> None:
    modules = nets(name, 2)
    rows = np.concatenate([np.arange(24), np.arange(24, 48)])
    kind = batches.Sparse if features is SPARSE else batches.Dense
    (batch,) = kind(features, "cpu").batches(rows, [slice(0, 48)], 2)
    stacked = stack(modules)
    found, logits = stacked.gradients(batch, torch.from_numpy(LABELS[rows]))
    for number, module in enumerate(modules):
        own = slice(24 * number, 24 * number + 24)
        told = module(torch.from_numpy(features[own]))
        nn.functional.cross_entropy(told, torch.from_numpy(LABELS[own])).backward()
        assert torch.allclose(logits[number], told, atol=1e-5)
    assert len(found) == len(stacked.parameters)
    flat = torch.cat(found)
    spread = torch.cat(stacked.parameters)
    assert flat.shape == spread.shape
    for place, (before, wanted) in enumerate(
        zip(stacked.weights, zip(*(m.parameters() for m in modules), strict=True), strict=True)
    ):
        start = before.storage_offset()
        ours = flat[start : start + before.numel()].view(before.shape)
        theirs = torch.stack([p.grad.T if place % 2 == 0 else p.grad[None] for p in wanted])
        assert torch.allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("features", [DENSE, SPARSE], ids=["dense", "sparse"])
@pytest.mark.parametrize("sizes", [(41, 41, 41), (41, 46, 43)], ids=["of one size", "of three sizes"])
@pytest.mark.parametrize("stopping", ["none", {"patience": 1, "held_out": 0.2}], ids=["to the end", "stopping early"])
def test_a_model_is_the_same_whoever_trains_beside_it(name: str, features: Any, sizes: Any, stopping: Any) -> None:
    factory, params = SHAPES[name]
    given: dict[str, Any] = {"factory": factory, "factory_params": params, "epochs": 3, "early_stopping": stopping}
    own = Recipe(**given, batch_size=20, schedule="cosine")
    rows = [np.arange(seed, seed + size) for seed, size in enumerate(sizes)]

    def trained(chosen: list[int]) -> list[Any]:
        modules = [nets(name, 3)[seed] for seed in chosen]
        fitted = loop.fit(own, modules, features, [rows[s] for s in chosen], [LABELS[rows[s]] for s in chosen], chosen)
        return [np.concatenate([p.detach().numpy().ravel() for p in module.parameters()]) for module in fitted]

    together = trained([0, 1, 2])
    for seed in range(3):
        assert np.allclose(together[seed], trained([seed])[0], atol=1e-6)


def test_the_same_seed_gives_the_same_bytes_on_any_number_of_threads() -> None:
    own = Recipe(factory="mlp", factory_params={"hidden": [32]}, epochs=2, batch_size=16)

    def answer() -> bytes:
        (module,) = loop.fit(own, nets("relu", 1), DENSE, [np.arange(N)], [LABELS], [3])
        return b"".join(p.detach().numpy().tobytes() for p in module.parameters())

    before = torch.get_num_threads()
    one = answer()
    torch.set_num_threads(2)
    try:
        assert answer() == one
    finally:
        torch.set_num_threads(before)


def test_dropout_is_drawn_in_training_only_and_keeps_the_mean() -> None:
    stacked = stack(nets("dropout", 1))
    batch = torch.from_numpy(DENSE)[None]
    assert torch.equal(stacked.logits(batch), stacked.logits(batch))
    drawn = [stacked.gradients(batch, torch.from_numpy(LABELS))[1] for _time in range(300)]
    assert not torch.equal(drawn[0], drawn[1])
    assert torch.allclose(torch.stack(drawn).mean(dim=0), stacked.logits(batch), atol=0.25)


def test_gradients_behind_dropout_are_those_of_what_it_let_through() -> None:
    """The same net with the drawn mask in place of dropout."""
    (module,) = nets("dropout", 1)
    stacked = stack([module])
    mask = torch.rand((N, 16), generator=recipe.generator(0, "dropout", "cpu")) >= 0.3
    found, _logits = stacked.gradients(torch.from_numpy(DENSE)[None], torch.from_numpy(LABELS))
    first, last = module[0], module[3]
    told = last(torch.relu(first(torch.from_numpy(DENSE))) * mask / 0.7)
    nn.functional.cross_entropy(told, torch.from_numpy(LABELS)).backward()
    assert torch.allclose(found[0][: D * 16].view(D, 16), first.weight.grad.T, atol=1e-6)


def test_products_in_bfloat16_move_the_weights_nearly_alike() -> None:
    """What a CUDA device does, done here by the CPU: the same calls in the same order, in fewer bits."""
    batch, wanted = torch.from_numpy(DENSE)[None], torch.from_numpy(LABELS)
    (exact, _), (rough, logits) = (stack(nets("relu", 1), half=half).gradients(batch, wanted) for half in (False, True))
    whole, near = torch.cat(exact), torch.cat(rough)
    assert logits.dtype == near.dtype == torch.float32
    assert not torch.equal(whole, near)
    assert float((whole - near).norm() / whole.norm()) < 0.03


SHARED = nn.Linear(4, 4)


class Own(nn.Linear):
    """A subclass may do anything in `forward`."""


@pytest.mark.parametrize(
    "module",
    [
        nn.Sequential(nn.Linear(4, 3), nn.ReLU()),
        nn.Sequential(nn.Dropout(0.1), nn.Linear(4, 3)),
        nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(3, 2)),
        nn.Sequential(nn.Linear(4, 3), nn.Dropout(0.1), nn.ReLU(), nn.Linear(3, 2)),
        nn.Linear(4, 3, bias=False),
        nn.Linear(4, 3, dtype=torch.float64),
        nn.Sequential(SHARED, nn.ReLU(), SHARED),
        Own(4, 3),
        nn.Sequential(),
    ],
)
def test_what_is_not_a_plain_net_is_left_to_autograd(module: nn.Module) -> None:
    assert mlp.layers(module) is None


def test_a_net_with_frozen_weights_is_left_to_autograd_which_leaves_them() -> None:
    (module,) = nets("relu", 1)
    module[0].weight.requires_grad_(False)
    assert mlp.layers(module) is None
    before = module[0].weight.clone()
    own = Recipe(factory="mlp", factory_params={"hidden": [16]}, epochs=1)
    recipe.fit(own, module, DENSE, LABELS, 1)
    assert torch.equal(module[0].weight, before)
    assert not torch.equal(module[2].weight, nets("relu", 1)[0][2].weight)


def test_convolutions_are_vectorised_to_what_each_is_alone() -> None:
    own = Recipe(factory="cnn", epochs=2, batch_size=48)
    features = DENSE[:, :16]
    built = [recipe.build(own, 16, K, seed) for seed in (1, 2)]
    whole = StackedModules(built, "cpu", half=False)
    batch = torch.from_numpy(np.stack([features, features]))
    gradients, _logits = whole.gradients(batch, torch.from_numpy(np.concatenate([LABELS, LABELS])))
    for number, module in enumerate(built):
        alone = StackedModules([module], "cpu", half=False)
        expected, _told = alone.gradients(batch[:1], torch.from_numpy(LABELS))
        for ours, theirs in zip(gradients, expected, strict=True):
            assert torch.allclose(ours[number], theirs, atol=1e-5)


def test_autograd_leaves_out_what_only_fills_a_batch_up() -> None:
    built = [recipe.build(Recipe(factory="cnn"), 16, K, seed) for seed in (1, 2)]
    whole = StackedModules(built, "cpu", half=False)
    filled = batches.filled(np.array([30, N]), slice(0, N), "cpu")
    batch, wanted = torch.from_numpy(np.stack([DENSE[:, :16]] * 2)), torch.from_numpy(np.concatenate([LABELS, LABELS]))
    gradients, _logits = whole.gradients(batch, wanted, filled)
    expected, _told = StackedModules(built[:1], "cpu", half=False).gradients(batch[:1, :30], wanted[:30])
    for ours, theirs in zip(gradients, expected, strict=True):
        assert torch.allclose(ours[0], theirs, atol=1e-5)


def test_models_of_unequal_steps_are_never_trained_together() -> None:
    rows = [np.arange(20), np.arange(21)]
    with pytest.raises(AssertionError, match="different numbers of steps"):
        loop.fit(
            Recipe(factory="softmax", batch_size=20),
            nets("softmax", 2),
            DENSE,
            rows,
            [LABELS[own] for own in rows],
            [1, 2],
        )


@pytest.mark.parametrize(("early", "steps"), [("none", 3), ({"patience": 1, "held_out": 0.2}, 2)])
def test_what_is_held_out_takes_no_step(early: Any, steps: int) -> None:
    assert loop.steps(Recipe(factory="mlp", batch_size=20, early_stopping=early), 50) == steps


def test_batch_statistics_are_restored_with_the_best_weights() -> None:
    module = nn.Sequential(nn.Linear(D, 4), nn.BatchNorm1d(4), nn.Linear(4, K))
    held = StackedModules([module], "cpu", half=False)
    assert any(weight.data_ptr() == module[1].running_mean.data_ptr() for weight in held.weights)


def test_a_parameter_without_a_part_in_the_output_is_an_error() -> None:
    class Spare(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.spare = nn.Linear(D, K), nn.Linear(2, 2)

        def forward(self, inputs: torch.Tensor) -> Any:
            return self.used(inputs)

    with pytest.raises(RuntimeError, match="takes no part"):
        recipe.fit(Recipe(factory="mlp", epochs=1), Spare(), DENSE, LABELS, 1)


def test_a_factory_of_ones_own_that_builds_a_plain_net_is_as_fast() -> None:
    built = factories.build("mlp", {"inputs": D, "classes": K, "hidden": [4]})
    assert [layer.activation for layer in mlp.layers(built) or []] == ["relu", ""]
