"""What every reference model is asked, and what is kept of its answers: a few numbers per record, never all classes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from govtool.attacks import signals
from govtool.attacks.interface import Features, FloatArray, Labels, Records

Ask = Callable[[Features], FloatArray]
"""(n, d) records to (n, classes) log probabilities."""

CHUNK_BYTES = 32 * 2**20
"""Of answers held at a time, so that neither their number nor that of the classes decides how much memory is needed."""

AUDITED, CONTROL, POPULATION, CORRECT = "audited", "control", "population", "correct"


@dataclass(frozen=True)
class Questions:
    """The audited records, the labels that the positive control uses instead of theirs, and the population."""

    audited: Records
    control_labels: Labels | None
    population: Records | None

    def rows(self) -> dict[str, tuple[str, int]]:
        """By name, the dtype and length of what `read` gives."""
        shapes = {f"{group}/{name}": ("<f8", length) for group, length in self._groups() for name in signals.READINGS}
        return {**shapes, CORRECT: ("|b1", len(self.audited))}

    def _groups(self) -> Iterator[tuple[str, int]]:
        yield AUDITED, len(self.audited)
        if self.control_labels is not None:
            yield CONTROL, len(self.audited)
        if self.population is not None:
            yield POPULATION, len(self.population)

    def read(self, ask: Ask, n_classes: int) -> dict[str, NDArray[np.generic]]:
        """Ask one model everything, some records at a time: (n,) readings by ``group/reading``, and whether it is correct.

        Raises:
            WorkError: the model answered with something that is not log probabilities.
        """
        found: dict[str, NDArray[np.generic]] = {name: np.empty(n, kind) for name, (kind, n) in self.rows().items()}
        step = max(1, CHUNK_BYTES // (8 * n_classes))
        for part in _slices(len(self.audited), step):
            answers, labels = ask(self.audited.features[part]), self.audited.labels[part]
            found[CORRECT][part] = answers.argmax(axis=1) == labels
            _keep(found, AUDITED, part, answers, labels)
            if self.control_labels is not None:
                _keep(found, CONTROL, part, answers, self.control_labels[part])
        if self.population is not None:
            for part in _slices(len(self.population), step):
                answers = ask(self.population.features[part])
                _keep(found, POPULATION, part, answers, self.population.labels[part])
        return found


def _slices(length: int, step: int) -> Iterator[slice]:
    return (slice(start, start + step) for start in range(0, length, step))


def _keep(found: dict[str, NDArray[np.generic]], group: str, part: slice, answers: FloatArray, labels: Labels) -> None:
    for name, values in signals.read(answers, labels).items():
        found[f"{group}/{name}"][part] = values
