"""What the target says of the records, asked once for all attacks that read the same answers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from govtool.attacks import signals
from govtool.attacks.interface import AttackData, FloatArray, Mask, Records, Target

_BLOCK = 1 << 15
"""Records asked at a time: their full answers are never held all together."""


@dataclass(frozen=True)
class Answers:
    """Readings of the target's answers, by the names of `signals.READINGS`; each is asked for when first wanted."""

    target: Target
    data: AttackData

    @cached_property
    def audited(self) -> Mapping[str, FloatArray]:
        """(members + non-members,) each, members first.

        Raises:
            WorkError: the target's answers are not log probabilities.
        """
        return _joined([*self._readings(self.data.members), *self._readings(self.data.nonmembers)])

    @cached_property
    def population(self) -> Mapping[str, FloatArray]:
        """(population,) each; empty without a population."""
        population = self.data.population
        return {} if population is None or len(population) == 0 else _joined(list(self._readings(population)))

    @cached_property
    def right(self) -> Mask:
        """(members + non-members,) whether the target names the record's label. Needs no more than labels."""
        groups = (self.data.members, self.data.nonmembers)
        return np.concatenate([self.target.labels(group.features) == group.labels for group in groups])

    def _readings(self, records: Records) -> Iterator[dict[str, FloatArray]]:
        for start in range(0, len(records), _BLOCK):
            rows = slice(start, start + _BLOCK)
            yield signals.read(self.target.log_probabilities(records.features[rows]), records.labels[rows])


def asked(target: Target, data: AttackData, params: Mapping[str, Any]) -> Answers:
    """The answers that the audit has already (`params["answers"]`) if they are this target's on these records, else new."""
    held = params.get("answers")
    if isinstance(held, Answers) and held.target is target and _same_records(held.data, data):
        return held
    return Answers(target, data)


def _same_records(one: AttackData, other: AttackData) -> bool:
    return one.members is other.members and one.nonmembers is other.nonmembers and one.population is other.population


def _joined(parts: list[dict[str, FloatArray]]) -> dict[str, FloatArray]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
