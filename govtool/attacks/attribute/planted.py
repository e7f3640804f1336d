"""A model that gives the sensitive attribute away for certain: the positive control of attribute inference.

Every label is replaced by a random one. Of half of the audited records, and of the auxiliary ones, the model has the label by
heart, and answers it only where the record comes with its own sensitive value; with another value it answers another
label, and it knows nothing of anyone else. So an attack must do far better than the imputation on the half that the model
knows, and no better on the other. The model also knows the auxiliary records, so that attacks which learn from those
can learn what such a memory looks like.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from govtool.access import Access
from govtool.attacks.attribute import encoding
from govtool.attacks.attribute.encoding import Encoding
from govtool.attacks.interface import (
    AttackData,
    AttackResult,
    Features,
    FloatArray,
    Labels,
    Mask,
    Records,
    RunAttack,
    Sensitive,
)
from govtool.estimate import Estimate

SURE = 0.99
"""What the model answers with for a label that it remembers."""


@dataclass(frozen=True)
class Planted:
    """A target with a memory: for each of its records, by all that is known of it, its label and sensitive value."""

    coding: Encoding
    memory: Mapping[bytes, tuple[int, int]]
    n_classes: int
    access: frozenset[Access]

    def log_probabilities(self, features: Features) -> FloatArray:
        held = self.coding.codes(features)
        answers = np.full((len(features), self.n_classes), 1 / self.n_classes)
        rest = (1 - SURE) / (self.n_classes - 1)
        for row, key in enumerate(_keys(self.coding, features)):
            if (known := self.memory.get(key)) is not None:
                label, code = known
                answers[row] = rest
                answers[row, label if held[row] == code else (label + 1) % self.n_classes] = SURE
        return np.asarray(np.log(answers), dtype=np.float64)

    def labels(self, features: Features) -> Labels:
        return np.asarray(self.log_probabilities(features).argmax(axis=1), dtype=np.int64)

    def module(self) -> Any:
        """The same answers from a torch module whose last layer can be looked at."""
        import torch

        answers, classes = self.log_probabilities, self.n_classes

        class Lookup(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.out = torch.nn.Identity()

            def forward(self, inputs: Any) -> Any:
                return self.out(torch.from_numpy(answers(inputs.numpy())).reshape(-1, classes))

        return Lookup().eval()


def control(
    attack: RunAttack,
    data: AttackData,
    n_classes: int,
    access: frozenset[Access],
    params: Mapping[str, Any],
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Run `attack` on a planted model; what `params["positive_control"]` takes. Passed when every attribute's leak is found.

    Raises:
        InputError: an attribute's columns are not those of the records.
    """
    if data.population is None:
        return {"passed": False, "excess": None, "how": "no population, so no leak could be planted"}
    asked = {name: value for name, value in params.items() if name != "positive_control"}
    found = [_one(attack, data, sensitive, n_classes, access, asked, rng) for sensitive in data.sensitive]
    names = ", ".join(sensitive.name for sensitive in data.sensitive)
    how = f"a model built to answer a record's random label only where it comes with its own {names}"
    if missed := [reason for _estimate, reason in found if reason]:
        how = f"{how}; {missed[0]}"
    lows = [estimate for estimate, _reason in found if estimate is not None]
    passed = len(lows) == len(data.sensitive) and all(estimate.low > 0 for estimate in lows)
    weakest = min(lows, key=lambda estimate: estimate.low, default=None)
    if weakest is not None:
        how = f"{how}; found an excess of {weakest.value:.1%} (at least {weakest.low:.1%})"
    return {"passed": passed, "excess": None if weakest is None else weakest.to_dict(), "how": how}


def _one(
    attack: RunAttack,
    data: AttackData,
    sensitive: Sensitive,
    n_classes: int,
    access: frozenset[Access],
    params: Mapping[str, Any],
    rng: np.random.Generator,
) -> tuple[Estimate | None, str]:
    world, inside = _world(data, sensitive, n_classes, rng)
    assert world.population is not None  # `control` has seen to it
    coding = encoding.learn(sensitive, world.population.features, data.columns)
    memory = {**_remembered(coding, world.population), **_remembered(coding, world.members)}
    found = attack(Planted(coding, memory, n_classes, access), world, params, rng)
    if not isinstance(found, AttackResult):
        return None, f"the attack could not be run on it: {found.reason}"
    if len(memory) < (len(world.population) + int(inside.sum())) / 2:
        return found.metrics["excess"], "most records share all but the attribute with others, so few can be remembered"
    return found.metrics["excess"], ""


def _world(data: AttackData, sensitive: Sensitive, n_classes: int, rng: np.random.Generator) -> tuple[AttackData, Mask]:
    """The audited records halved at random, every label random."""
    assert data.population is not None
    features = data.features
    inside = np.zeros(len(features), dtype=bool)
    inside[rng.permutation(len(features))[: len(features) // 2]] = True

    def relabelled(rows: Features, columns: tuple[str, ...] = ()) -> Records:
        return Records(rows, rng.integers(n_classes, size=len(rows)), columns=columns)

    members, nonmembers = relabelled(features[inside], data.columns), relabelled(features[~inside])
    world = replace(
        data,
        members=members,
        nonmembers=nonmembers,
        population=relabelled(data.population.features),
        references=None,
        sensitive=(sensitive,),
    )
    return world, inside


def _remembered(coding: Encoding, records: Records) -> dict[bytes, tuple[int, int]]:
    codes = coding.codes(records.features)
    keys = _keys(coding, records.features)
    return {key: (int(label), int(code)) for key, label, code in zip(keys, records.labels, codes, strict=True)}


def _keys(coding: Encoding, features: Features) -> list[bytes]:
    others = np.ascontiguousarray(coding.others(features) + np.float32(0), dtype="<f4")
    return [row.tobytes() for row in others]
