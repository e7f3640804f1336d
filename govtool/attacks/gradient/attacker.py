"""One attacker before one intercepted update: everything tried, the cheapest first, nothing chosen by the truth."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from govtool.attacks.gradient import analytic, labels, layers, matching
from govtool.attacks.gradient.layers import Dense
from govtool.attacks.gradient.update import Update, prepare, simulate
from govtool.attacks.interface import Labels, Records
from govtool.attacks.inversion.question import Bounds, Shape

MOST_SEARCHED = 4
"""Records in one update up to which it is searched for them unless the spec names the attack: beyond, searches take minutes
and find averages."""


@dataclass(frozen=True)
class Attacker:
    """What is known beside the update and the model."""

    bounds: Bounds
    shape: Shape | None
    public: Records | None = None
    """Records of other people of the same kind."""
    most: int = MOST_SEARCHED


@dataclass(frozen=True)
class Scene:
    """One update under attack."""

    net: Any
    """From `update.prepare`."""
    update: Update
    labels: Labels | None
    """Given, or recovered."""
    attacker: Attacker
    classes: int
    first: Dense | None
    rng: np.random.Generator

    def missed(self, inputs: NDArray[np.float32]) -> float | None:
        """How far the update of these records lies from the intercepted one, as a share of its length; None where it cannot
        be said which label goes with which record.
        """
        import torch

        if self.labels is None or len(inputs) != self.update.size or len(np.unique(self.labels)) > 1:
            return None
        found = simulate(self.net, torch.from_numpy(inputs), torch.from_numpy(self.labels), self.update.local)
        wanted = self.update.tensors
        names = [name for name, _ in self.net.named_parameters()]
        apart = sum(
            float(((one.detach().double().numpy() - wanted[name]) ** 2).sum())
            for name, one in zip(names, found, strict=True)
        )
        return float(np.sqrt(apart) / self.update.norm)


@dataclass(frozen=True)
class Attempt:
    """What one attack drew."""

    inputs: NDArray[np.float32]
    """(found, features)."""
    residual: float | None
    """Distance of its update from the intercepted one, as a share; None where it cannot be said."""
    sure: int = 0
    """Of those found, how many the attacker knows to be records and no mixtures."""


Run = Callable[[Scene], Attempt | str]
"""An attempt, or why none was made."""


@dataclass(frozen=True)
class GradientAttack:
    """A catalogue entry."""

    name: str
    summary: str
    reference: str
    run: Run
    searches: bool = False
    by_default: bool = True
    taxonomy: str = "NISTAML.032 Data Reconstruction"


def first_layer(scene: Scene) -> Attempt | str:
    if scene.first is None:
        return "no fully connected layer is given the record itself"
    public = scene.attacker.public
    prior = analytic.Prior.of(public.features) if public is not None and scene.update.readout.noise else None
    found = analytic.read(scene.update, scene.first, scene.attacker.bounds, prior)
    if found is None:
        return "the first layer has no bias, or nothing of it was sent"
    return Attempt(found.inputs, scene.missed(found.inputs), int(found.sure.sum()))


def idlg(scene: Scene) -> Attempt | str:
    if scene.labels is None:
        return "the labels are neither known nor given away by the last layer"
    return _searched(scene, scene.labels, matching.squared)


def dlg(scene: Scene) -> Attempt | str:
    return _searched(scene, None, matching.squared)


def cosine_tv(scene: Scene) -> Attempt | str:
    if scene.labels is None:
        return "the labels are neither known nor given away by the last layer"
    return _searched(scene, scene.labels, matching.cosine)


def _searched(scene: Scene, known: Labels | None, search: Callable[..., matching.Match]) -> Attempt:
    who = scene.attacker
    found = search(scene.net, scene.update, known, who.bounds, who.shape, scene.classes, scene.rng)
    return Attempt(found.inputs, found.residual)


@dataclass(frozen=True)
class Outcome:
    """What came of one update."""

    attempts: Mapping[str, Attempt]
    not_made: Mapping[str, str] = field(default_factory=dict)
    """Attacks that were not carried out, and why."""
    labels: Labels | None = None
    too_many: bool = False
    """Whether a search was left out because the update has too many records."""


def attack(
    net: Any,
    update: Update,
    attacker: Attacker,
    classes: int,
    attacks: Mapping[str, GradientAttack],
    rng: np.random.Generator,
) -> Outcome:
    """Try every attack; searches only while something is left to find.

    Args:
        net: the module that the client was sent.
        update: what was intercepted.
        attacker: what is known beside.
        classes: how many the model tells apart.
        attacks: from the catalogue, in its order: the analytic one first.
        rng: for starts.
    """
    net = prepare(copy.deepcopy(net), update.local)
    first, last = layers.ends(net, attacker.bounds.low.size)
    known = update.labels
    if known is None:
        known = labels.recover(update, last, _answers(net, attacker, rng))
    scene = Scene(net, update, known, attacker, classes, first, rng)
    attempts: dict[str, Attempt] = {}
    not_made: dict[str, str] = {}
    too_many = False
    for name, one in attacks.items():
        if one.searches and any(found.sure == update.size for found in attempts.values()):
            not_made[name] = "the first layer had given every record away already"
        elif one.searches and update.size == 1 and attempts and update.readout.noise:
            not_made[name] = "the first layer's reading already averages the noise of all its units"
        elif one.searches and update.size > attacker.most:
            too_many = True
            not_made[name] = f"searching for more than {attacker.most} records at once was not tried"
        else:
            found = one.run(scene)
            if isinstance(found, str):
                not_made[name] = found
            else:
                attempts[name] = found
    return Outcome(attempts, not_made, known, too_many)


def _answers(net: Any, attacker: Attacker, rng: np.random.Generator) -> NDArray[Any]:
    """(n, classes) what the model says of whatever records the attacker has: public ones, or noise."""
    import torch

    bounds = attacker.bounds
    if attacker.public is not None and len(attacker.public):
        features = attacker.public.features.reshape(len(attacker.public), -1)[:_ASKED]
    else:
        features = bounds.from_units(rng.random((_ASKED, *bounds.low.shape))).reshape(_ASKED, -1)
    with torch.no_grad():
        return np.asarray(torch.softmax(net(torch.from_numpy(np.ascontiguousarray(features))), 1).double().numpy())


_ASKED = 256


def naive(scene: Scene) -> Attempt | str:
    """The first layer's strongest unit alone: what a defence is often tested with, and looks better than it is."""
    if scene.first is None or scene.update.size > 1:
        return "one unit alone gives one record alone"
    rows = scene.first.rows(scene.update.tensors)
    if rows is None or not rows[1].any():
        return "the first layer has no bias, or nothing of it was sent"
    unit = int(np.abs(rows[1]).argmax())
    bounds = scene.attacker.bounds
    one = np.clip(rows[0][unit] / rows[1][unit], bounds.low.ravel(), bounds.high.ravel())
    return Attempt(one[None].astype(np.float32), None)
