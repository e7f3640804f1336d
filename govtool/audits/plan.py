"""What an audit will do, settled from the spec and the registry before any work: the 'started' row says exactly this."""

import importlib.metadata
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from govtool import __version__
from govtool.access import Access, reachable
from govtool.attacks.interface import Attack
from govtool.attacks.privacy.canary_audit import FAMILY as PRIVACY
from govtool.audits import companions, data, dp_canaries, generators, halves
from govtool.audits.budget import Choice
from govtool.audits.companions import Company
from govtool.audits.data import Source
from govtool.audits.dp_canaries import Sealed
from govtool.audits.generators import Chosen
from govtool.audits.recipe import Recipe
from govtool.audits.spec import AuditSpec
from govtool.audits.targets.open import Endpoint, offered
from govtool.audits.targets.pacing import USUAL
from govtool.audits.training.device import precision
from govtool.errors import InputError
from govtool.evidence.vault import Vault
from govtool.registry import service
from govtool.registry.models import Deployment, ModelVersion

_LIBRARIES = (
    "numpy",
    "scipy",
    "scikit-learn",
    "torch",
    "joblib",
    "safetensors",
    "skops",
    "onnxruntime",
    "xgboost",
    "xgboost-cpu",
    "lightgbm",
)


@dataclass(frozen=True)
class Plan:
    version: ModelVersion
    deployment: Deployment | None
    endpoint: Endpoint | None
    exposed: frozenset[Access] | None
    """What an outsider may see; None for an endpoint that no deployment describes, which is asked."""
    sources: Mapping[str, list[Source]]
    recipe: Recipe | None
    requested: Mapping[str, Mapping[str, Any]]
    families: Mapping[str, str]
    """Of each requested attack, so that a run that dies before it has recorded anything still says what it was about."""
    training: list[Source]
    """All that the version was trained on, whether the spec names it or not."""
    spec: AuditSpec
    device: str = "cpu"
    """Where torch references train: cpu or cuda."""
    canaries: Sealed | None = None
    budget: Choice | None = None
    """What a budget came to; the references and attacks above are then its choice."""
    company: Company = field(default_factory=Company)
    """Other models of the same people."""
    generators: Mapping[str, Chosen] = field(default_factory=dict)
    """By the attack that is given one."""

    @property
    def unit(self) -> str:
        """Whether references are drawn by record or by person; what records are, only the registry was asked so far."""
        named = all(source.subject for group in ("members", "nonmembers") for source in self.sources[group])
        return self.spec.unit or (halves.PERSON if named else halves.RECORD)

    @property
    def regression(self) -> bool:
        return self.spec.task == "regression"

    @property
    def scene(self) -> str:
        """What is attacked, in words."""
        if self.deployment is not None:
            return f"deployment {self.deployment.name}"
        return f"endpoint {self.endpoint.url}" if self.endpoint else f"version {self.version.ref}"

    def to_dict(self) -> dict[str, Any]:
        """JSON for the record of the run."""
        return {
            "model": self.version.ref,
            # The weights that will be opened. Behind a server may be others, so a run that asks one names none.
            "artifact_sha256": None if self.endpoint else self.version.artifact_sha256,
            "target": self.scene,
            "task": self.spec.task,
            "deployment": self.deployment.name if self.deployment else None,
            "endpoint": {"url": self.endpoint.url, "model": self.endpoint.model, "limits": asdict(self.endpoint.limits)}
            if self.endpoint
            else None,
            "exposed": None if self.exposed is None else sorted(self.exposed),
            "records": {group: [source.to_dict() for source in found] for group, found in self.sources.items()},
            "counts": {group: sum(len(source.rows) for source in found) for group, found in self.sources.items()},
            "ensemble": self.company.to_dict() if self.spec.ensemble else None,
            "sensitive": [one.model_dump(exclude_defaults=True) for one in self.spec.sensitive],
            "recipe": self.recipe.model_dump() if self.recipe else None,
            "references": self.spec.references if self.recipe else 0,
            "device": self.device,
            "precision": precision(self.device),
            "budget": self.budget.to_dict() if self.budget else None,
            "unit": self.unit if self.recipe else None,
            "attacks": {name: dict(params) for name, params in self.requested.items()},
            "families": dict(self.families),
            "property": self.spec.property_.model_dump() if self.spec.property_ else None,
            "positive_control": self.spec.positive_control,
            "claim": self.spec.claim.model_dump() if self.spec.claim else None,
            "canaries": self.canaries.to_dict() if self.canaries else None,
            "generators": {attack: chosen.to_dict() for attack, chosen in self.generators.items()},
            "seed": self.spec.seed,
        }


