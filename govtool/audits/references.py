"""Reference models: what the target would have been, had other records been in its training set.

They are trained stack by stack. What a stack answered is kept in the cache as soon as it is ready, and from there read into
arrays on disk, so that neither a lost process nor a large data set costs more than one stack.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from govtool.attacks import signals
from govtool.attacks.interface import AttackData, Labels, Mask, Records, References, Target
from govtool.audits import engine as engines
from govtool.audits import ensemble, fanout, reference_job
from govtool.audits.control import Plan
from govtool.audits.engine import Engine
from govtool.audits.halves import halves
from govtool.audits.questions import AUDITED, CONTROL, CORRECT, POPULATION, Questions
from govtool.audits.recipe import Recipe
from govtool.audits.reference_cache import Layout
from govtool.audits.reference_job import Material, Stack
from govtool.audits.row_files import RowFiles
from govtool.digest import canonical_json, sha256_arrays, sha256_bytes
from govtool.errors import WorkError

__all__ = ["Trained", "halves", "train_references"]


@dataclass(frozen=True)
class Trained:
    """References for the records' own labels, and for the positive control: its labels, its order of the records."""

    references: References
    control: References | None
    seeds: list[int]
    cached: int
    """How many were there already."""


def train_references(
    recipe: Recipe,
    target: Target,
    data: AttackData,
    *,
    count: int,
    seed: int,
    control: Plan | None,
    training_records: int | None,
    progress: ensemble.Progress,
    engine: Engine | None = None,
    masks: Mask | None = None,
    device: str = "cpu",
) -> Trained:
    """Train `count` (even) references on halves of members and non-members, and ask them about every record.

    `training_records` is how many the target was trained on; None where lineage does not say. `masks` are the halves,
    where they are not to be drawn record by record. The arrays of the answer are read-only and memory-mapped.

    Raises:
        InputError: the recipe does not fit the data.
        WorkError: the cluster is lost, the disk is full, a reference's answers are no log probabilities.
        MissingExtraError: torch or scikit-learn is not installed.
    """
    with nullcontext(engine) if engine else engines.opened(None) as own:
        prepared = prepare(recipe, target.n_classes, data, seed=seed, control=control, engine=own, device=device)
        work = prepared.work(count, masks)
        with RowFiles(own.cache.folder, work.shapes()) as rows:
            cached = work.gather(rows, progress)
            arrays = rows.arrays()
    right = target.labels(work.questions.audited.features) == work.questions.audited.labels
    measured = work.mismatch(right, len(data.members), training_records)
    return Trained(
        _references(arrays, AUDITED, measured),
        _references(arrays, CONTROL, {}) if control else None,
        work.seeds,
        cached,
    )


def _references(arrays: Mapping[str, NDArray[Any]], group: str, measured: Mapping[str, float]) -> References:
    def readings(group: str) -> dict[str, NDArray[Any]]:
        return {name: arrays[f"{group}/{name}"] for name in signals.READINGS if f"{group}/{name}" in arrays}

    return References(readings(group), arrays[f"{group}/members"], readings(POPULATION), measured)


@dataclass(frozen=True)
class Prepared:
    """What does not depend on how many references there are, read and hashed once."""

    material: Material
    order: Labels | None
    engine: Engine
    seed: int
    shared: Mapping[str, Any]
    """Of the cache's keys, what all stacks have in common."""

    def work(self, count: int, masks: Mask | None = None) -> "Work":
        """The task of `count` references on the halves `masks`, by default of the records."""
        audited = self.material.questions.audited
        return Work(self, halves(count, len(audited), self.seed) if masks is None else masks)


def prepare(
    recipe: Recipe,
    n_classes: int,
    data: AttackData,
    *,
    seed: int,
    control: Plan | None,
    engine: Engine,
    device: str,
) -> Prepared:
    """What references of any number will have in common."""
    labels = None if control is None else control.labels
    questions = Questions(Records(data.features, data.labels), labels, data.population)
    origin = reference_job.origin(recipe.factory, recipe.function)
    material = Material(recipe, questions, n_classes, device, engine.cache, origin)
    return Prepared(material, None if control is None else control.order, engine, seed, _shared_key(material))


