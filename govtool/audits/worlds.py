"""Models of two worlds for property inference: the same recipe, training records that differ in one share only."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from govtool import runtime
from govtool.attacks import signals
from govtool.attacks.interface import Features, Labels, Mask, Records
from govtool.attacks.property import neurons
from govtool.attacks.property.worlds import Layers, Models, Poisoned, PropertyWorlds, Queries
from govtool.audits import ensemble, world_design, world_job
from govtool.audits import recipe as recipes
from govtool.audits.engine import Engine
from govtool.audits.recipe import Recipe
from govtool.audits.targets import torch_target
from govtool.audits.training import loop
from govtool.audits.world_design import Design, Poison, Pool

if TYPE_CHECKING:
    from torch.nn import Module

CONTROL = 32
"""Shadow models of the positive control, and as many test models: fewer than the audit has, so it is the weaker of the two."""

Progress = Callable[[int, int], None]
"""Called with the number of models that are ready, and of all."""


@dataclass(frozen=True)
class _Trainer:
    """What all models of one audit have in common."""

    recipe: Recipe
    n_classes: int
    seed: int
    weights: bool
    ready: Callable[[int], None]
    engine: Engine
    device: str


def train(
    made: Design,
    recipe: Recipe,
    members: Records,
    n_classes: int,
    *,
    seed: int,
    control: bool,
    weights: bool,
    target_records: int | None,
    progress: Progress,
    engine: Engine,
    device: str = "cpu",
) -> PropertyWorlds:
    """Train every model of the design and read it; only readings are kept.

    Raises:
        InputError: the recipe does not fit.
        WorkError: the cluster is lost, or the disk is full.
        MissingExtraError: torch or scikit-learn is not installed.
    """
    asked = made.asked
    total = asked.shadows + asked.tests + (2 * CONTROL if control else 0)
    total += asked.shadows + asked.tests + 1 if made.poison else 0
    done = 0

    def ready(count: int) -> None:
        nonlocal done
        done += count
        progress(done, total)

    trainer = _Trainer(recipe, n_classes, seed, weights and recipe.by_epochs, ready, engine, device)
    groups = (("shadow", made.shadow, asked.shadows), ("test", made.test, asked.tests))
    shadows, tests = (_group(trainer, made, name, pool, count, made.queries) for name, pool, count in groups)
    planted = None
    if control:
        shadow, test = (_control(trainer, made, name, pool) for name, pool, _count in groups)
        planted = shadow, test
    return PropertyWorlds(
        name=asked.name,
        fractions=(asked.worlds[0], asked.worlds[1]),
        records=made.records,
        queries=made.queries,
        shadows=shadows,
        tests=tests,
        control=planted,
        how=_how(made) if control else "",
        poisoned=_poisoned(trainer, made, made.poison, members) if made.poison else None,
        members_with=made.members_with,
        target_records=target_records,
        pools={"shadow": len(made.shadow.labels), "test": len(made.test.labels)},
    )


def _draws(trainer: _Trainer, made: Design, name: str, pool: Pool, count: int) -> tuple[list[Labels], Mask]:
    """Row numbers of each model's training set, worlds in turn, no record twice in one model."""
    kinds = (np.flatnonzero(pool.has), np.flatnonzero(~pool.has))
    world = np.arange(count) % 2 == 1
    drawn = []
    for number in range(count):
        rng = runtime.rng(trainer.seed, f"worlds-{name}-{number}")
        having = world_design.having(made.asked.worlds[int(world[number])], made.records)
        sizes = (having, made.records - having)
        rows = [rng.choice(kind, size, replace=False) for kind, size in zip(kinds, sizes, strict=True)]
        drawn.append(rng.permutation(np.concatenate(rows)))
    return drawn, world


def _group(trainer: _Trainer, made: Design, name: str, pool: Pool, count: int, queries: Queries) -> Models:
    drawn, world = _draws(trainer, made, name, pool, count)
    return _models(trainer, name, pool.features, pool.labels, drawn, world, queries)


def _control(trainer: _Trainer, made: Design, name: str, pool: Pool) -> Models:
    """Worlds in which the share is one of moved labels, of whatever records: nothing about training could show it more."""
    features = np.concatenate([pool.features, pool.features])
    labels = np.concatenate([pool.labels, (pool.labels + 1) % trainer.n_classes])
    world = np.arange(CONTROL) % 2 == 1
    drawn = []
    for number in range(CONTROL):
        rows = runtime.rng(trainer.seed, f"worlds-control-{name}-{number}").permutation(len(pool.labels))[
            : made.records
        ]
        moved = world_design.having(made.asked.worlds[int(world[number])], made.records)
        drawn.append(np.concatenate([rows[:moved] + len(pool.labels), rows[moved:]]))
    return _models(trainer, f"control-{name}", features, labels, drawn, world, made.queries)


