"""The one training loop: epochs of shuffled batches for models side by side, whatever computes their gradients."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from govtool.attacks.interface import Features
from govtool.attacks.optimizer import Optimizer
from govtool.audits.recipe import Recipe, deterministic, generator
from govtool.audits.training import batches, mlp, schedule, stopping
from govtool.audits.training.batches import Dense, Filled, Ints, Sparse
from govtool.audits.training.modules import StackedModules
from govtool.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

_ASKED_AT_ONCE = 1024

Tick = Callable[[float], None]
"""Called with the share of the training that is done."""


class Stack(Protocol):
    """Models of one shape; see `mlp.StackedMlp`."""

    weights: "list[Tensor]"
    parameters: "list[Tensor]"

    def logits(self, batch: Any) -> "Tensor": ...
    def gradients(self, batch: Any, wanted: "Tensor", filled: Filled | None) -> "tuple[list[Tensor], Tensor]": ...
    def modules(self) -> "list[Module]": ...


@dataclass(frozen=True)
class _Records:
    """Row numbers and labels, (models, most records) each; of each model the first `lengths` are its own."""

    rows: Ints
    labels: Ints
    lengths: Ints

    @classmethod
    def of(cls, rows: Sequence[Ints], labels: Sequence[Ints]) -> "_Records":
        return cls(batches.padded(rows), batches.padded(labels), np.array([len(own) for own in rows]))

    def at(self, positions: Sequence[Ints]) -> "_Records":
        """Each model's records at its own positions, in their order."""
        chosen = batches.padded(positions)
        rows, labels = (np.take_along_axis(values, chosen, axis=1) for values in (self.rows, self.labels))
        return _Records(rows, labels, np.array([len(own) for own in positions]))

    def filled(self, size: int, device: str) -> list[Filled | None]:
        """Of each batch of so many records."""
        most = self.rows.shape[1]
        return [
            batches.filled(self.lengths, slice(start, min(start + size, most)), device)
            for start in range(0, most, size)
        ]


def fit(
    recipe: Recipe,
    modules: "list[Module]",
    features: Features,
    rows: Sequence[Ints],
    labels: Sequence[Ints],
    seeds: Sequence[int],
    *,
    device: str = "cpu",
    until_accuracy: float | None = None,
    tick: Tick = lambda _share: None,
) -> "list[Module]":
    """Train each module on its own rows of `features`, and return them in evaluation mode.

    All of them take equally many `steps`; each is what it would be alone, up to rounding.

    Args:
        recipe: epochs, batches, optimiser, schedule and early stopping.
        modules: untrained, of one shape.
        features: (n, d).
        rows: of each module, the numbers of its records in `features`.
        labels: of each module, its records' labels, in the order of its rows.
        seeds: of each module, what shuffles its records.
        device: cpu or cuda.
        until_accuracy: stop after an epoch in which all together answered this share of their records right.
        tick: told how far it is.

    Raises:
        InputError: early stopping has nothing to hold out.
    """
    assert len({steps(recipe, len(own)) for own in rows}) == 1, "models of different numbers of steps"
    records = _Records.of(rows, labels)
    with deterministic(seeds[0]):
        stack, source = _prepared(modules, features, seeds, device)
        training, held = _split(recipe, records, seeds)
        patience = _patience(recipe, stack)
        counted = until_accuracy is not None
        for epoch, right in enumerate(_epochs(recipe, stack, source, training, seeds, counted=counted)):
            tick((epoch + 1) / recipe.epochs)
            if until_accuracy is not None and int(right) >= until_accuracy * training.lengths.sum():
                break
            if patience is not None and held is not None and patience.stopped(_losses(stack, source, held)):
                break
        if patience is not None:
            patience.restore()
        return stack.modules()


