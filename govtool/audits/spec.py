"""``audit.yaml``: what to attack, with which records, and how.

::

    schema: govtool.audit/v1
    target: {deployment: triage-prod}      # default: the version's only deployment; without one, all the artifact allows
    # target: {endpoint: "https://models.example/", model: triage, api_key_env: GOVTOOL_TRIAGE_KEY}     ask a server instead
    members: patients-train@1              # default: what lineage says the version was trained on
    nonmembers: {dataset: held-out@1, rows: "600:1200"}      # default: what it was tested on; a list is joined
    population: other-patients@1           # same kind of people, disjoint from both; some attacks need it
    evaluation: strangers@1                # records the target never saw, for training the judges of inversion
    recipe: {factory: mlp, factory_params: {hidden: [128]}, epochs: 150}    # how the target was trained
    references: 8                          # models trained by that recipe, in pairs
    attacks: [loss_threshold, rmia]        # or a mapping of names to parameters; default: all that exposure allows
    positive_control: true                 # attack a model that leaks for sure; without it, silence means nothing
    seed: 7
"""

import re
from collections.abc import Collection, Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator, model_validator

from govtool import yamlfile
from govtool.attacks.interface import Attack
from govtool.audits.recipe import Recipe
from govtool.errors import InputError

_STRICT = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, populate_by_name=True)
_ROWS = re.compile(r"(-?\d+)?:(-?\d+)?(?::([1-9]\d*))?")
_MAX_SEED = 2**53
RESERVED = ("validity", "positive_control")
"""Parameters that the audit itself fills in; a spec that set them would set its own marks."""


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


class AuditSpec(BaseModel):
    """A whole audit.yaml; see the module's text for an example."""

    model_config = _STRICT

    schema_: Literal["govtool.audit/v1"] = Field(alias="schema")
    target: Target | None = None
    members: list[DatasetRows] = []
    """Empty lists: what lineage says."""
    nonmembers: list[DatasetRows] = []
    population: list[DatasetRows] = []
    evaluation: list[DatasetRows] = []
    recipe: Recipe | None = None
    references: int = Field(default=8, ge=0, le=1024)
    attacks: dict[str, dict[str, JsonValue]] | None = None
    """None: all that the target's exposure allows."""
    seed: int = Field(default=0, ge=0, lt=_MAX_SEED)
    positive_control: bool = True

    @field_validator("members", "nonmembers", "population", "evaluation", mode="before")
    @classmethod
    def _short_forms(cls, value: Any) -> Any:
        items = value if isinstance(value, list) else [value]
        if not items:
            raise ValueError("an empty list of datasets; leave the key out to take what lineage says")
        return [{"dataset": item} if isinstance(item, str) else item for item in items]

    @field_validator("attacks", mode="before")
    @classmethod
    def _names_or_mapping(cls, value: Any) -> Any:
        if isinstance(value, list):
            if not all(isinstance(name, str) for name in value):
                raise ValueError("a list of attacks holds names only; write a mapping to give parameters")
            return {name: {} for name in value}
        if isinstance(value, dict):
            return {name: {} if params is None else params for name, params in value.items()}
        return value

    @field_validator("attacks")
    @classmethod
    def _some(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        if value is not None and not value:
            raise ValueError("no attack is named; leave the key out to run all that apply")
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
    for attack, params in (spec.attacks or {}).items():
        if attack not in known:
            where = document.where(("attacks", attack))
            raise InputError(f"unknown attack {attack!r}", where=where, hint=f"known: {', '.join(known)}")
        for param in params:
            _refuse_parameter(attack, param, known[attack].params, document.where(("attacks", attack, param)))
    return spec


def _refuse_parameter(attack: str, param: str, accepted: Collection[str], where: str) -> None:
    """A misspelt parameter would leave the attack at its default, and nobody would know."""
    if param in RESERVED:
        raise InputError(
            f"attack {attack!r}: the parameter {param!r} is measured by the audit and cannot be given", where=where
        )
    if param not in accepted:
        hint = f"it takes: {', '.join(sorted(accepted))}" if accepted else "it takes none"
        raise InputError(f"attack {attack!r} has no parameter {param!r}", where=where, hint=hint)