def _how(made: Design) -> str:
    low, high = made.asked.worlds
    return f"{2 * CONTROL} more models, of which {low:.1%} or {high:.1%} of the training records had their label moved to the next class"


def _poisoned(trainer: _Trainer, made: Design, poison: Poison, members: Records) -> Poisoned:
    """The same draws again, each with the same added rows; and the target's twin: its members with such rows."""
    trainer = replace(trainer, weights=False)  # nobody reads them
    shadows = _spiked(trainer, made, poison, "shadow", made.shadow, made.asked.shadows)
    tests = _spiked(trainer, made, poison, "test", made.test, made.asked.tests)
    added, labels = _added(trainer, made, poison, len(members))
    twin = _models(
        trainer,
        "twin",
        np.concatenate([members.features, added]),
        np.concatenate([members.labels, labels]),
        [np.arange(len(members) + len(labels))],
        np.zeros(1, dtype=bool),
        poison.queries,
    )
    return Poisoned(poison.share, poison.label, poison.queries, shadows, tests, twin.answers[0])


def _spiked(trainer: _Trainer, made: Design, poison: Poison, name: str, pool: Pool, count: int) -> Models:
    drawn, world = _draws(trainer, made, name, pool, count)
    added, labels = _added(trainer, made, poison, made.records)
    extra = len(pool.labels) + np.arange(len(labels))
    return _models(
        trainer,
        f"poisoned-{name}",
        np.concatenate([pool.features, added]),
        np.concatenate([pool.labels, labels]),
        [np.concatenate([rows, extra]) for rows in drawn],
        world,
        poison.queries,
    )


def _added(trainer: _Trainer, made: Design, poison: Poison, records: int) -> tuple[Features, Labels]:
    """The attacker's rows for so many training records, at least one; repeated where the population has too few."""
    count = max(1, round(poison.share * records))
    rng = runtime.rng(trainer.seed, "worlds-poison")
    chosen = rng.choice(poison.rows, count, replace=count > len(poison.rows))
    return made.shadow.features[chosen], np.full(count, poison.label, dtype=np.int64)


def _models(
    trainer: _Trainer,
    name: str,
    features: Features,
    labels: Labels,
    drawn: list[Labels],
    world: Mask,
    queries: Queries,
) -> Models:
    """Train a model on each of `drawn` (row numbers) and read its answers, and its weights where wanted."""
    seeds = [
        int(runtime.rng(trainer.seed, f"worlds-seed-{name}-{number}").integers(2**53)) for number in range(len(drawn))
    ]
    if trainer.weights:
        return _with_weights(trainer, features, labels, drawn, seeds, world, queries)
    job = world_job.Job(
        trainer.recipe,
        features,
        labels,
        drawn,
        seeds,
        trainer.n_classes,
        queries.features,
        queries.labels,
        trainer.device,
    )
    return Models(world, world_job.answers(job, trainer.engine, trainer.ready))


def _with_weights(
    trainer: _Trainer,
    features: Features,
    labels: Labels,
    drawn: list[Labels],
    seeds: list[int],
    world: Mask,
    queries: Queries,
) -> Models:
    """The same in this process, where weights can be read: they never travel."""
    answers = np.empty((len(drawn), len(queries)))
    layers: dict[int, Layers | None] = {}
    for found in ensemble.cut(trainer.recipe, drawn, features.shape[1], trainer.n_classes, trainer.device):
        for which, module in zip(found, _fitted(trainer, features, labels, drawn, seeds, found), strict=True):
            asked = torch_target.TorchTarget(module, trainer.n_classes).log_probabilities(queries.features)
            answers[which] = signals.phi(asked, queries.labels)
            layers[which] = neurons.layers(module)
            trainer.ready(1)
    known = [one for _which, one in sorted(layers.items()) if one is not None]
    return Models(world, answers, neurons.joined(known) if len(known) == len(drawn) else None)


def _fitted(
    trainer: _Trainer,
    features: Features,
    labels: Labels,
    drawn: list[Labels],
    seeds: list[int],
    found: list[int],
) -> "list[Module]":
    recipe, classes = trainer.recipe, trainer.n_classes
    return loop.fit(
        recipe,
        [recipes.build(recipe, features.shape[1], classes, seeds[which]) for which in found],
        features,
        [drawn[which] for which in found],
        [recipes.noisy_labels(labels[drawn[which]], recipe.label_noise, classes, seeds[which]) for which in found],
        [seeds[which] for which in found],
        device=trainer.device,
    )