def steps(recipe: Recipe, records: int) -> int:
    """Batches in an epoch of a model with so many records, of which some may be held out."""
    rule = recipe.early_stopping
    held = 0 if isinstance(rule, str) else stopping.held_out(records, rule.held_out)
    return -(-(records - held) // recipe.batch_size)


def _prepared(
    modules: "list[Module]", features: Features, seeds: Sequence[int], device: str
) -> tuple[Stack, Dense | Sparse]:
    half = device == "cuda"
    if mlp.layers(modules[0]) is None:
        return StackedModules(modules, device, half=half), Dense(features, device)
    kind = Sparse if batches.worth_summing(features) else Dense
    own = [generator(seed, "dropout", device) for seed in seeds]
    return mlp.StackedMlp(modules, own, device, half=half), kind(features, device)


def _split(recipe: Recipe, records: _Records, seeds: Sequence[int]) -> tuple[_Records, _Records | None]:
    """What each model trains on, and what it holds out to know when to stop."""
    if isinstance(recipe.early_stopping, str):
        return records, None
    if records.lengths.min() < 2:  # noqa: PLR2004 - one to train on, one to hold out
        raise InputError("early stopping holds out a share of the training records, and there is one record")
    share = recipe.early_stopping.held_out
    parts = [stopping.hold_out(count, share, seed) for count, seed in zip(records.lengths.tolist(), seeds, strict=True)]
    inside, held = zip(*parts, strict=True)
    return records.at(inside), records.at(held)


def _patience(recipe: Recipe, stack: Stack) -> stopping.Patience | None:
    if isinstance(recipe.early_stopping, str):
        return None
    return stopping.Patience(stack.weights, recipe.early_stopping.patience)


def _epochs(
    recipe: Recipe, stack: Stack, source: Dense | Sparse, records: _Records, seeds: Sequence[int], *, counted: bool
) -> "Iterator[Tensor]":
    """Train epoch by epoch; yields how many records were answered right on the way, if that is to be counted."""
    import torch

    models, most = records.rows.shape
    where = batches.cuts(models, most, recipe.batch_size)
    own = records.filled(recipe.batch_size, source.device)
    rates = schedule.rates(recipe.schedule, recipe.learning_rate, recipe.epochs * len(where)).reshape(-1, len(where))
    optimizer = Optimizer(stack.parameters, recipe.optimizer, recipe.learning_rate, recipe.weight_decay)
    shuffling = [
        (int(count), generator(seed, "torch", "cpu")) for count, seed in zip(records.lengths, seeds, strict=True)
    ]
    for epoch in range(recipe.epochs):
        shuffled = records.at([torch.randperm(count, generator=drawn).numpy() for count, drawn in shuffling])
        wanted = source.tensor(batches.arrange(shuffled.labels, recipe.batch_size))
        right = torch.zeros((), dtype=torch.int64, device=wanted.device)
        given = source.batches(batches.arrange(shuffled.rows, recipe.batch_size), where, models)
        for batch, cut, filled, optimizer.rate in zip(given, where, own, rates[epoch].tolist(), strict=True):
            gradients, logits = stack.gradients(batch, wanted[cut], filled)
            optimizer.update(gradients)
            if counted:
                hit = logits.flatten(0, 1).argmax(dim=1) == wanted[cut]
                right += (hit if filled is None else hit & (filled.shares.flatten() > 0)).sum()
        yield right


def _losses(stack: Stack, source: Dense | Sparse, held: _Records) -> NDArray[np.float64]:
    """Each model's mean cross-entropy on the records that it holds out."""
    from torch.nn.functional import cross_entropy

    models, most = held.rows.shape
    where = batches.cuts(models, most, _ASKED_AT_ONCE)
    own = held.filled(_ASKED_AT_ONCE, source.device)
    wanted = source.tensor(batches.arrange(held.labels, _ASKED_AT_ONCE))
    sums = np.zeros(models)
    given = source.batches(batches.arrange(held.rows, _ASKED_AT_ONCE), where, models)
    for batch, cut, filled in zip(given, where, own, strict=True):
        logits = stack.logits(batch)
        found = cross_entropy(logits.flatten(0, 1), wanted[cut], reduction="none").view(models, -1).double()
        sums += (found if filled is None else found * (filled.shares > 0)).sum(dim=1).cpu().numpy()
    return np.asarray(sums / held.lengths, dtype=np.float64)
