"""Many models by one recipe: cut into chunks that train together, and each chunk trained here or in another process.

How models are cut and where chunks run is decided by the amount of work alone, never by the machine, so that the same
seed gives the same bytes on any number of cores.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from govtool import runtime
from govtool.attacks.interface import Features, FloatArray, Labels
from govtool.audits.recipe import Recipe
from govtool.audits.training import chunk, loop

Progress = Callable[[int], None]
"""Called with the number of models that are ready; of a chunk under way in this process, in proportion to its epochs."""

Fanout = Callable[[Callable[..., Any], Iterable[tuple[Any, ...]]], Iterator[Any]]
"""Given a function and the arguments of each call: the results of all calls, each once, in any order.

The function and its arguments can be pickled. Jobs are made as they are asked for.
"""

STACK = {"cpu": 8, "cuda": 32}
"""Most models that train together. On a CPU more saves nothing: one step of eight already outweighs its overhead."""
_STACK_WEIGHTS = {"cpu": 1 << 22, "cuda": 1 << 28}
"""In one stack. On a CPU its moments leave every cache beyond, and stacking costs more than it saves."""
_STACK_S = 10.0  # a stack that takes as long is not made larger, so that several cores have one each
_STEP_S = 0.0001
_FLOPS = 1e11
_CONVOLUTION = 3  # times as long a multiplication takes as in a product of matrices
_FUNCTION_S = 5.0  # nobody knows what a function of somebody's own costs
_WORTH_PROCESSES_S = 20.0  # a process spends about 3 s importing torch before it is of use


def train_and_ask(
    recipe: Recipe,
    features: Features,
    labels: Labels,
    halves: Sequence[NDArray[np.int64]],
    seeds: Sequence[int],
    n_classes: int,
    asked: Features,
    progress: Progress = lambda _done: None,
    *,
    fanout: Fanout | None = None,
    device: str = "cpu",
    reduce: Callable[[FloatArray], Any] | None = None,
) -> Iterator[tuple[int, Any]]:
    """Train one model on each of `halves` (row numbers); yields (which, answer) as they come, in any order.

    An answer is (asked, classes) log probabilities, or what `reduce` makes of it where the model is: models never travel,
    and with `reduce` neither do their answers. At most one chunk's are held at a time.

    Args:
        recipe: how each is trained.
        features: (n, d) of all records.
        labels: (n,) below n_classes.
        halves: row numbers of each model's training records.
        seeds: one for each; a model's weights follow from its half and its seed, whatever is trained beside it.
        n_classes: columns of an answer.
        asked: (m, d) records that each is asked about.
        progress: told how many are ready.
        fanout: runs the chunks elsewhere; without it they run here, or over this machine's cores when that pays.
        device: cpu or cuda (`training.device`).
        reduce: a function of one answer, which can be pickled.
    """
    chunks = cut(recipe, halves, features.shape[1], n_classes, device)
    jobs = (
        (
            number,
            recipe,
            features,
            labels,
            [halves[i] for i in found],
            [seeds[i] for i in found],
            n_classes,
            asked,
            device,
            reduce,
        )
        for number, found in enumerate(chunks)
    )
    worth = len(chunks) > 1 and device == "cpu" and worth_processes(recipe, features, halves, n_classes)
    apart = fanout or (_in_processes if worth else None)
    ready, done = 0, 0
    here = partial(chunk.train, tick=lambda share: progress(ready + int(share * len(chunks[done]))))
    for number, answers in apart(chunk.train, jobs) if apart else (here(*job) for job in jobs):
        yield from zip(chunks[number], answers, strict=True)
        ready, done = ready + len(chunks[number]), done + 1
        progress(ready)


def worth_processes(recipe: Recipe, features: Features, halves: Sequence[Sized], n_classes: int) -> bool:
    """Whether so much work is done sooner by processes, which take a while to start."""
    return estimated_seconds(recipe, features, halves, n_classes) > _WORTH_PROCESSES_S


def cut(recipe: Recipe, halves: Sequence[Sized], inputs: int, n_classes: int, device: str) -> list[list[int]]:
    """Which models train together: those of equally many steps that can be stacked, every other alone."""
    chunks: list[list[int]] = []
    steps = [loop.steps(recipe, len(half)) for half in halves]  # halves of the people are of many sizes
    for wanted in sorted(set(steps)):
        same = [i for i, found in enumerate(steps) if found == wanted]
        most = _most(recipe, max(len(halves[i]) for i in same), inputs, n_classes, device)
        chunks += [same[start : start + most] for start in range(0, len(same), most)]
    return chunks


def _most(recipe: Recipe, size: int, inputs: int, n_classes: int, device: str) -> int:
    if not chunk.stackable(recipe, device):
        return 1
    fitting = max(1, _STACK_WEIGHTS[device] // _multiplications(recipe, inputs, n_classes))
    if device == "cuda":
        return min(STACK[device], fitting)
    worth = max(2, math.ceil(_STACK_S / _seconds(recipe, size, inputs, n_classes)))
    return min(STACK[device], fitting, worth)


def _in_processes(function: Callable[..., Any], jobs: Iterable[tuple[Any, ...]]) -> Iterator[Any]:
    import joblib

    # One thread per process: as many processes as cores would else fight over them. loky sets it for BLAS and OpenMP.
    with joblib.parallel_config("loky", n_jobs=joblib.cpu_count(), inner_max_num_threads=1):
        yield from joblib.Parallel(return_as="generator_unordered")(joblib.delayed(function)(*job) for job in jobs)


def estimated_seconds(recipe: Recipe, features: Features, halves: Sequence[Sized], n_classes: int) -> float:
    """A rough cost of training them all in this process, from the recipe and the data only."""
    size, inputs = max(map(len, halves)), features.shape[1]
    if recipe.function:
        return len(halves) * _FUNCTION_S
    if recipe.estimator:
        return float(len(halves) * size * inputs) * 1e-5
    return len(halves) * _seconds(recipe, size, inputs, n_classes)


def _seconds(recipe: Recipe, size: int, inputs: int, n_classes: int) -> float:
    """Of one torch model: about twice what was measured, for two nets on sparse records."""
    steps = -(-size // recipe.batch_size)
    return recipe.epochs * (steps * _STEP_S + 6 * _multiplications(recipe, inputs, n_classes) * size / _FLOPS)


def _multiplications(recipe: Recipe, inputs: int, n_classes: int) -> int:
    """What a record costs, by the recipe; a guess for architectures of somebody's own."""
    if recipe.factory == "cnn":
        width = recipe.factory_params.get("width", 16)
        width = width if isinstance(width, int) else 16
        return _CONVOLUTION * inputs * 9 * (width + width * width // 2)
    hidden = recipe.factory_params.get("hidden", [])
    widths = [inputs, *(w for w in (hidden if isinstance(hidden, list) else []) if isinstance(w, int)), n_classes]
    return sum(a * b for a, b in pairwise(widths))


def seeds_for(seed: int, count: int) -> list[int]:
    """One seed per model, by its name: reference 3 is the same whether 4 or 400 are trained."""
    return [int(runtime.rng(seed, f"reference-{number}").integers(2**53)) for number in range(count)]
