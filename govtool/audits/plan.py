"""What an audit will do, settled from the spec and the registry before any work: the 'started' row says exactly this."""

import importlib.metadata
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from govtool import __version__
from govtool.access import Access, reachable
from govtool.attacks.interface import Attack
from govtool.audits import data
from govtool.audits.data import Source
from govtool.audits.recipe import Recipe
from govtool.audits.spec import AuditSpec
from govtool.audits.targets.open import Endpoint, offered
from govtool.errors import InputError
from govtool.registry import service
from govtool.registry.models import Deployment, ModelVersion

_LIBRARIES = ("numpy", "scipy", "scikit-learn", "torch", "joblib", "safetensors", "skops")


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
            "deployment": self.deployment.name if self.deployment else None,
            "endpoint": {"url": self.endpoint.url, "model": self.endpoint.model} if self.endpoint else None,
            "exposed": None if self.exposed is None else sorted(self.exposed),
            "records": {group: [source.to_dict() for source in found] for group, found in self.sources.items()},
            "counts": {group: sum(len(source.rows) for source in found) for group, found in self.sources.items()},
            "recipe": self.recipe.model_dump() if self.recipe else None,
            "references": self.spec.references if self.recipe else 0,
            "attacks": {name: dict(params) for name, params in self.requested.items()},
            "families": dict(self.families),
            "positive_control": self.spec.positive_control,
            "seed": self.spec.seed,
        }


def make(session: Session, ref: str, spec: AuditSpec, attacks: Mapping[str, Attack]) -> Plan:
    """Settle everything the spec left open.

    Raises:
        NotFoundError: the version, a dataset or the deployment is not registered.
        InputError: something needed is neither in the spec nor in the registry, or is ambiguous.
    """
    version = service.model_version(session, ref)
    deployment = _deployment(session, version, spec)
    sources = data.find(session, version, spec)
    for group, relation in (("members", "trained_on"), ("nonmembers", "tested_on")):
        if not sources[group]:
            raise InputError(
                f"no {group}: the spec names none and {version.ref} has no {relation} dataset",
                hint=f"name them in the spec, or: govtool lineage add {version.ref} {relation} DATASET@VERSION",
            )
    requested = {name: {} for name in attacks} if spec.attacks is None else spec.attacks
    endpoint = _endpoint(version, deployment, spec)
    asked_blindly = endpoint is not None and deployment is None
    exposed = reachable(frozenset(map(Access, deployment.exposes))) if deployment else offered(version)
    return Plan(
        version,
        deployment,
        endpoint,
        None if asked_blindly else exposed,
        sources,
        _recipe(version, spec),
        requested,
        {name: attacks[name].family for name in requested},
        data.training(session, version),
        spec,
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
    key = spec.target.api_key_env if spec.target else None
    if spec.target is not None and spec.target.endpoint is not None:
        return Endpoint(spec.target.endpoint, spec.target.model or version.model.name, key)
    if version.endpoint is not None:
        return Endpoint(version.endpoint, (deployment.served_as if deployment else None) or version.model.name, key)
    return None


def _recipe(version: ModelVersion, spec: AuditSpec) -> Recipe | None:
    """The recipe with its factory filled in: what the weights are registered under, unless the spec says otherwise."""
    recipe = spec.recipe
    if recipe is None or recipe.factory or recipe.sklearn:
        return recipe
    if not version.factory:
        raise InputError(
            f"the recipe names no factory and {version.ref} is registered without one",
            hint="recipe: {factory: mlp, ...} or {sklearn: ...}",
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