def make(
    session: Session, ref: str, spec: AuditSpec, attacks: Mapping[str, Attack], vault: Vault, device: str = "cpu"
) -> Plan:
    """Settle everything the spec left open.

    Raises:
        NotFoundError: the version, a dataset or the deployment is not registered.
        InputError: something needed is neither in the spec nor in the registry, or is ambiguous.
    """
    version = service.model_version(session, ref)
    deployment = _deployment(session, version, spec)
    sources = data.find(session, version, spec)
    requested = {name: {} for name in attacks} if spec.attacks is None else spec.attacks
    needed = [("members", "trained_on")]
    if any(attacks[name].family != PRIVACY for name in requested):  # canaries are their own non-members
        needed.append(("nonmembers", "tested_on"))
    for group, relation in needed:
        if not sources[group]:
            raise InputError(
                f"no {group}: the spec names none and {version.ref} has no {relation} dataset",
                hint=f"name them in the spec, or: govtool lineage add {version.ref} {relation} DATASET@VERSION",
            )
    _subjects(spec, sources)
    endpoint = _endpoint(version, deployment, spec)
    asked_blindly = endpoint is not None and deployment is None
    exposed = reachable(frozenset(map(Access, deployment.exposes))) if deployment else offered(version)
    return Plan(
        version,
        deployment,
        endpoint,
        None if asked_blindly else exposed,
        sources,
        settled_recipe(version, spec.recipe),
        requested,
        {name: attacks[name].family for name in requested},
        data.training(session, version),
        spec,
        device,
        dp_canaries.find(session, spec.canaries, version, vault) if spec.canaries else None,
        company=companions.find(session, version, spec),
        generators=generators.find(session, requested),
    )


def _subjects(spec: AuditSpec, sources: Mapping[str, list[Source]]) -> None:
    for source in (*sources["members"], *sources["nonmembers"]) if spec.unit == halves.PERSON else ():
        if source.subject is None:
            raise InputError(
                f"unit: person needs to know whose record each is, and {source.ref} was registered without a subject column",
                hint="register it again with --subject NAME, or leave 'unit' out",
            )


def _deployment(session: Session, version: ModelVersion, spec: AuditSpec) -> Deployment | None:
    if spec.target is not None and spec.target.endpoint is not None:
        return None
    if spec.target is not None and spec.target.deployment is not None:
        named = service.deployment(session, spec.target.deployment)
        if named.model_version_id != version.id:
            raise InputError(
                f"deployment {named.name} serves {named.model_version.ref}, not {version.ref}",
                hint="govtool deployment list",
            )
        return named
    known = service.deployments(session, version)
    if len(known) > 1:
        names = ", ".join(row.name for row in known)
        raise InputError(
            f"{version.ref} has several deployments: {names}", hint="name one in the spec: target: {deployment: NAME}"
        )
    return known[0] if known else None


def _endpoint(version: ModelVersion, deployment: Deployment | None, spec: AuditSpec) -> Endpoint | None:
    key, limits = (spec.target.api_key_env, spec.target.limits()) if spec.target else (None, USUAL)
    if spec.target is not None and spec.target.endpoint is not None:
        return Endpoint(spec.target.endpoint, spec.target.model or version.model.name, key, limits, spec.seed)
    if version.endpoint is not None:
        served_as = (deployment.served_as if deployment else None) or version.model.name
        return Endpoint(version.endpoint, served_as, key, limits, spec.seed)
    return None


def settled_recipe(version: ModelVersion, recipe: Recipe | None) -> Recipe | None:
    """The recipe with its factory filled in: what the weights are registered under, unless the spec says otherwise."""
    if recipe is None or recipe.factory or not recipe.by_epochs:
        return recipe
    if not version.factory:
        raise InputError(
            f"the recipe names no factory and {version.ref} is registered without one",
            hint="recipe: {factory: mlp, ...}, {estimator: sklearn.NAME} or {function: module:function}",
        )
    params = {**version.factory_params, **recipe.factory_params}
    return recipe.model_copy(update={"factory": version.factory, "factory_params": params})


def versions() -> dict[str, str]:
    """What computed the figures. An absent library is 'absent', not left out."""
    found = {"python": platform.python_version(), "govtool": __version__}
    for name in _LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "absent"
    return found