class Work:
    """One set of references on its way: which stacks there are, which are done, and where their answers go."""

    def __init__(self, prepared: Prepared, masks: Mask) -> None:
        self.material, self.engine, self.order = prepared.material, prepared.engine, prepared.order
        self.questions = self.material.questions
        self.masks, self.count = masks, len(masks)
        self.seeds = ensemble.seeds_for(prepared.seed, self.count)
        sizes = [range(int(mask.sum())) for mask in masks]
        inputs = self.questions.audited.features.shape[1]
        self.members = ensemble.cut(self.material.recipe, sizes, inputs, self.material.n_classes, self.material.device)
        self.stacks = [self._stack(prepared.shared, numbers) for numbers in self.members]
        self.right = np.zeros((2, 2), dtype=np.int64)  # [out or in of its training, wrong or right]

    def _stack(self, shared: Mapping[str, Any], numbers: Sequence[int]) -> Stack:
        """What is trained together, under the digest of all that decides what it will answer.

        Its models share one digest: what is trained beside a model may decide the last bits of its weights.
        """
        own = [[sha256_arrays(np.packbits(self.masks[number])), self.seeds[number]] for number in numbers]
        key = sha256_bytes(canonical_json({**shared, "models": own}))
        layout = Layout(key, len(numbers), self.questions.rows())
        return Stack(self.masks[list(numbers)], [self.seeds[number] for number in numbers], layout)

    def missing(self) -> list[list[int]]:
        """The references of each stack that the cache does not seem to hold; nothing is read."""
        stacks = zip(self.stacks, self.members, strict=True)
        return [numbers for stack, numbers in stacks if not self.engine.cache.holds(stack.layout)]

    def shapes(self) -> Mapping[str, tuple[tuple[int, int], str]]:
        wanted = {name: found for name, found in self.questions.rows().items() if name != CORRECT}
        masks = [AUDITED, *([CONTROL] if self.order is not None else [])]
        return {
            **{name: ((self.count, length), kind) for name, (kind, length) in wanted.items()},
            **{f"{group}/members": (self.masks.shape, "|b1") for group in masks},
        }

    def gather(self, rows: RowFiles, progress: ensemble.Progress) -> int:
        """Fill the arrays, training what the cache does not hold; how many references it held."""
        missing = [number for number in range(len(self.stacks)) if not self._load(rows, number)]
        waiting = sum(len(self.members[number]) for number in missing)
        progress(self.count - waiting)
        cached = self.count - waiting
        for number in self._train(missing):
            if not self._load(rows, number):
                raise WorkError(
                    "a reference model that was just stored in the cache cannot be read back",
                    where=str(self.engine.cache.folder),
                    hint="does something else write or clean that folder?",
                )
            waiting -= len(self.members[number])
            progress(self.count - waiting)
        return cached

    def _load(self, rows: RowFiles, stack: int) -> bool:
        """Copy a stack's answers from the cache into the arrays; False when they are not there, or not whole."""
        found = np.zeros_like(self.right)
        try:
            for model, name, row in self.engine.cache.read(self.stacks[stack].layout):
                number = self.members[stack][model]
                if name == CORRECT:
                    inside = self.masks[number].astype(np.int64)
                    np.add.at(found, (inside, row.astype(np.int64)), 1)
                else:
                    rows.put(name, number, row if self._in_place(name) else row[self.order])
        except LookupError:
            return False
        self.right += found
        for number in self.members[stack]:
            rows.put(f"{AUDITED}/members", number, self.masks[number])
            if self.order is not None:
                rows.put(f"{CONTROL}/members", number, self.masks[number][self.order])
        return True

    def _in_place(self, name: str) -> bool:
        return not name.startswith(f"{CONTROL}/")

    def _train(self, missing: Sequence[int]) -> Iterator[int]:
        stacks = [self.stacks[number] for number in missing]
        if self._here(missing):
            for number, stack in zip(missing, stacks, strict=True):
                reference_job.train(self.material, stack)
                yield number
            return
        away = self.engine.cluster.kind != "local"
        material = self.material if not away else self.material.without_cache()
        for index, entry in fanout.run(self.engine.cluster, reference_job.train, material, stacks, self.engine.workers):
            if entry is not None and not self.engine.cache.adopt(stacks[index].layout, entry):
                raise WorkError("a worker of the cluster sent back something that is not an answer")
            yield missing[index]

    def _here(self, missing: Sequence[int]) -> bool:
        """Whether other processes would cost more than they save; what is found is the same wherever."""
        if self.engine.cluster.kind != "local":
            return False
        models = [range(int(self.masks[i].sum())) for number in missing for i in self.members[number]]
        return (
            len(missing) <= 1
            or self.material.device != "cpu"
            or not ensemble.worth_processes(
                self.material.recipe, self.questions.audited.features, models, self.material.n_classes
            )
        )

    def mismatch(self, right: Mask, members: int, training_records: int | None) -> dict[str, float]:
        """How the references differ from the target: accuracy on what each trained on and on what it did not, and sizes.

        Gaps are references minus target, in shares of records; the ratio is references to target, absent where the number
        of records that the target was trained on is not known.
        """
        outside, inside = self.right[:, 1] / self.right.sum(axis=1)
        trained_on = float(self.masks.sum() / self.count)
        return {
            "train_accuracy_gap": float(inside - right[:members].mean()),
            "test_accuracy_gap": float(outside - right[members:].mean()),
            **({"training_records_ratio": trained_on / training_records} if training_records else {}),
        }


def _shared_key(material: Material) -> dict[str, Any]:
    questions = material.questions
    labels: list[NDArray[Any]] = [] if questions.control_labels is None else [questions.control_labels]
    outside = questions.population
    return {
        "readings": list(signals.READINGS),
        "recipe": material.recipe.model_dump(mode="json"),
        "n_classes": material.n_classes,
        "device": material.device,
        "origin": material.origin,
        "audited": sha256_arrays(questions.audited.features, questions.audited.labels),
        "control": sha256_arrays(*labels),
        "population": None if outside is None else sha256_arrays(outside.features, outside.labels),
    }
