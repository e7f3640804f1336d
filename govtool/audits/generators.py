"""Generators that a spec gives to attacks: ``inversion_prior: {generator: {model: faces-gan@1, latent: 128}}``.

A registered version like any other, with its weights as safetensors and its factory: a torch module from latents, standard
normal, to inputs of the audited model. It is never unpickled, and a factory of somebody's own must be vouched for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy.orm import Session

from govtool.attacks.interface import AttackData, Generator
from govtool.audits import data
from govtool.audits.data import Source
from govtool.audits.targets import torch_target
from govtool.errors import InputError
from govtool.evidence.vault import Vault
from govtool.registry import service
from govtool.registry.models import ModelVersion

PARAMETER = "generator"
_FORM = "generator: {model: NAME@VERSION, latent: 128}"


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    model: str
    latent: int = Field(ge=1, le=1 << 16)


@dataclass(frozen=True)
class Chosen:
    """A registered generator, and what lineage says it has learnt from."""

    version: ModelVersion
    latent: int
    training: Sequence[Source]

    def to_dict(self) -> dict[str, Any]:
        """JSON for the record of the run."""
        return {"model": self.version.ref, "artifact_sha256": self.version.artifact_sha256, "latent": self.latent}


@dataclass(frozen=True)
class Brought:
    """An opened generator, and how many members or evaluation records lineage says it has seen."""

    generator: Generator
    seen: int


def find(session: Session, requested: Mapping[str, Mapping[str, Any]]) -> dict[str, Chosen]:
    """Of each attack that is given one.

    Raises:
        InputError: not said as it must be, or not kept as safetensors.
        NotFoundError: the version is not registered.
    """
    return {
        attack: _chosen(session, attack, params[PARAMETER])
        for attack, params in requested.items()
        if PARAMETER in params
    }


def _chosen(session: Session, attack: str, given: Any) -> Chosen:
    try:
        asked = _Asked.model_validate(given)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, problem["loc"]))
        raise InputError(
            f"attack {attack!r}: generator{f': {where}' if where else ''}: {problem['msg']}", hint=f"write {_FORM}"
        ) from None
    version = service.model_version(session, asked.model)
    if version.artifact_format != "safetensors":
        raise InputError(
            f"attack {attack!r}: the generator {version.ref} is kept as {version.artifact_format}",
            hint="register its weights as safetensors with the factory that builds it: gradients must go through it",
        )
    return Chosen(version, asked.latent, data.training(session, version))


def bring(chosen: Chosen, records: AttackData, vault: Vault) -> Brought:
    """Open it, and see whether it has learnt from the records whose leakage is in question.

    Raises:
        WorkError: the weights do not fit the factory.
        EvidenceError: the artifact, or a dataset it was trained on, is not what was registered.
        InputError: the factory refuses its parameters.
    """
    version = chosen.version
    assert version.artifact_sha256 is not None
    module = torch_target.load_safetensors(
        vault.read(version.artifact_sha256), version.factory or "", version.factory_params
    )
    seen, _unread = data.trained_among(chosen.training, records.members)
    if records.evaluation is not None:
        seen += data.trained_among(chosen.training, records.evaluation)[0]
    return Brought(Generator(version.ref, module, chosen.latent), seen)
