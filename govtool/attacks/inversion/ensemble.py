"""Several models of the same people, attacked as one (Wang & Kurz, WACV 2022, arXiv 2111.03702).

The target is the model whose classes are drawn; the companions are other models that know the same people, under the same
classes or under others (`Companion.classes`). The same search on each of them alone stands beside the result. The search
is in `joint`, the judgement in `assembly`, and what the ensemble adds in `gain`.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from govtool.access import Access, reachable
from govtool.attacks import values
from govtool.attacks.interface import (
    AttackData,
    Companion,
    NotApplicable,
    NotTestable,
    Outcome,
    Target,
)
from govtool.attacks.inversion import assembly, doubts, joint
from govtool.attacks.inversion.joint import Latents, Member, Pixels, Space
from govtool.attacks.inversion.priors import local, pca
from govtool.attacks.inversion.question import STILL, Question, Reconstructions
from govtool.errors import WorkError

NO_COMPANIONS = "the spec names no other models of the same people"
TARGET = "the model under attack"
SPACES = ("pixels", "latents")


def run(target: Target, data: AttackData, params: Mapping[str, Any], rng: np.random.Generator) -> Outcome:
    """Invert every class through all models at once; see `assembly.run`.

    `params`: "space" (pixels, or latents of a prior learnt from public records; default: latents where there are any),
    "response" (margin, one_hot or max_response) and "steps".

    Raises:
        InputError: a parameter has no such value, or the shape does not fit the features.
    """
    response, steps = check(params)
    space = params.get("space") or SPACES[data.public is not None]
    if METHOD.needs in reachable(target.access) and (obstacle := _obstacle(data)):
        return obstacle
    if space == "latents" and data.public is None:
        return NotTestable("a prior is learnt from public records, and the spec names none")
    search = partial(_search, data.companions, _strangers(data), (space, response, steps))
    return assembly.run(assembly.Method(METHOD.name, METHOD.needs, METHOD.holds, search), target, data, params, rng)


def check(params: Mapping[str, Any]) -> tuple[joint.Response, int]:
    """What is asked of each member, and for how many steps.

    Raises:
        InputError: a parameter has no such value.
    """
    assembly.check(params)
    if params.get("space") is not None:
        values.one_of("space", params["space"], SPACES)
    response: Any = values.one_of("response", params.get("response", "margin"), joint.RESPONSES)
    return response, values.whole("steps", params.get("steps", joint.STEPS), most=100_000)


def _obstacle(data: AttackData) -> NotApplicable | NotTestable | None:
    if not data.companions:
        return NotTestable(NO_COMPANIONS)
    for companion in data.companions:
        if isinstance(companion.target, str):
            return NotTestable(f"{companion.name} cannot be attacked: {companion.target}")
        if METHOD.needs not in reachable(companion.target.access):
            exposed = ", ".join(sorted(companion.target.access)) or "nothing"
            return NotApplicable(
                f"the attack needs {METHOD.needs} of every model, and {companion.name} exposes only: {exposed}"
            )
    return None


def _strangers(data: AttackData) -> tuple[str, ...]:
    """Caveats on companions that do not know the members as a model of these people would, under the classes said."""
    said = []
    for companion in data.companions:
        assert not isinstance(companion.target, str)
        wanted = companion.classes[data.members.labels]
        known = wanted != joint.UNKNOWN
        if not known.any():
            said.append(f"{companion.name} knows none of the classes under attack, so it adds nothing.")
            continue
        right = float((companion.target.labels(data.members.features[known]) == wanted[known]).mean())
        guess = float(np.bincount(wanted[known]).max() / known.sum())
        if doubts.barely(right, guess):
            said.append(
                f"{companion.name} gives the members the class it is said to know them by in {right:.0%} of cases "
                f"({guess:.0%} by always saying the commonest), so that mapping may be wrong."
            )
    return tuple(said)


def _search(
    companions: Sequence[Companion],
    caveats: tuple[str, ...],
    settings: tuple[str, joint.Response, int],
    target: Target,
    asked: Question,
    _params: Mapping[str, Any],
    rng: np.random.Generator,
) -> Reconstructions | NotTestable:
    """All members together, and each alone from the same starts."""
    import torch

    kind, response, steps = settings
    identity = np.arange(target.n_classes)
    members: dict[str, Member] = {}
    for name, model, classes in [(TARGET, target, identity), *((c.name, c.target, c.classes) for c in companions)]:
        assert not isinstance(model, str)
        try:
            members[name] = Member(_in_units(model.module(), asked), torch.from_numpy(classes[asked.classes]))
        except WorkError as error:
            return NotTestable(f"{name}: there is nothing to differentiate: {error.message}")
    space = _space(kind, asked)
    seed = int(rng.integers(2**63))

    def draw(chosen: Sequence[Member]) -> Any:
        return joint.search(chosen, space, asked.shape, response, steps, np.random.default_rng(seed))

    found = draw(list(members.values()))
    alone = {name: asked.bounds.from_units(draw([member]).numpy()) for name, member in members.items()}
    with torch.no_grad():
        rows = torch.arange(len(asked.classes))
        answers = torch.softmax(members[TARGET].module(found), 1)
        wanted = members[TARGET].wanted
        sure, named = answers[rows, wanted], answers.argmax(1) == wanted
        grey = (found - 0.5).abs().flatten(1).amax(1) < STILL
    return Reconstructions(
        asked.bounds.from_units(found.numpy()),
        sure.numpy().astype(np.float64),
        grey.numpy(),
        named.numpy(),
        detail={"search": {"space": kind, "response": response, "steps": steps, "restarts": joint.RESTARTS}},
        caveats=caveats,
        alone=alone,
    )


def _space(kind: str, asked: Question) -> Space:
    record, classes = asked.bounds.low.shape, len(asked.classes)
    if kind == "pixels" or asked.public is None:
        return Pixels(record, asked.shape, classes)
    units = asked.bounds.to_units(asked.public.features).clip(0, 1)
    return Latents(pca.fit(units) if asked.shape is None else local.fit(units, asked.shape), classes)


def _in_units(module: Any, asked: Question) -> Any:
    """The module on records in units of the observed range; a copy that no search can change."""
    import torch

    model = joint.frozen(module)
    low = torch.from_numpy(asked.bounds.low)
    width = torch.from_numpy(asked.bounds.high - asked.bounds.low)
    return lambda units: model(low + units * width)


METHOD = assembly.Method(
    "inversion_ensemble",
    Access.GRADIENTS,
    "holds the weights of several models of the same people and can compute gradients through them",
    lambda _target, _asked, _params, _rng: NotTestable(NO_COMPANIONS),
)
