"""One model under attack and the references an attacker holds; and references that pose as the target, to tune on.

Thresholds, mixtures and combinations are chosen on mock worlds, whose membership the attacker knows because the models
are the attacker's own. Reference readings may be memory-mapped and larger than memory: they are read in column blocks.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from govtool.attacks import signals, statistics
from govtool.attacks.interface import AttackData, FloatArray, Labels, Mask, References
from govtool.attacks.membership.answers import Answers
from govtool.errors import InputError

FEWEST_REFERENCES = 4
"""Two pairs: one pair to stand in for the target, one to be its references."""

_COMPARED = ("phi", "warm_phi", "log_probability")
"""Readings of the references that attacks look at; of a mock target's own they may look at all."""

_MOST_MOCKS = 8
_MOST_MOCK_RECORDS = 20_000
_BLOCK_CELLS = 1 << 22
_UNRESOLVED = 700.0
"""|phi| from which the answer was a probability of exactly 0 or 1: `signals.FLOOR` less the log of some hundred classes."""


@dataclass(frozen=True)
class Block:
    """Some records: the target's reading (b,), the references' (r, b), and which references count as in and as out."""

    target: FloatArray
    references: FloatArray
    inside: Mask
    outside: Mask


@dataclass(frozen=True)
class World:
    """The readings of one target and of the `rows` of `references` that the attacker holds against it."""

    target: Mapping[str, FloatArray]
    """By reading: (records,)."""
    references: Mapping[str, FloatArray]
    """By reading: (all references, records)."""
    members: Mask
    """(all references, records)."""
    labels: Labels
    seen: Mask
    """(all references, classes): did the reference's training set hold the class? Without it, the reference is missing
    for records of that class and not OUT: what it says of a class it has never met is no measure of the record."""
    rows: NDArray[np.int64]
    cap: float = _UNRESOLVED
    """Largest |phi| that the answers resolve; beyond it they are 0 or 1 by rounding, and count as this."""

    def __len__(self) -> int:
        return len(self.labels)

    def read(self, name: str) -> FloatArray:
        """(records,) the target's own reading, within what the answers resolve."""
        return self._resolved(name, self.target[name])

    def blocks(self, name: str) -> Iterator[Block]:
        """The records in order, as many at a time as keep a block of references small.

        Raises:
            InputError: the references carry no such reading.
        """
        if name not in self.references or name not in self.target:
            raise InputError(f"the reference models carry no reading {name!r}", hint="make them with signals.read")
        held, width = self.references[name], max(1, _BLOCK_CELLS // max(1, len(self.rows)))
        for start in range(0, len(self), width):
            columns = slice(start, start + width)
            values = np.asarray(held[:, columns], dtype=np.float64)[self.rows]
            inside = np.asarray(self.members[:, columns])[self.rows]
            met = self.seen[np.ix_(self.rows, self.labels[columns])]
            yield Block(self.read(name)[columns], self._resolved(name, values), inside, ~inside & met)

    def score(self, name: str, of: Callable[[Block], FloatArray]) -> FloatArray:
        """(records,) what `of` makes of each block of a reading."""
        return np.concatenate([of(block) for block in self.blocks(name)])

    def _resolved(self, name: str, values: FloatArray) -> FloatArray:
        if name == "phi":
            return np.clip(values, -self.cap, self.cap)
        if name == "warm_phi":  # between (phi - log classes) / 2 and phi / 2
            warm = self.cap / signals.WARMTH
            return np.clip(values, -warm - np.log(self.seen.shape[1]) / 2, warm)
        return np.maximum(values, -self.cap) if name == "log_probability" else values


@dataclass(frozen=True)
class Mock:
    """A reference posing as the target, and what it was trained on. Twins (complements) share their `pair`."""

    world: World
    members: Mask
    pair: int
    records: NDArray[np.int64]
    """Which of the audited records they are."""


def real(answers: Answers, data: AttackData) -> World:
    """The world of the true target. `data.references` must be there."""
    assert data.references is not None
    references = data.references
    return World(
        answers.audited,
        references.readings,
        references.members,
        data.labels,
        classes_seen(references.members, data.labels),
        np.arange(references.count),
        resolution(references, answers.audited),
    )


def classes_seen(members: Mask, labels: Labels) -> Mask:
    """(references, classes) whether the reference's training set held a record of the class."""
    classes = int(labels.max()) + 1
    return np.stack([np.bincount(labels[inside], minlength=classes) > 0 for inside in members])


def resolution(references: References, target: Mapping[str, FloatArray]) -> float:
    """What all answers of a world are bounded by: what the target's resolve, where some of them are exactly 0 or 1.

    References then are read as coarsely as the target can be; finer answers of theirs would make its own look strange.
    """
    if (np.abs(target["phi"]) >= _UNRESOLVED).any():
        return largest_resolved(target["phi"])
    return largest_resolved(*references.readings.get("phi", ()), target["phi"])


def largest_resolved(*rows: FloatArray) -> float:
    """The largest |phi| among answers that are not exactly 0 or 1, and log 2 more: half the smallest probability seen.

    A forest's answers of 1 have an infinite phi, which would be the mean and the variance of everything.
    """
    largest = 0.0
    for row in rows:
        sizes = np.abs(np.asarray(row, dtype=np.float64))
        largest = max(largest, float(sizes.max(initial=0.0, where=sizes < _UNRESOLVED)))
    return largest + float(np.log(2))


def mocks(world: World, rng: np.random.Generator) -> list[Mock]:
    """References posing as the target, at most eight, each with its own membership, on at most 20,000 of the records.

    A reference's complement is left out with it: its mask would give away the mock's, which no target's does. Whole
    pairs pose, so over all mocks every record is as often a member as not, and nothing can be learnt from which it is.
    """
    chosen = np.arange(len(world))
    if len(world) > _MOST_MOCK_RECORDS:
        chosen = np.sort(rng.choice(len(world), _MOST_MOCK_RECORDS, replace=False))
    members = world.members[:, chosen]
    sample = replace(
        world,
        references={name: _rows(world, name, world.rows, chosen) for name in _COMPARED if name in world.references},
        members=members,
        labels=world.labels[chosen],
    )
    found = []
    for pair, twins in enumerate(_pairs(members)[: _MOST_MOCKS // 2]):
        kept = np.setdiff1d(world.rows, twins)
        if not len(kept) or not covered(members[kept], online=False):
            continue
        for row in twins:
            own = {name: _rows(world, name, np.array([row]), chosen)[0] for name in world.references}
            found.append(Mock(replace(sample, target=own, rows=kept), members[row], pair, chosen))
    return found


def _rows(world: World, name: str, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> FloatArray:
    """One row at a time: whole columns of a memory map would be read from all over the file."""
    return np.stack([np.asarray(world.references[name][row][columns], dtype=np.float64) for row in rows])


def _pairs(members: Mask) -> list[list[int]]:
    """References with their complements, in order; one without a complement stands alone."""
    places: dict[bytes, list[int]] = {}
    for row, inside in enumerate(members):
        places.setdefault(np.packbits(inside).tobytes(), []).append(row)
    used: set[int] = set()
    found = []
    for row, inside in enumerate(members):
        if row in used:
            continue
        twin = next((other for other in places.get(np.packbits(~inside).tobytes(), []) if other not in used), None)
        found.append([row] if twin is None else [row, twin])
        used.update(found[-1])
    return found


def covered(members: Mask, *, online: bool) -> bool:
    """Is every record out of some reference and, online, in some other? (references, records) in."""
    return bool((~members).any(axis=0).all() and (not online or members.any(axis=0).all()))


def unmet(world: World) -> int:
    """How many records have no OUT reference because those without the record had never met its class."""
    return sum(int((~block.outside.any(axis=0)).sum()) for block in world.blocks("phi"))


def threshold(scored: list[tuple[FloatArray, Mask]]) -> float:
    """The median over mocks of the threshold that is best for each on its own members and non-members."""
    return float(np.median([statistics.best_threshold(scores, inside) for scores, inside in scored]))
