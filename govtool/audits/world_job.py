"""Models of two worlds on the run's engine: kept in its cache, trained on its cluster, read where they were trained."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from govtool.attacks import signals
from govtool.attacks.interface import Features, FloatArray, Labels
from govtool.audits import ensemble, fanout, reference_job
from govtool.audits.engine import Engine
from govtool.audits.recipe import Recipe
from govtool.audits.reference_cache import Layout
from govtool.digest import Sha256, canonical_json, sha256_arrays, sha256_bytes

_PHI = "phi"


@dataclass(frozen=True)
class Job:
    """Models that differ in their rows and seeds, and what each is asked."""

    recipe: Recipe
    features: Features
    labels: Labels
    rows: Sequence[NDArray[np.int64]]
    seeds: Sequence[int]
    n_classes: int
    queries: Features
    query_labels: Labels
    device: str

    @property
    def origin(self) -> Sha256:
        return reference_job.origin(self.recipe.factory, self.recipe.function)

    def layout(self) -> Layout:
        """Of its entry in the cache, under the digest of all that decides the answers."""
        own = [[sha256_arrays(rows), seed] for rows, seed in zip(self.rows, self.seeds, strict=True)]
        deciding = {
            "worlds": own,
            "recipe": self.recipe.model_dump(mode="json"),
            "n_classes": self.n_classes,
            "device": self.device,
            "origin": self.origin,
            "arrays": sha256_arrays(self.features, self.labels, self.queries, self.query_labels),
        }
        rows = {_PHI: ("<f8", len(self.query_labels))}
        return Layout(sha256_bytes(canonical_json(deciding)), len(self.rows), rows)


def answers(job: Job, engine: Engine, ready: Callable[[int], None]) -> FloatArray:
    """(models, queries): phi of every model's answer about each query, trained unless the cache holds it.

    Raises:
        InputError: the recipe does not fit the data.
        WorkError: the cluster is lost, or the cache cannot be written.
    """
    found, layout = np.empty((len(job.rows), len(job.query_labels))), job.layout()
    try:
        for model, _name, row in engine.cache.read(layout):
            found[model] = row
    except LookupError:
        for which, answer in _trained(job, engine):
            found[which] = answer
            ready(1)
        engine.cache.write(layout, ({_PHI: row} for row in found))
        return found
    ready(len(found))
    return found


def _trained(job: Job, engine: Engine) -> Iterator[tuple[int, FloatArray]]:
    return ensemble.train_and_ask(
        job.recipe,
        job.features,
        job.labels,
        job.rows,
        job.seeds,
        job.n_classes,
        job.queries,
        fanout=None if engine.cluster.kind == "local" else partial(_scattered, engine, job.recipe, job.origin),
        device=job.device,
        reduce=partial(_phi, labels=job.query_labels),
    )


def _phi(answer: FloatArray, labels: Labels) -> FloatArray:
    return signals.phi(answer, labels)


def _scattered(
    engine: Engine, recipe: Recipe, origin: Sha256, function: Callable[..., Any], jobs: Iterable[tuple[Any, ...]]
) -> Iterator[Any]:
    given = list(jobs)
    for _number, result in fanout.run(engine.cluster, _called, (function, recipe, origin), given, engine.workers):
        yield result


def _called(material: tuple[Callable[..., Any], Recipe, Sha256], job: tuple[Any, ...]) -> Any:
    function, recipe, origin = material
    reference_job.refuse_other_code(origin, recipe)
    return function(*job)
