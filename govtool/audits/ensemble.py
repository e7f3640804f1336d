"""Many models by one recipe at once: small torch models stacked into one, large ones over joblib processes.

Which of the two is decided by the amount of work alone, never by the machine, so that the same seed gives the same bytes
on any number of cores. Measured on 2 cores, for an MLP of 64-128-10 in batches of 64: one step of one model 0.7 ms, one
step of eight stacked models 2.3 ms.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from govtool import runtime
from govtool.attacks.interface import Features, FloatArray, Labels
from govtool.audits import recipe as recipes
from govtool.audits.recipe import Recipe
from govtool.audits.targets import sklearn_target, torch_target

if TYPE_CHECKING:
    from torch.nn import Module

Progress = Callable[[int], None]
"""Called with the number of models that are ready."""

_STACK = 16
_STEP_S = 0.0003
_FLOPS = 5e9
_WORTH_PROCESSES_S = 20.0  # a process spends about 3 s importing torch before it is of use
_STACKABLE = ("softmax", "mlp", "cnn")  # no batch statistics, which stacking would mix between models


def train_and_ask(
    recipe: Recipe,
    features: Features,
    labels: Labels,
    halves: Sequence[NDArray[np.int64]],
    seeds: Sequence[int],
    n_classes: int,
    asked: Features,
    progress: Progress,
) -> list[FloatArray]:
    """Train one model on each of `halves` (row numbers) and return its (asked, classes) log probabilities.

    Only answers come back from processes, never models.
    """
    seconds = estimated_seconds(recipe, features, halves, n_classes)
    if recipe.factory in _STACKABLE and seconds <= _WORTH_PROCESSES_S:
        return _stacked(recipe, features, labels, halves, seeds, n_classes, asked, progress)
    jobs = [
        (recipe, features[half], labels[half], n_classes, seed, asked) for half, seed in zip(halves, seeds, strict=True)
    ]
    found: list[FloatArray] = []
    for answer in _in_processes(jobs) if seconds > _WORTH_PROCESSES_S else (ask_one(*job) for job in jobs):
        found.append(answer)
        progress(len(found))
    return found


def ask_one(
    recipe: Recipe, features: Features, labels: Labels, n_classes: int, seed: int, asked: Features
) -> FloatArray:
    """Train one model and ask it; runs in a process of its own."""
    if recipe.sklearn:
        estimator = recipes.train_sklearn(recipe, features, labels, n_classes, seed)
        return sklearn_target.log_probabilities(estimator, asked, n_classes)
    module = recipes.train(recipe, features, labels, n_classes, seed)
    return torch_target.TorchTarget(module, n_classes).log_probabilities(asked)


def _in_processes(jobs: Sequence[tuple[Any, ...]]) -> Any:
    import joblib

    # One thread per process: as many processes as cores would else fight over them. loky sets it for BLAS and OpenMP.
    with joblib.parallel_config("loky", n_jobs=min(joblib.cpu_count(), len(jobs)), inner_max_num_threads=1):
        yield from joblib.Parallel(return_as="generator")(joblib.delayed(ask_one)(*job) for job in jobs)


def estimated_seconds(recipe: Recipe, features: Features, halves: Sequence[NDArray[np.int64]], n_classes: int) -> float:
    """A rough cost of training them all in this process, from the recipe and the data only."""
    size = max(map(len, halves))
    if recipe.sklearn:
        return float(len(halves) * size * features.shape[1]) * 1e-5
    hidden = recipe.factory_params.get("hidden", [])
    widths = [
        features.shape[1],
        *(w for w in (hidden if isinstance(hidden, list) else []) if isinstance(w, int)),
        n_classes,
    ]
    weights: int = sum(a * b for a, b in pairwise(widths)) * (64 if recipe.factory == "cnn" else 1)
    steps = -(-size // recipe.batch_size)
    return float(len(halves) * recipe.epochs) * (steps * _STEP_S + 6 * weights * size / _FLOPS)


def _stacked(
    recipe: Recipe,
    features: Features,
    labels: Labels,
    halves: Sequence[NDArray[np.int64]],
    seeds: Sequence[int],
    n_classes: int,
    asked: Features,
    progress: Progress,
) -> list[FloatArray]:
    found: dict[int, FloatArray] = {}
    for size in sorted({len(half) for half in halves}):  # the halves of an odd number differ by one
        same = [i for i, half in enumerate(halves) if len(half) == size]
        for start in range(0, len(same), _STACK):
            chosen = same[start : start + _STACK]
            inside = np.stack([halves[i] for i in chosen])
            noisy = [recipes.noisy_labels(labels[halves[i]], recipe.label_noise, n_classes, seeds[i]) for i in chosen]
            models = [recipes.build(recipe, features.shape[1], n_classes, seeds[i]) for i in chosen]
            answers = _fit_stack(recipe, models, features[inside], np.stack(noisy), seeds[chosen[0]], asked)
            found.update(zip(chosen, answers, strict=True))
            progress(len(found))
    return [found[i] for i in range(len(halves))]


def _fit_stack(
    recipe: Recipe, models: "list[Module]", features: Features, labels: Labels, seed: int, asked: Features
) -> list[FloatArray]:
    """Train models with stacked weights: features (models, records, d), labels (models, records).

    The loss is the sum over models of each one's mean, so that each gets the gradient it would get alone; Adam and SGD
    act on each weight for itself.
    """
    import torch
    from torch.func import functional_call, stack_module_state, vmap

    x, y = torch.from_numpy(features), torch.from_numpy(labels)
    shape = models[0]
    weights, buffers = stack_module_state(models)
    forward = vmap(lambda w, b, batch: functional_call(shape, (w, b), (batch,)), randomness="different")
    optimizer = recipes.make_optimizer(recipe, list(weights.values()))
    rows = torch.arange(len(models))[:, None]
    with recipes.deterministic(seed) as generator:
        shape.train()
        for _epoch in range(recipe.epochs):
            order = torch.stack([torch.randperm(x.shape[1], generator=generator) for _model in models])
            shuffled, wanted = x[rows, order], y[rows, order]
            for start in range(0, x.shape[1], recipe.batch_size):
                batch = slice(start, start + recipe.batch_size)
                logits = forward(weights, buffers, shuffled[:, batch])
                loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), wanted[:, batch].reshape(-1))
                (loss * len(models)).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
        shape.eval()
        with torch.no_grad():
            for index, model in enumerate(models):
                model.load_state_dict({name: value[index] for name, value in weights.items()})
        return [torch_target.TorchTarget(model.eval(), 0).log_probabilities(asked) for model in models]


def seeds_for(seed: int, count: int) -> list[int]:
    """One seed per model, by its name: reference 3 is the same whether 4 or 400 are trained."""
    return [int(runtime.rng(seed, f"reference-{number}").integers(2**53)) for number in range(count)]
