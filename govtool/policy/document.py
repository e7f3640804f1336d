"""The policy as its owner writes it: YAML files in one folder, refused as a whole when any part is not understood."""

from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from govtool import yamlfile
from govtool.access import Access
from govtool.digest import Sha256, canonical_json, sha256_bytes
from govtool.errors import EvidenceError, InputError
from govtool.policy.quantity import Duration, Fraction, Listed

POLICY_SCHEMA: Literal["govtool.policy/v1"] = "govtool.policy/v1"
LEVELS_SCHEMA: Literal["govtool.levels/v1"] = "govtool.levels/v1"
HINT = "policies/README.md shows what may stand there"

Severity = Literal["block", "warn", "info"]
Mode = Literal["enforce", "warn", "dry-run"]
Audience = Literal["internal", "partner", "public"]
Environment = Literal["development", "staging", "production"]
ClassUnit = Literal["person", "group", "unknown"]
Family = Literal[
    "membership_inference",
    "model_inversion",
    "attribute_inference",
    "property_inference",
    "data_reconstruction",
    "training_data_extraction",
    "differential_privacy",
]
MetricName = Literal[
    "mia.balanced_accuracy",
    "mia.auc",
    "mia.tpr_at_fpr_0.01",
    "attribute.excess",
    "attribute.precision_at_decision_gap",
    "reconstruction.excess",
    "inversion.identification_rate",
    "inversion.swap_advantage",
    "inversion.nearest_is_training",
    "property.accuracy",
    "reconstruction.updates_exposed",
]
SyntheticMetric = Literal["synthetic.singling_out_risk", "synthetic.linkability_risk", "synthetic.inference_risk"]
AccessWord = Annotated[Access, Field(strict=False)]
RegistryField = Literal["owner", "purpose", "lawful_basis", "classification_level", "subject_column", "lineage"]
Text = Annotated[str, Field(min_length=1)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, serialize_by_alias=True, validate_by_name=True)


def _means_something(value: float) -> float:
    if value < 0.5:  # noqa: PLR2004 - below an even chance 'confidence' says nothing
        raise ValueError(f"a confidence of {value * 100:g} % is less than an even chance; 95% is usual")
    return value


class MetricCheck(Strict):
    """The measured figure lies below `value`, shown at `confidence` (two-sided, over all attacks of the family together)."""

    type: Literal["metric"]
    metric: MetricName
    op: Literal["<"]
    value: Fraction
    fails_from: Fraction | None = None
    """The figure must surely reach this to fail; by default `value`. In between nothing is decided."""
    confidence: Fraction
    min_n: Annotated[int, Field(ge=1)]
    """Records of each class (members, non-members); for inversion, classes; for property inference, test models; for reconstruction, updates."""
    max_age: Duration

    _confidence = field_validator("confidence")(_means_something)

    @model_validator(mode="after")
    def _in_order(self) -> "MetricCheck":
        if self.fails_from is not None and self.fails_from < self.value:
            raise ValueError("'fails_from' lies below 'value': a figure between them would both pass and fail")
        return self


class TestedCheck(Strict):
    """Every family that the exposure makes possible was attacked to the end."""

    __test__ = False  # not a test class, whatever pytest thinks of its name

    type: Literal["tested"]
    families: Annotated[tuple[Family, ...], *Listed]
    max_age: Duration | None = None


class SyntheticCheck(Strict):
    """Every synthetic dataset that the version was made from was tested, and each risk lies below `value`."""

    type: Literal["synthetic"]
    metrics: Annotated[tuple[SyntheticMetric, ...], *Listed]
    op: Literal["<"]
    value: Fraction
    confidence: Fraction
    min_n: Annotated[int, Field(ge=1)]
    """Attempts on originals, and on control records."""
    max_age: Duration

    _confidence = field_validator("confidence")(_means_something)


