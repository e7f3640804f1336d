"""What is known about a model version at one instant: pure data, pinned with each decision so that it can be judged again.

Defaults mean 'unknown' or 'none recorded', never 'fine': the rules treat them so.
"""

from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from govtool.access import Access, reachable
from govtool.digest import Sha256, canonical_json
from govtool.errors import EvidenceError
from govtool.estimate import Counts, Estimate


class Fact(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelFact(Fact):
    name: str
    version: str
    id: str = ""
    artifact_sha256: Sha256 | None = None
    """None for an endpoint, whose weights nobody has seen."""
    endpoint: str | None = None
    served_as: tuple[str, ...] = ()
    """The names its endpoint answers to for this version."""
    owner: str = ""
    purpose: str = ""

    @property
    def ref(self) -> str:
        return f"{self.name}@{self.version}"


class DatasetFact(Fact):
    ref: str
    id: str = ""
    content_sha256: Sha256 | None = None
    level: int | None = None
    class_unit: Literal["person", "group", "unknown"] = "unknown"
    owner: str = ""
    lawful_basis: str | None = None
    subject_column: str | None = None
    rows: int | None = None
    trained_on: bool = False
    """The version itself was trained or fine-tuned on it; False for what lies further upstream."""


class RowsFact(Fact):
    """Some rows of a registered dataset that an audit used."""

    ref: str
    rows: int
    content_sha256: Sha256 | None = None

    def of(self, dataset: DatasetFact) -> bool:
        """Whether they are rows of this dataset, or of one with the same bytes."""
        same_bytes = self.content_sha256 is not None and self.content_sha256 == dataset.content_sha256
        return self.ref == dataset.ref or same_bytes

    def same(self, other: "RowsFact") -> bool:
        """Whether both are rows of one dataset, or of two with the same bytes."""
        return self.ref == other.ref or (
            self.content_sha256 is not None and self.content_sha256 == other.content_sha256
        )


class DeploymentFact(Fact):
    name: str
    environment: str
    audience: str
    exposes: tuple[Access, ...]
    id: str = ""

    @property
    def reachable(self) -> frozenset[Access]:
        return reachable(frozenset(self.exposes))


class ClaimFact(Fact):
    """The differential privacy that was claimed, and what its audit came to."""

    epsilon: float
    delta: float
    outcome: Literal["contradicted", "not_contradicted", "could_not_tell"]
    bound: float
    ceiling: float
    accounted: float | None = None
    """What the stated noise gives; None where none is stated."""
    supported: bool | None = None


class WorldsFact(Fact):
    """Which property of the training set property inference asked about, and the two shares that it was to tell apart."""

    name: str
    worlds: tuple[float, float]


class AttackFact(Fact):
    """What one attack of one run found, or that a run which asked for it did not get that far."""

    attack: str
    family: str
    status: Literal[
        "completed", "void", "not_applicable", "not_testable", "not_requested", "superseded", "failed", "unfinished"
    ]
    """`unfinished`: its run was started and has neither a record of it nor an outcome."""
    recorded_at: AwareDatetime
    id: str = ""
    run_id: str = ""
    reason: str = ""
    access: tuple[Access, ...] = ()
    """What the attacker used."""
    audited_access: tuple[Access, ...] = ()
    """What the audit assumed an outsider sees."""
    metrics: dict[str, Estimate] = {}
    baselines: dict[str, float] = {}
    counts: Counts | None = None
    caveats: tuple[str, ...] = ()
    artifact_sha256: Sha256 | None = None
    """The weights that were opened and attacked; None when a server was asked, whatever it runs."""
    endpoint: str | None = None
    served_as: str | None = None
    """The server that was asked, and for which of its models."""
    control: Literal["passed", "failed", "none"] = "none"
    """Whether the attack found a leak that was planted for it."""
    members: tuple[RowsFact, ...] = ()
    nonmembers: tuple[RowsFact, ...] = ()
    """The records it was scored on; none is unknown."""
    evidence_sha256: Sha256 | None = None
    claim: ClaimFact | None = None
    """Of an audit of differential privacy."""
    asked: WorldsFact | None = None
    """Of property inference: its figure means nothing without them."""
    ceiling: float | None = None
    """Of attribute inference: the largest excess that any attack could have had on these records."""


class RiskPart(Fact):
    """One question of a test of synthetic data: successes on originals and on control records, as recorded."""

    name: str
    counts: Counts
    control_scale: float = 1.0
    unusable: str = ""


class SyntheticTest(AttackFact):
    """What one attack on a synthetic dataset found; members are the originals, non-members the control records."""

    parts: tuple[RiskPart, ...] = ()


class SyntheticFact(Fact):
    """A synthetic dataset that the version was made from."""

    ref: str
    id: str = ""
    content_sha256: Sha256 | None = None
    level: int | None = None
    """The highest level of what it was made from; None is unknown."""
    sources: tuple[RowsFact, ...] = ()
    """All datasets upstream of it."""
    made_from: tuple[RowsFact, ...] = ()
    """Of these, what its synthesiser learnt from directly."""
    tests: tuple[SyntheticTest, ...] = ()


class IncidentFact(Fact):
    id: str
    title: str
    about: Literal["version", "model", "unattributed"]
    """This version, another version of its model, or nobody has said which model."""


class Facts(Fact):
    judged_at: AwareDatetime
    model: ModelFact
    level: int | None = None
    """The highest classification level upstream; None is unknown."""
    level_reason: str = "nothing is recorded"
    datasets: tuple[DatasetFact, ...] = ()
    deployments: tuple[DeploymentFact, ...] = ()
    attacks: tuple[AttackFact, ...] = ()
    open_incidents: tuple[IncidentFact, ...] = ()
    synthetic: tuple[SyntheticFact, ...] = ()

    @property
    def measurements(self) -> tuple[AttackFact, ...]:
        """Every attack on the version and on the synthetic data that it was made from."""
        return (*self.attacks, *(test for dataset in self.synthetic for test in dataset.tests))

    def canonical(self) -> bytes:
        """RFC 8785 bytes; `from_canonical` gives equal facts back."""
        return canonical_json(self.model_dump())

    @property
    def trained_on(self) -> tuple[DatasetFact, ...]:
        """What the version itself was trained on."""
        return tuple(dataset for dataset in self.datasets if dataset.trained_on)

    def family(self, name: str) -> tuple[AttackFact, ...]:
        return tuple(attack for attack in self.attacks if attack.family == name)

    @property
    def class_units(self) -> frozenset[str]:
        return frozenset(dataset.class_unit for dataset in self.datasets) or frozenset({"unknown"})


def from_canonical(data: bytes) -> Facts:
    """The facts that `canonical` wrote.

    Raises:
        EvidenceError: the bytes are not facts this version understands.
    """
    try:
        return Facts.model_validate_json(data)
    except ValidationError as error:
        raise EvidenceError(
            f"the pinned facts cannot be read: {error.errors()[0]['msg']}",
            hint="was the decision made with a newer govtool?",
        ) from error
