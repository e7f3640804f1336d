"""``audit.yaml``: what to attack, with which records, and how.

::

    schema: govtool.audit/v1
    target: {deployment: triage-prod}      # default: the version's only deployment; without one, all the artifact allows
    # target: {endpoint: "https://models.example/", model: triage, api_key_env: GOVTOOL_TRIAGE_KEY}     ask a server instead
    #          as politely as it wants:  rate: 10/s, retries: 3, timeout: 10s, batch: 64, deadline: 2h
    task: classification                   # or regression: labels are real numbers, and residuals are attacked
    members: patients-train@1              # default: what lineage says the version was trained on
    nonmembers: {dataset: held-out@1, rows: "600:1200"}      # default: what it was tested on; a list is joined
    population: other-patients@1           # same kind of people, disjoint from both; some attacks need it
    evaluation: strangers@1                # records the target never saw, for training the judges of inversion
    public: faces-of-others@1              # what anyone could have: the prior of an attacker who draws; labels do not matter
    ensemble: [other@1]                    # other models of the same people, attacked together: see audits/companion_spec.py
    sensitive: [{column: sex, values: {female: 0, male: 1}}]      # for attribute inference: see audits/sensitive_spec.py
    recipe: {factory: mlp, factory_params: {hidden: [128]}, epochs: 150}    # how the target was trained: references, twins
    references: 8                          # models trained by that recipe, in pairs
    property: {column: 3, value: 1, worlds: [0.3, 0.7]}     # for property inference: see audits/property_spec.py
    device: auto                           # where they train: cuda where there is one; or cpu, or cuda
    budget: 10m                            # as many references as fit, at most those named; needs no number then
    unit: person                           # halves of people, not of records; default where every dataset names subjects
    attacks: [loss_threshold, rmia]        # or a mapping of names to parameters; default: the strongest of each kind
    claim: {epsilon: 8, delta: 1.0e-5, noise_multiplier: 1.1, sampling_rate: 0.05, steps: 2000}    # what DP is promised
    canaries: ev-7k3m                      # planted before training by: govtool audit canaries make
    positive_control: true                 # attack a model that leaks for sure; without it, silence means nothing
    seed: 7
"""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Annotated, Any, Literal, Protocol

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    field_validator,
    model_validator,
)

from govtool import yamlfile
from govtool.attacks.interface import Attack, Claim
from govtool.attacks.values import Check
from govtool.audits import budget as budgets
from govtool.audits.companion_spec import Ensemble
from govtool.audits.property_spec import Property
from govtool.audits.recipe import Recipe
from govtool.audits.sensitive_spec import SensitiveAttribute
from govtool.audits.targets import pacing
from govtool.audits.targets.pacing import USUAL, Limits
from govtool.audits.training.device import Device
from govtool.errors import InputError

_STRICT = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, populate_by_name=True)
_ROWS = re.compile(r"(-?\d+)?:(-?\d+)?(?::([1-9]\d*))?")
_MAX_SEED = 2**53
RESERVED = ("validity", "positive_control", "answers")
"""Parameters that the audit itself fills in; a spec that set them would set its own marks."""


def _checked(parse: Callable[[str], float]) -> Callable[[str], str]:
    def check(text: str) -> str:
        parse(text)
        return text

    return check


class DatasetRows(BaseModel):
    """A registered dataset version, or some of its rows as a Python slice."""

    model_config = _STRICT

    dataset: str
    rows: str = ":"

    @field_validator("dataset")
    @classmethod
    def _is_a_version(cls, value: str) -> str:
        if not re.fullmatch(r"[^@\s]+@[^@\s]+|dsv-\w+", value):
            raise ValueError(f"{value!r} is not a dataset version; write NAME@VERSION")
        return value

    @field_validator("rows")
    @classmethod
    def _is_a_slice(cls, value: str) -> str:
        if not _ROWS.fullmatch(value):
            raise ValueError(f"{value!r} is not a range of rows; write for example '0:600'")
        return value

    def range(self, size: int) -> range:
        """The row numbers meant, of a dataset of `size` rows."""
        found = _ROWS.fullmatch(self.rows)
        assert found is not None
        start, stop, step = (None if part is None else int(part) for part in found.groups())
        return range(size)[slice(start, stop, step)]


