"""What an attack is: arrays and a target in, an AttackResult out. No database, no files, no clock.

Scores are higher for 'member'. The score vector with its membership labels is the evidence; every figure is a view of it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from govtool.access import Access
from govtool.estimate import Counts, Estimate

FloatArray = NDArray[np.float64]
Features = NDArray[np.float32]
Labels = NDArray[np.int64]
Mask = NDArray[np.bool_]


class Target(Protocol):
    """A model as an attacker meets it. It offers only what its deployment exposes."""

    @property
    def access(self) -> frozenset[Access]: ...

    @property
    def n_classes(self) -> int: ...

    def log_probabilities(self, features: Features) -> FloatArray:
        """(n, classes) natural-log probabilities, from logits wherever those exist."""
        ...

    def labels(self, features: Features) -> Labels:
        """(n,) predicted classes."""
        ...

    def module(self) -> Any:
        """The differentiable torch module (features -> logits) for white-box attacks.

        Raises:
            WorkError: the weights are not exposed, or the model is not a torch module.
        """
        ...


@dataclass(frozen=True)
class Records:
    """Records with labels: features (n, ...) float32, labels (n,) int64, subjects (n,) or None."""

    features: Features
    labels: Labels
    subjects: NDArray[Any] | None = None

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class References:
    """Reference models trained by the target's recipe on random halves of the audited records.

    `members[r, i]` tells whether audited record i was in reference r's training set. Audited records are the members
    followed by the non-members. Halves come in complementary pairs, so every record is OUT of half of the references.
    """

    log_probabilities: FloatArray
    """(references, audited records): log probability of each record's own label."""
    phi: FloatArray
    """(references, audited records): log p_y - log(1 - p_y), computed from all log probabilities (LiRA's logit scale)."""
    members: Mask
    """(references, audited records)."""
    population_log_probabilities: FloatArray
    """(references, population records)."""
    mismatch: Mapping[str, float] = field(default_factory=dict)
    """Measured difference between references and target, such as the train-accuracy gap."""

    @property
    def count(self) -> int:
        return len(self.members)


@dataclass(frozen=True)
class AttackData:
    """Everything an attack may be given. `population` is disjoint from members and non-members."""

    members: Records
    nonmembers: Records
    population: Records | None = None
    evaluation: Records | None = None
    """Records the target never saw, for training the judges of inversion. Disjoint from members."""
    references: References | None = None

    @property
    def features(self) -> Features:
        return np.concatenate([self.members.features, self.nonmembers.features])

    @property
    def labels(self) -> Labels:
        return np.concatenate([self.members.labels, self.nonmembers.labels])

    @property
    def membership(self) -> Mask:
        return np.repeat([True, False], [len(self.members), len(self.nonmembers)])


@dataclass(frozen=True)
class Figure:
    """A picture for the report: PNG bytes and what it shows."""

    name: str
    caption: str
    png: bytes


@dataclass(frozen=True)
class AttackResult:
    """A completed attack. `void` says why its numbers must not be used (failed control, shifted populations)."""

    attack: str
    family: str
    knowledge: str
    access: frozenset[Access]
    metrics: Mapping[str, Estimate]
    baselines: Mapping[str, float]
    counts: Counts | None
    arrays: Mapping[str, NDArray[Any]]
    """What goes to the vault: scores, membership and whatever the figures were computed from."""
    detail: Mapping[str, Any] = field(default_factory=dict)
    caveats: Sequence[str] = ()
    figures: Sequence[Figure] = ()
    void: str = ""


@dataclass(frozen=True)
class NotApplicable:
    """The attack has no meaning here, and why: for instance the deployment does not expose what it needs."""

    reason: str


@dataclass(frozen=True)
class NotTestable:
    """The attack would apply but could not be carried out, and why. Never a pass."""

    reason: str


Outcome = AttackResult | NotApplicable | NotTestable
RunAttack = Callable[[Target, AttackData, Mapping[str, Any], np.random.Generator], Outcome]


@dataclass(frozen=True)
class Attack:
    """A catalogue entry."""

    name: str
    family: str
    summary: str
    reference: str
    """The paper."""
    taxonomy: str
    """NIST AI 100-2 id with its name."""
    needs: Access
    run: RunAttack
    needs_references: bool = False
    params: frozenset[str] = frozenset()
    """Names a spec may set. What the audit itself fills in, 'validity' and 'positive_control', is not among them."""
