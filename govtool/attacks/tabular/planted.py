"""A model that gives whole records away: the positive control of record reconstruction.

It has one class for each person of a random half of the audited records, and is the surer of a class the more attributes agree with
that person's. So the answer about a person of that half leads a search that works to the very record; the answer about anybody
else leads to those whom they are most like.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from govtool.access import Access
from govtool.attacks.interface import AttackData, AttackResult, Features, FloatArray, Labels, Records, RunAttack
from govtool.attacks.tabular import domain as domains
from govtool.attacks.tabular.domain import Domain
from govtool.errors import WorkError

MOST_CLASSES = 200
SURER = 4.0
"""By how many nats an attribute more in common makes the model surer of a person."""
_BATCH = 2048


@dataclass(frozen=True)
class Planted:
    """Remembers one person's record per class: (classes, attributes) codes and (classes, known columns) values."""

    domain: Domain
    codes: Labels
    known: Features
    access: frozenset[Access]

    @property
    def n_classes(self) -> int:
        return len(self.codes)

    def log_probabilities(self, features: Features) -> FloatArray:
        parts = [self._scores(features[start : start + _BATCH]) for start in range(0, len(features), _BATCH)]
        scores = SURER * np.concatenate(parts)
        scores -= scores.max(axis=1, keepdims=True)
        return np.asarray(scores - np.log(np.exp(scores).sum(axis=1, keepdims=True)), dtype=np.float64)

    def labels(self, features: Features) -> Labels:
        return np.asarray(self.log_probabilities(features).argmax(axis=1), dtype=np.int64)

    def module(self) -> Any:
        raise WorkError("a planted model has no weights to show")

    def _scores(self, features: Features) -> FloatArray:
        """(n, classes): in how many attributes a record agrees with the class's person."""
        codes, agree = self.domain.codes(features), np.zeros((len(features), self.n_classes))
        for column in range(codes.shape[1]):
            agree += codes[:, column, None] == self.codes[None, :, column]
        for position, column in enumerate(self.domain.known):
            agree += features[:, column, None] == self.known[None, :, position]
        return agree


def control(
    attack: RunAttack, data: AttackData, access: frozenset[Access], params: Mapping[str, Any], rng: np.random.Generator
) -> dict[str, Any]:
    """Run `attack` on the planted model; what `params["positive_control"]` takes.

    Raises:
        InputError: the known columns are not those of the records.
    """
    if data.population is None or "known" not in params:
        return {
            "passed": False,
            "how": "no records of other people, or nothing said of what is known: no leak could be planted",
        }
    features = data.features
    domain = domains.learn(data.population.features, data.columns, params["known"], params.get("bins", 4))
    count = min(len(features) // 2, MOST_CLASSES)
    order = rng.permutation(len(features))
    inside, outside = order[:count], order[count : 2 * count]
    remembered = features[inside]
    target = Planted(domain, domain.codes(remembered), remembered[:, list(domain.known)], access)

    def relabelled(rows: Features, labels: Labels) -> Records:
        return Records(rows, labels, columns=data.columns)

    world = replace(
        data,
        members=relabelled(features[inside], np.arange(count)),
        nonmembers=relabelled(features[outside], rng.integers(count, size=count)),
        population=relabelled(data.population.features, rng.integers(count, size=len(data.population))),
        references=None,
    )
    how = f"a model built to be the surer of each of {count} people the more of their record it is shown"
    found = attack(target, world, {name: value for name, value in params.items() if name != "positive_control"}, rng)
    if not isinstance(found, AttackResult):
        return {"passed": False, "how": f"{how}; the attack could not be run on it: {found.reason}"}
    excess, answer = found.metrics["excess"], found.metrics["answer_gain_nonmembers"]
    how = (
        f"{how}; found an excess of {excess.value:.1%} (at least {excess.low:.1%}), and from answers about others a gain of "
        f"{answer.value:.1%} (at least {answer.low:.1%})"
    )
    return {"passed": excess.low > 0 and answer.low > 0, "excess": excess.to_dict(), "how": how}