class PrivacyClaimCheck(Strict):
    """Differential privacy is claimed, no weaker than this; the stated noise pays for it and no audit contradicts it."""

    type: Literal["privacy_claim"]
    epsilon_at_most: Annotated[float, Field(gt=0, allow_inf_nan=False, strict=False)]
    delta_at_most: Annotated[float, Field(gt=0, lt=1)]
    max_age: Duration


class FieldPresentCheck(Strict):
    """The register is complete in these fields."""

    type: Literal["field_present"]
    fields_: Annotated[tuple[RegistryField, ...], *Listed, Field(alias="fields")]


class ExposureCheck(Strict):
    """No deployment shows any of these to this audience (to anyone, when no audience is named)."""

    type: Literal["exposure"]
    forbid: Annotated[tuple[AccessWord, ...], *Listed]
    audience: Annotated[tuple[Audience, ...], *Listed] | None = None


class NoOpenIncidentCheck(Strict):
    """No incident about this version (or, with scope model, about any version of its model) is open."""

    type: Literal["no_open_incident"]
    scope: Literal["version", "model"] = "model"


Check = Annotated[
    MetricCheck
    | TestedCheck
    | PrivacyClaimCheck
    | FieldPresentCheck
    | ExposureCheck
    | NoOpenIncidentCheck
    | SyntheticCheck,
    Field(discriminator="type"),
]


class When(Strict):
    """Which models a rule is about. All that is named must hold; what is not named does not matter."""

    level_at_least: Annotated[int, Field(ge=0)] | None = None
    audience: Annotated[tuple[Audience, ...], *Listed] | None = None
    environment: Annotated[tuple[Environment, ...], *Listed] | None = None
    class_unit: Annotated[tuple[ClassUnit, ...], *Listed] | None = None
    exposes: Annotated[tuple[AccessWord, ...], *Listed] | None = None
    synthetic: Literal[True] | None = None
    """True: only models made from synthetic data, as far as the register says."""


class Rule(Strict):
    id: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{1,39}$")]
    title: Text
    severity: Severity
    while_open: Literal["warn", "info"] | None = None
    """What the rule counts as while it is neither met nor broken, where that is less than its severity."""
    when: When = When()
    check: Check
    why: Text
    cite: tuple[Text, ...] = ()

    @model_validator(mode="after")
    def _less_while_open(self) -> "Rule":
        order = ("info", "warn", "block")
        if self.while_open is not None and order.index(self.while_open) >= order.index(self.severity):
            raise ValueError(
                f"'while_open' is for counting less than severity {self.severity!r} while nothing is decided"
            )
        return self


class Policy(Strict):
    schema_: Annotated[Literal["govtool.policy/v1"], Field(alias="schema")]
    id: Text
    version: Text
    owner: Text
    effective_from: date
    mode: Mode
    rules: tuple[Rule, ...]


class Level(Strict):
    level: Annotated[int, Field(ge=0)]
    name: Text
    meaning: Text
    examples: tuple[Text, ...] = ()


