"""What a detector is: the events of a case in, signals about principals out, with the numbers of those it clears.

Suspicion is behaviour that differs from the case's other principals. Exposure is training records that were answered
for. The two are never mixed, and every signal carries what speaks against it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from govtool.incidents.training import Model, TrainingIndex

Kind = Literal["suspicion", "exposure"]


@dataclass(frozen=True)
class Signal:
    """One principal (or one of its sessions) beyond a threshold."""

    principal: str
    session: str
    """Which session, or empty when the signal is about everything the principal did."""
    statistic: str
    value: float
    threshold: float
    baseline_n: int
    summary: str
    counter_evidence: tuple[str, ...]
    rows: Any
    """Ibis table: the events the signal rests on."""


@dataclass(frozen=True)
class Outcome:
    """What a detector that ran has to say. `numbers` has the statistic of every principal it judged."""

    signals: tuple[Signal, ...]
    numbers: Mapping[str, float]
    caveats: tuple[str, ...] = ()


@dataclass(frozen=True)
class NotApplicable:
    reason: str


@dataclass(frozen=True)
class Context:
    """What a detector may use beside the events."""

    model: Model | None = None
    training: TrainingIndex = field(default_factory=TrainingIndex)
    training_table: Any = None
    """Ibis table with one column `fingerprint`, distinct; None when there are no training records to compare with."""


class Detector(Protocol):
    name: str
    version: str
    kind: Kind
    technique: str
    """MITRE ATLAS id with name."""
    parameters: Mapping[str, float]

    def run(self, events: Any, context: Context) -> Outcome | NotApplicable:
        """Judge the events.

        Args:
            events: Ibis table of canonical events, with a principal on every row.
            context: model and training records of the case.
        """
        ...


def records(table: Any) -> list[dict[str, Any]]:
    """The rows of a small Ibis result."""
    found: list[dict[str, Any]] = table.to_pyarrow().to_pylist()
    return found
