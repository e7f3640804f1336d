"""One stack of references, trained and asked on a worker: what it is given, and what makes its answers what they are."""

import importlib.util
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import metadata
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

import govtool
from govtool.attacks.interface import Mask
from govtool.audits.questions import Questions
from govtool.audits.recipe import Recipe
from govtool.audits.reference_cache import Layout, ReferenceCache, Row, write_entry
from govtool.audits.training import chunk
from govtool.digest import Sha256, canonical_json, sha256_bytes, sha256_file
from govtool.errors import WorkError

_LIBRARIES = ("numpy", "scipy", "scikit-learn", "torch", "xgboost", "lightgbm")


@dataclass(frozen=True)
class Material:
    """What all stacks share."""

    recipe: Recipe
    questions: Questions
    n_classes: int
    device: str
    cache: ReferenceCache | None
    """Where a worker on this machine keeps what it has; None where it sends it back."""
    origin: Sha256
    """The digest of what computes: code and libraries. A worker that differs would answer differently."""

    def without_cache(self) -> "Material":
        return replace(self, cache=None)


@dataclass(frozen=True)
class Stack:
    """References that are trained together: (models, records) of who is in, a seed each, and what becomes of them."""

    masks: Mask
    seeds: Sequence[int]
    layout: Layout


def train(material: Material, stack: Stack) -> bytes | None:
    """Train a stack and ask it; the entry for the cache, or None where it was put there.

    Raises:
        InputError: the recipe does not fit the data.
        WorkError: this worker runs other code than the audit, or a model's answers are no log probabilities.
    """
    refuse_other_code(material.origin, material.recipe)
    if material.cache is not None:
        material.cache.write(stack.layout, _answers(material, stack))
        return None
    entry = BytesIO()
    write_entry(entry, stack.layout, _answers(material, stack))
    return entry.getvalue()


def refuse_other_code(expected: Sha256, recipe: Recipe) -> None:
    """Raises WorkError where this process computes with other code than the audit that gave the work out."""
    if origin(recipe.factory, recipe.function) != expected:
        raise WorkError(
            "a worker of the cluster runs another version of govtool, Python or a library than this machine",
            hint=f"install the same everywhere; here: {', '.join(f'{k} {v}' for k, v in libraries().items())}",
        )


def _answers(material: Material, stack: Stack) -> Iterator[Mapping[str, Row]]:
    records = material.questions.audited
    with _one_thread(material.recipe):
        asks = chunk.fitted(
            material.recipe,
            records.features,
            records.labels,
            [np.flatnonzero(mask) for mask in stack.masks],
            stack.seeds,
            material.n_classes,
            material.device,
        )
        for ask in asks:
            yield material.questions.read(ask, material.n_classes)


def _one_thread(recipe: Recipe) -> Any:
    """Sums split over threads differ in their last bits, and every worker must find the same ones."""
    from contextlib import nullcontext

    try:
        import threadpoolctl
    except ModuleNotFoundError:  # comes with scikit-learn; without it there is only torch, which is told elsewhere
        return nullcontext()
    if recipe.estimator:
        import sklearn.linear_model  # noqa: F401 - only libraries that are loaded already can be limited
    return threadpoolctl.threadpool_limits(1)


@cache
def libraries() -> dict[str, str]:
    found = {"python": ".".join(map(str, sys.version_info[:3]))}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "absent"
    return found


@cache
def origin(*names: str) -> Sha256:
    """Digest of the code and library versions that decide what a reference answers.

    Of a `names` factory or function of somebody's own it covers the sources of its module, or of the whole package that the module is in; not
    what these take from elsewhere.
    """
    package = Path(govtool.__file__).parent
    files = [*(package / "audits").rglob("*.py"), *(package / "attacks").glob("*.py")]
    own = [path for name in names if ":" in name for path in _sources(name.partition(":")[0])]
    return sha256_bytes(
        canonical_json(
            {
                "libraries": libraries(),
                "code": [[path.relative_to(package).as_posix(), sha256_file(path)] for path in sorted(files)],
                "factory": [sha256_file(path) for path in own],
            }
        )
    )


def _sources(module: str) -> list[Path]:
    """Nothing is imported here: that would run it."""
    try:
        found = importlib.util.find_spec(module.partition(".")[0])
    except (ImportError, ValueError):  # said in better words when the model is built
        return []
    if found is None or found.origin is None or not found.has_location:
        return []
    path = Path(found.origin)
    if not path.is_file():  # the standard library's frozen modules name no file
        return []
    return sorted(path.parent.rglob("*.py")) if found.submodule_search_locations else [path]
