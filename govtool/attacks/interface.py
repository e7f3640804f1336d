"""What an attack is: arrays and a target in, an AttackResult out. No database, no files, no clock.

Scores are higher for 'member'. The score vector with its membership labels is the evidence; every figure is a view of it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from govtool.access import Access
from govtool.attacks import values
from govtool.attacks.property.worlds import PropertyWorlds
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
    columns: tuple[str, ...] = ()
    """Names of the features, where the file had any."""

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Sensitive:
    """An attribute of people that an attacker would like to know and that the model takes as input.

    One column of the features, or several that encode it together (one-hot, with or without a dropped one).
    """

    name: str
    columns: tuple[int, ...]
    values: Mapping[str, float] | None = None
    """What the numbers of a single column mean; None: the values found in the population, by number."""
    bins: int = 4
    """Into how many quantile bins a single column is cut that has too many values for categories."""


@dataclass(frozen=True)
class References:
    """Reference models trained by the target's recipe on random halves of the audited records.

    `members[r, i]` tells whether audited record i was in reference r's training set. Audited records are the members
    followed by the non-members. Halves come in complementary pairs, so every record is OUT of half of the references.
    """

    readings: Mapping[str, FloatArray]
    """By the names of `signals.READINGS`: (references, audited records), of each record's own label. May be memory-mapped."""
    members: Mask
    """(references, audited records)."""
    population: Mapping[str, FloatArray]
    """The same readings of the population: (references, population records)."""
    mismatch: Mapping[str, float] = field(default_factory=dict)
    """Measured difference between references and target, such as the train-accuracy gap."""

    @property
    def count(self) -> int:
        return len(self.members)

    @property
    def log_probabilities(self) -> FloatArray:
        """(references, audited records): log probability of each record's own label."""
        return self.readings["log_probability"]

    @property
    def phi(self) -> FloatArray:
        """(references, audited records): log p_y - log(1 - p_y), LiRA's logit scale."""
        return self.readings["phi"]

    @property
    def population_log_probabilities(self) -> FloatArray:
        """(references, population records)."""
        return self.population["log_probability"]


@dataclass(frozen=True)
class Claim:
    """What is promised: training is (epsilon, delta)-differentially private; and, where stated, by which noise."""

    epsilon: float
    delta: float
    noise_multiplier: float | None = None
    sampling_rate: float | None = None
    steps: int | None = None


@dataclass(frozen=True)
class Canaries:
    """Planted records: (m,) coins say which were in the training set, the rest was left out."""

    records: Records
    included: Mask
    design: Literal["fair_coin", "half_split", "chosen"]
    """How inclusion was decided. Only independent fair coins carry a bound from one run."""


@dataclass(frozen=True)
class Twins:
    """Pairs of models trained by the target's recipe on disjoint halves of the members, each class alike in both halves."""

    models: Sequence[tuple[Target, Target]]
    halves: Sequence[tuple[Labels, Labels]]
    """Of each pair, the row numbers of the members that one model and the other were trained on."""
    how: str
    """The recipe, in words."""


@dataclass(frozen=True)
class Companion:
    """Another model of the same people, attacked together with the target."""

    name: str
    target: Target | str
    """As its own deployment exposes it; or why it could not be opened."""
    classes: Labels
    """(classes of the target,): which class of its own each of them is, -1 where that is not known."""


@dataclass(frozen=True)
class Generator:
    """A torch module from (n, size) standard normal latents to (n, features) inputs of the model, and what it is called."""

    name: str
    module: Any
    size: int


@dataclass(frozen=True)
class AttackData:
    """Everything an attack may be given. `population` is disjoint from members and non-members."""

    members: Records
    nonmembers: Records
    population: Records | None = None
    evaluation: Records | None = None
    """Records the target never saw, for training the judges of inversion. Disjoint from members."""
    public: Records | None = None
    """Records of other people that anyone could have: the prior of an attacker who reconstructs. Labels say nothing."""
    generator: Generator | None = None
    """What draws records of such people: a prior that somebody brings."""
    references: References | None = None
    unit: Literal["record", "person"] | None = None
    """What membership figures count. None: people, where both groups name them and somebody has several records."""
    sensitive: tuple[Sensitive, ...] = ()
    """What attribute inference is to infer. The population is its auxiliary data."""
    canaries: Canaries | None = None
    claim: Claim | None = None
    worlds: PropertyWorlds | None = None
    """Models of two worlds, for property inference."""
    twins: Twins | None = None
    """For telling whether what is drawn shows a class or the very records trained on."""
    companions: tuple[Companion, ...] = ()
    """Other models of the same people, for ensemble inversion."""

    @property
    def columns(self) -> tuple[str, ...]:
        return self.members.columns

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
    """A picture for the report: PNG bytes, what it shows, and where in it people could be made out."""

    name: str
    caption: str
    png: bytes
    boxes: tuple[tuple[int, int, int, int], ...] = ()
    """(left, top, width, height) of reconstructions and records, which a report blurs. None given: it blurs all."""


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


Fits = Callable[[AttackData, Mapping[str, Any]], object]
"""Raises InputError where parameters can have no such value with these records, such as a shape of another size."""


def fits_all(_data: AttackData, _params: Mapping[str, Any]) -> None:
    """Of an attack whose parameters mean the same for all records."""


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
    needs_twins: bool = False
    needs_companions: bool = False
    needs_public: bool = False
    """Whether it needs public records, or a generator of such."""
    yields_to: frozenset[str] = frozenset()
    """Attacks that include or outdo this one: where one of them is run, this one is run only if the spec names it, so that
    nobody pays for more intervals than there are questions."""
    alters_records: bool = False
    """Whether it asks about records that it has changed, which exported scores cannot answer."""
    regression: bool = False
    """Whether it reads nothing but the probability of a record's own label, for which residuals can stand."""
    params: frozenset[str] = frozenset()
    """Names a spec may set. What the audit itself fills in, 'validity' and 'positive_control', is not among them."""
    check: values.Check = values.nothing
    """Called with what a spec sets, before any work."""
    fits: Fits = fits_all
    """Called with what a spec sets once the records are read, before anything is attacked."""