class Target(BaseModel):
    """What is attacked: a registered deployment, or an endpoint that speaks the Open Inference Protocol."""

    model_config = _STRICT

    deployment: str | None = None
    endpoint: str | None = None
    model: str | None = None
    api_key_env: str | None = None
    """The environment variable that holds the key; never the key."""
    rate: Annotated[str, AfterValidator(_checked(pacing.rate))] | None = None
    """Requests per time, such as 10/s; default: one after the other."""
    retries: int = Field(default=USUAL.retries, ge=0, le=20)
    timeout: Annotated[str, AfterValidator(_checked(pacing.duration))] = f"{USUAL.timeout_s:g}s"
    batch: int = Field(default=USUAL.batch, ge=1, le=65_536)
    deadline: Annotated[str, AfterValidator(_checked(pacing.duration))] = f"{USUAL.deadline_s:g}s"

    def limits(self) -> Limits:
        rate = None if self.rate is None else pacing.rate(self.rate)
        return Limits(rate, self.retries, pacing.duration(self.timeout), self.batch, pacing.duration(self.deadline))

    @model_validator(mode="after")
    def _one_kind(self) -> "Target":
        if self.deployment is not None and self.endpoint is not None:
            raise ValueError("give either 'deployment' or 'endpoint', not both")
        if self.deployment is None and self.endpoint is None:
            raise ValueError("give 'deployment' or 'endpoint'")
        if self.endpoint is not None and not re.match(r"https?://[^/\s]", self.endpoint):
            raise ValueError("'endpoint' must be a http:// or https:// address")
        if (self.endpoint is None) != (self.model is None):
            raise ValueError("'endpoint' and 'model' (its name on that server) belong together")
        return self


def _short_forms(value: Any) -> Any:
    """One dataset, or a list, each by its name or as a mapping with rows: always a list of mappings."""
    items = value if isinstance(value, list) else [value]
    if not items:
        raise ValueError("an empty list of datasets; leave the key out to take what lineage says")
    return [{"dataset": item} if isinstance(item, str) else item for item in items]


def _names_or_mapping(value: Any) -> Any:
    """Attacks by name alone, or with parameters: always a mapping of names to parameters, and never an empty one."""
    if value in ([], {}):
        raise ValueError("no attack is named; leave the key out to run all that apply")
    if isinstance(value, list):
        if not all(isinstance(name, str) for name in value):
            raise ValueError("a list of attacks holds names only; write a mapping to give parameters")
        return {name: {} for name in value}
    if isinstance(value, dict):
        return {name: {} if params is None else params for name, params in value.items()}
    return value


Sources = Annotated[list[DatasetRows], BeforeValidator(_short_forms)]
Wanted = Annotated[dict[str, dict[str, JsonValue]] | None, BeforeValidator(_names_or_mapping)]
"""Attacks with their parameters; None is whatever runs by default."""


class ClaimSpec(BaseModel):
    """A promise of differential privacy; the last three, given together, let its epsilon be recomputed."""

    model_config = _STRICT

    epsilon: float = Field(gt=0)
    delta: float = Field(gt=0, lt=1)
    noise_multiplier: float | None = Field(default=None, gt=0)
    sampling_rate: float | None = Field(default=None, gt=0, le=1)
    steps: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _whole(self) -> "ClaimSpec":
        given = [self.noise_multiplier, self.sampling_rate, self.steps]
        if None in given and given != [None] * len(given):
            raise ValueError("'noise_multiplier', 'sampling_rate' and 'steps' are stated together or not at all")
        return self

    def claim(self) -> Claim:
        return Claim(**self.model_dump())