class Levels(Strict):
    """The classification scheme."""

    schema_: Annotated[Literal["govtool.levels/v1"], Field(alias="schema")]
    unknown_level: int
    """What a model counts as when its data was never classified."""
    levels: Annotated[tuple[Level, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _complete(self) -> "Levels":
        numbers = [level.level for level in self.levels]
        if numbers != list(range(len(numbers))):
            raise ValueError(f"levels must be 0, 1, 2 ... in order, each once; here they are {numbers}")
        if self.unknown_level != numbers[-1]:
            # Anything lower would make 'nobody looked' an easier answer than the truth.
            raise ValueError(f"unknown_level must be the highest level ({numbers[-1]}): unclassified is not harmless")
        return self

    def name_of(self, number: int) -> str:
        return next((level.name for level in self.levels if level.level == number), f"level {number}")


class PolicySet(Strict):
    """Everything that decides, from all files of one folder."""

    schema_: Annotated[Literal["govtool.policy-set/v1"], Field(alias="schema")] = "govtool.policy-set/v1"
    levels: Levels
    policies: tuple[Policy, ...]
    files: Annotated[dict[str, Sha256], Field(exclude=True)] = {}
    """File name to SHA-256 of its bytes as written; no part of what decides."""

    def canonical(self) -> bytes:
        """RFC 8785 bytes of the meaning: comments, layout, file names and `60%` against `0.6` make no difference."""
        return canonical_json(self.model_dump(mode="json"))

    @property
    def sha256(self) -> Sha256:
        return sha256_bytes(self.canonical())

    def find(self, rule_id: str) -> tuple[Policy, Rule]:
        """The rule with this id, in any case, and the policy it stands in.

        Raises:
            InputError: no such rule.
        """
        for policy in self.policies:
            for rule in policy.rules:
                if rule.id.lower() == rule_id.lower():
                    return policy, rule
        known = ", ".join(rule.id for policy in self.policies for rule in policy.rules)
        raise InputError(f"no rule {rule_id!r} in the policy", hint=f"there are: {known or 'none'}")


def from_canonical(data: bytes) -> PolicySet:
    """The set that `canonical` wrote.

    Raises:
        EvidenceError: the bytes are not a policy set this version understands.
    """
    try:
        return PolicySet.model_validate_json(data)
    except ValidationError as error:
        raise EvidenceError(
            f"the pinned policy cannot be read: {error.errors()[0]['msg']}",
            hint="was the decision made with a newer govtool?",
        ) from error


def load(folder: Path) -> PolicySet:
    """All *.yaml and *.yml files directly in `folder`, in the order of their names. Folders below it are not policy.

    Raises:
        InputError: no such folder, a file that is not understood, no or two classification schemes, a repeated id, a rule
            about a level that the scheme does not have.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such policy folder", hint="govtool init makes one")
    paths = sorted(
        path for path in folder.iterdir() if path.suffix in (".yaml", ".yml") and not path.name.startswith(".")
    )
    files: dict[str, Sha256] = {}
    levels: Levels | None = None
    policies: list[tuple[yamlfile.YamlFile, Policy]] = []
    for path in paths:
        source = yamlfile.read(path, start=f"start with: schema: {POLICY_SCHEMA}")
        files[path.name] = sha256_bytes(source.raw)
        match source.data.get("schema"):
            case "govtool.policy/v1":
                policies.append((source, source.validate(Policy, HINT)))
            case "govtool.levels/v1" if levels is None:
                levels = source.validate(Levels, HINT)
            case "govtool.levels/v1":
                raise InputError("a second classification scheme", where=source.where(("schema",)), hint="keep one")
            case other:
                raise InputError(
                    f"schema is {other!r}, not {POLICY_SCHEMA!r} or {LEVELS_SCHEMA!r}",
                    where=source.where(("schema",)),
                    hint=f"the file must say: schema: {POLICY_SCHEMA}",
                )
    if levels is None:
        raise InputError(f"{folder} has no classification scheme", hint=f"add levels.yaml with schema: {LEVELS_SCHEMA}")
    _refuse_contradictions(policies, levels)
    return PolicySet(levels=levels, policies=tuple(policy for _, policy in policies), files=files)


def _refuse_contradictions(policies: list[tuple[yamlfile.YamlFile, Policy]], levels: Levels) -> None:
    seen: dict[str, str] = {}
    for source, policy in policies:
        _unique(f"policy id {policy.id!r}", seen, source.where(("id",)))
        for number, rule in enumerate(policy.rules):
            _unique(f"rule id {rule.id!r}", seen, source.where(("rules", number, "id")))
            wanted = rule.when.level_at_least
            if wanted is not None and wanted >= len(levels.levels):
                raise InputError(
                    f"rule {rule.id} is about level {wanted}, which the classification scheme does not have",
                    where=source.where(("rules", number, "when", "level_at_least")),
                    hint="the rule would never apply",
                )


def _unique(what: str, seen: dict[str, str], where: str) -> None:
    if (earlier := seen.setdefault(what.lower(), where)) != where:
        raise InputError(f"{what} stands twice", where=where, hint=f"the first is at {earlier}")
