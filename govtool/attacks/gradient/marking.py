"""One update attacked and marked."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from govtool.attacks.gradient import attacker as attackers
from govtool.attacks.gradient import scoring
from govtool.attacks.gradient.attacker import Attacker, GradientAttack, Outcome
from govtool.attacks.gradient.scoring import LineUp, Score
from govtool.attacks.gradient.update import Local, Update, prepare, send
from govtool.attacks.interface import FloatArray, Labels, Mask, Records

Server = Literal["curious", "trap_weights", "trap_thresholds"]
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Design:
    """How updates are made for assessing."""

    updates: int
    size: int
    """Records of one client."""
    local: Local
    tell_labels: bool = False
    server: Server = "curious"


@dataclass(frozen=True)
class Setting:
    """What all updates of one trial share."""

    net: Any
    """As clients are sent it."""
    records: Records
    """What clients hold."""
    place: Places
    """(records,) of each in the line-up."""
    line_up: LineUp
    attacker: Attacker
    classes: int
    attacks: Mapping[str, GradientAttack]

    def batches(self, design: Design, rng: np.random.Generator) -> list[Places]:
        """Rows for each update. Disjoint while there are records, so that updates are independent; then in a new order."""
        count, each = len(self.records), design.size
        found: list[Places] = []
        while len(found) < design.updates:
            order = rng.permutation(count)
            found += [order[start : start + each] for start in range(0, count - each + 1, each)]
        return found[: design.updates]

    def rows(self, batch: Places) -> Records:
        return Records(self.records.features[batch].reshape(len(batch), -1), self.records.labels[batch])

    def update(self, batch: Places, design: Design) -> Update:
        own = self.rows(batch)
        return send(self.net, own.features, own.labels, design.local, tell_labels=design.tell_labels)

    def attacked(self, update: Update, batch: Places, rng: np.random.Generator) -> "Marked":
        outcome = attackers.attack(self.net, update, self.attacker, self.classes, self.attacks, rng)
        return self.marked(outcome, batch)

    def marked(self, outcome: Outcome, batch: Places) -> "Marked":
        chosen = self.place[batch]
        scores = {
            name: scoring.score(one.inputs, chosen, self.line_up, self.attacker.bounds)
            for name, one in outcome.attempts.items()
        }
        own = self.rows(batch)
        return Marked(outcome, chosen, scores, norms(self.net, own), _agreement(outcome.labels, own.labels))


@dataclass(frozen=True)
class Marked:
    """One update: what the attacks drew, and the marks of each."""

    outcome: Outcome
    chosen: Places
    """(records,) places in the line-up."""
    scores: Mapping[str, Score]
    norms: FloatArray
    """(records,) length of each record's own gradient."""
    labels_right: float
    """Share of the labels that the attacker had right, in any order."""

    @property
    def recovered(self) -> Mask:
        """(records,) by any of the attacks: an attacker tries them all."""
        nothing = np.zeros(len(self.chosen), dtype=bool)
        return np.asarray(np.any([nothing, *(score.recovered for score in self.scores.values())], axis=0), dtype=bool)

    @property
    def psnr(self) -> FloatArray:
        """(records,) of whichever attack came nearest; NaN where none drew it."""
        nothing = np.full(len(self.chosen), np.nan)
        return np.asarray(np.fmax.reduce([nothing, *(score.psnr for score in self.scores.values())]))

    @property
    def named(self) -> Places:
        """Distinct records of the line-up nearest to what any attack drew."""
        return np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *(one.named for one in self.scores.values())]))


def norms(net: Any, records: Records) -> FloatArray:
    """(records,) length of each record's own gradient: what is near zero gives nothing away, here and now."""
    plain = prepare(copy.deepcopy(net), Local())
    rows = range(len(records))
    each = [
        send(plain, records.features[i : i + 1], records.labels[i : i + 1], Local(), tell_labels=False) for i in rows
    ]
    return np.array([one.norm for one in each], dtype=np.float64)


def _agreement(guessed: Labels | None, true: Labels) -> float:
    if guessed is None:
        return 0.0
    width = int(max(guessed.max(), true.max())) + 1
    counts = [np.bincount(labels, minlength=width) for labels in (guessed, true)]
    return float(np.minimum(*counts).sum() / len(true))