class AuditSpec(BaseModel):
    """A whole audit.yaml; see the module's text for an example."""

    model_config = _STRICT

    schema_: Literal["govtool.audit/v1"] = Field(alias="schema")
    target: Target | None = None
    task: Literal["classification", "regression"] = "classification"
    """What the model predicts: a class, or a number (then labels may be any numbers)."""
    members: Sources = []
    """Empty lists: what lineage says."""
    nonmembers: Sources = []
    population: Sources = []
    evaluation: Sources = []
    public: Sources = []
    ensemble: Ensemble = []
    """Other models of the same people, attacked together with the target."""
    sensitive: list[SensitiveAttribute] = Field(default=[], max_length=10)
    recipe: Recipe | None = None
    references: int = Field(default=8, ge=0, le=1024)
    property_: Property | None = Field(default=None, alias="property")
    """None: no question of property inference is asked."""
    attacks: Wanted = None
    """None: all that the target's exposure allows, but for those that give way to another (`Attack.yields_to`)."""
    device: Device = "auto"
    """Where references train: figures depend on it, and the run says which it was."""
    budget: str | None = None
    """As 90s, 10m or 2h: as many references as fit, at most `references` where that is given."""
    unit: Literal["record", "person"] | None = None
    """What is drawn into a reference's half. None: people, where records of one person are only on one side."""
    seed: int = Field(default=0, ge=0, lt=_MAX_SEED)
    positive_control: bool = True
    claim: ClaimSpec | None = None
    canaries: str | None = None
    """The id of sealed canaries."""

    @field_validator("sensitive")
    @classmethod
    def _different(cls, value: list[SensitiveAttribute]) -> list[SensitiveAttribute]:
        if len({one.title for one in value}) != len(value):
            raise ValueError("two sensitive attributes have the same name")
        return value

    @field_validator("budget")
    @classmethod
    def _is_a_time(cls, value: str | None) -> str | None:
        if value is not None:
            budgets.parse(value)
        return value

    @property
    def most_references(self) -> int:
        """How many a budget may choose."""
        return self.references if "references" in self.model_fields_set else max(budgets.RUNGS)

    @field_validator("canaries", mode="before")
    @classmethod
    def _sealed(cls, value: Any) -> Any:
        if not isinstance(value, str) or not value.startswith("ev-"):
            raise ValueError(
                "is the id that 'govtool audit canaries make' printed; a bound needs independent fair coins drawn before "
                "training, so records of your own choosing, half splits and test sets are refused"
            )
        return value

    @field_validator("references")
    @classmethod
    def _pairs(cls, value: int) -> int:
        if value % 2:
            raise ValueError("must be even: references are trained in complementary pairs")
        return value


def parse(data: bytes, name: str, known: Mapping[str, Attack]) -> AuditSpec:
    """Read a spec from its bytes. `name` is the file's name for messages, `known` the attacks that exist.

    Raises:
        InputError: with ``file:line`` of what is wrong.
    """
    document = yamlfile.parse(data, name, start="start with: schema: govtool.audit/v1")
    spec = document.validate(AuditSpec)
    check_attacks(document, spec.attacks, known)
    return spec


class Parametrised(Protocol):
    """What an attack takes."""

    @property
    def params(self) -> Collection[str]: ...

    @property
    def check(self) -> Check: ...


def check_attacks(
    document: yamlfile.YamlFile, attacks: Mapping[str, Mapping[str, Any]] | None, known: Mapping[str, Parametrised]
) -> None:
    """Refuse attacks that do not exist, parameters that they do not take, and values that these cannot have.

    Raises:
        InputError: with ``file:line``.
    """
    for attack, params in (attacks or {}).items():
        if attack not in known:
            where = document.where(("attacks", attack))
            raise InputError(f"unknown attack {attack!r}", where=where, hint=f"known: {', '.join(known)}")
        for param in params:
            _refuse_parameter(attack, param, known[attack].params, document.where(("attacks", attack, param)))
            _refuse_values(
                attack, {param: params[param]}, known[attack].check, document.where(("attacks", attack, param))
            )
        _refuse_values(attack, params, known[attack].check, document.where(("attacks", attack)))


def _refuse_values(attack: str, params: Mapping[str, Any], check: Check, where: str) -> None:
    """Before any work: a run of hours must not end in a typing error. One by one first, for the line of the wrong one."""
    try:
        check(params)
    except InputError as error:
        raise InputError(f"attack {attack!r}: {error.message}", where=where, hint=error.hint) from error


def within(spec: AuditSpec, time: str) -> AuditSpec:
    """The spec with another budget.

    Raises:
        InputError: not a time.
    """
    try:
        budgets.parse(time)
    except ValueError as error:
        raise InputError(str(error), where="--budget") from error
    return spec.model_copy(update={"budget": time})


def _refuse_parameter(attack: str, param: str, accepted: Collection[str], where: str) -> None:
    """A misspelt parameter would leave the attack at its default, and nobody would know."""
    if param in RESERVED:
        raise InputError(
            f"attack {attack!r}: the parameter {param!r} is measured by the audit and cannot be given", where=where
        )
    if param not in accepted:
        hint = f"it takes: {', '.join(sorted(accepted))}" if accepted else "it takes none"
        raise InputError(f"attack {attack!r} has no parameter {param!r}", where=where, hint=hint)
