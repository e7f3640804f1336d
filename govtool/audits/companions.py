"""The other models of an ensemble: found in the registry, opened as their own deployments expose them, their classes mapped."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from govtool.access import Access, reachable
from govtool.attacks.interface import Companion, Labels, Records
from govtool.attacks.inversion.ensemble import NO_COMPANIONS
from govtool.attacks.inversion.joint import UNKNOWN
from govtool.audits import data, surface
from govtool.audits.companion_spec import SURFACE, CompanionSpec
from govtool.audits.data import Source
from govtool.audits.spec import AuditSpec, DatasetRows
from govtool.audits.targets import open as opener
from govtool.errors import InputError, WorkError
from govtool.evidence.vault import Vault
from govtool.registry import lineage, service
from govtool.registry.models import Deployment, ModelVersion


@dataclass(frozen=True)
class Planned:
    """One companion before it is opened."""

    version: ModelVersion
    deployment: Deployment | None
    exposed: frozenset[Access]
    spec: CompanionSpec
    known: tuple[Source, ...] = ()
    """Datasets that say which of its classes a person, or a record, has; () where classes are the target's or are listed."""

    @property
    def ref(self) -> str:
        return self.version.ref

    def to_dict(self) -> dict[str, Any]:
        return {
            "model": self.ref,
            "artifact_sha256": self.version.artifact_sha256,
            "deployment": self.deployment.name if self.deployment else None,
            "exposed": sorted(self.exposed),
            "classes": self.spec.classes or ("by the labels below" if self.known else "those of the target"),
            "labels": [source.to_dict() for source in self.known],
        }


@dataclass(frozen=True)
class Company:
    """All companions of one audit."""

    planned: tuple[Planned, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Models that share people with the target and take no part, with the reason."""

    def to_dict(self) -> dict[str, Any]:
        return {"models": [one.to_dict() for one in self.planned], "left_out": dict(self.left_out)}


def find(session: Session, version: ModelVersion, spec: AuditSpec) -> Company:
    """The models that the spec names, or those that the registry proposes.

    Raises:
        NotFoundError: a model, deployment or dataset is not registered.
        InputError: named twice, the target itself, several deployments, or a dataset that names nobody.
    """
    planned: dict[str, Planned] = {}
    left_out: dict[str, str] = {}
    for item in spec.ensemble:
        found = _proposed(session, version, left_out) if item.model == SURFACE else [_named(session, version, item)]
        for one in found:
            if one.version.id not in planned:
                planned[one.version.id] = one
            elif item.model != SURFACE:
                raise InputError(f"ensemble: {one.ref} is named twice", hint="name each model once")
    return Company(tuple(planned.values()), left_out)


def obstacle(company: Company, spec: AuditSpec) -> tuple[str, str] | None:
    """Why there is no ensemble to attack, as (status, reason); None where there is."""
    if not spec.ensemble:
        return ("not_requested" if spec.attacks is None else "not_testable"), NO_COMPANIONS
    for one in company.planned:
        if Access.GRADIENTS not in one.exposed:
            shown = ", ".join(sorted(one.exposed)) or "nothing"
            return "not_applicable", f"the attack needs gradients of every model, and {one.ref} exposes only: {shown}"
    if not company.planned:
        why = "; ".join(f"{ref}: {reason}" for ref, reason in company.left_out.items())
        return "not_testable", "no other model takes part" + (f" ({why})" if why else ": the registry knows none")
    return None


def open_all(
    company: Company,
    vault: Vault,
    members: Records,
    n_classes: int,
    *,
    environ: Mapping[str, str],
    trust_pickle: str | None,
) -> tuple[Companion, ...]:
    """Open each as its deployment exposes it. One that does not load is kept with the reason.

    Raises:
        EvidenceError: an artifact or dataset is not what was registered.
        InputError: its classes do not follow from the target's.
    """
    return tuple(_open(one, vault, members, n_classes, environ, trust_pickle) for one in company.planned)


def _open(
    planned: Planned,
    vault: Vault,
    members: Records,
    n_classes: int,
    environ: Mapping[str, str],
    trust_pickle: str | None,
) -> Companion:
    nothing = np.full(n_classes, UNKNOWN, dtype=np.int64)
    if Access.GRADIENTS not in planned.exposed:
        return Companion(planned.ref, "its gradients are not exposed", nothing)
    try:
        opened = opener.open_target(
            planned.version,
            vault,
            exposed=planned.exposed,
            inputs=members.features.shape[1],
            endpoint=None,
            environ=environ,
            trust_pickle=trust_pickle,
        )
    except WorkError as error:
        return Companion(planned.ref, error.message, nothing)
    classes = _classes(planned, members, n_classes, opened.target.n_classes)
    return Companion(planned.ref, opened.target, classes)


def _classes(planned: Planned, members: Records, n_classes: int, own: int) -> Labels:
    """(n_classes,) which of the companion's `own` classes each class of the target is."""
    hint = "say which is which: 'classes: [...]' in the order of the target's, or 'labels: DATASET@VERSION'"
    if planned.known:
        known = data.read(planned.known)
        assert known is not None
        found = mapped(members, known, n_classes)
        if planned.spec.labels is None and own == n_classes and (found == UNKNOWN).all():
            found = np.arange(
                n_classes
            )  # people are in many classes, so only the same task is left to be taken for granted
    elif planned.spec.classes is not None:
        if len(planned.spec.classes) != n_classes:
            raise InputError(
                f"ensemble: {planned.ref} is given {len(planned.spec.classes)} classes, and the target has {n_classes}",
                hint="one entry for each class of the target, null where it is not known",
            )
        found = np.array([UNKNOWN if one is None else one for one in planned.spec.classes], dtype=np.int64)
    elif own != n_classes:
        raise InputError(f"ensemble: {planned.ref} has {own} classes, and the target has {n_classes}", hint=hint)
    else:
        found = np.arange(n_classes)
    if (found >= own).any():
        raise InputError(f"ensemble: {planned.ref} has {own} classes, 0 to {own - 1}, and others are named", hint=hint)
    return found


def mapped(members: Records, known: Records, n_classes: int) -> Labels:
    """(n_classes,) the one label that `known` gives to all people of a class, or UNKNOWN where that is none or several.

    By subject where both name subjects; else by records that are in both.
    """
    by_person = members.subjects is not None and known.subjects is not None
    theirs = _keys(known, by_person=by_person)
    labels: dict[Any, set[int]] = {}
    for key, label in zip(theirs, known.labels.tolist(), strict=True):
        labels.setdefault(key, set()).add(label)
    found: list[set[int]] = [set() for _ in range(n_classes)]
    for key, label in zip(_keys(members, by_person=by_person), members.labels.tolist(), strict=True):
        if 0 <= label < n_classes:
            found[label] |= labels.get(key, set())
    return np.array([next(iter(one)) if len(one) == 1 else UNKNOWN for one in found], dtype=np.int64)


def _keys(records: Records, *, by_person: bool) -> list[Any]:
    if by_person:
        assert records.subjects is not None
        return [str(name) for name in records.subjects.tolist()]
    return [row.tobytes() for row in np.ascontiguousarray(records.features + np.float32(0), dtype="<f4")]


def _named(session: Session, target: ModelVersion, item: CompanionSpec) -> Planned:
    version = service.model_version(session, item.model)
    if version.id == target.id:
        raise InputError(f"ensemble: {version.ref} is the model under attack itself", hint="name others")
    known = []
    if item.labels is not None:
        row = service.dataset_version(session, item.labels)
        if row.subject_column is None:
            raise InputError(
                f"ensemble: the labels of {version.ref} are looked up by person, and {row.ref} was registered without a "
                f"subject column",
                hint="register it again with --subject NAME, or list the classes",
            )
        known = [data.source("ensemble", row, DatasetRows(dataset=row.id))]
    deployment = _deployment(session, version, item)
    return Planned(version, deployment, _exposed(version, deployment), item, tuple(known))


def _proposed(session: Session, target: ModelVersion, left_out: dict[str, str]) -> list[Planned]:
    """Neighbours on the surface that show their gradients and whose classes can be told from their own training data."""
    found = []
    for one in surface.find(session, target).neighbours:
        version = service.model_version(session, one.model_version_id)
        rows = [row for row in lineage.datasets_of(session, version) if row.label_column is not None]
        deployments: Sequence[Deployment | None] = service.deployments(session, version) or [None]
        open_ = [row for row in deployments if Access.GRADIENTS in _exposed(version, row)]
        if one.same_weights:
            left_out[one.model] = "the same weights as the target's"
        elif not open_:
            left_out[one.model] = "its gradients are not exposed"
        elif not rows:
            left_out[one.model] = "its classes are not known: no dataset with labels is recorded for it"
        else:
            known = tuple(data.source("ensemble", row, DatasetRows(dataset=row.id)) for row in rows)
            found.append(
                Planned(version, open_[0], _exposed(version, open_[0]), CompanionSpec(model=version.ref), known)
            )
    return found


def _deployment(session: Session, version: ModelVersion, item: CompanionSpec) -> Deployment | None:
    rows = service.deployments(session, version)
    if item.deployment is None:
        if len(rows) > 1:
            names = ", ".join(row.name for row in rows)
            raise InputError(
                f"ensemble: {version.ref} has several deployments: {names}",
                hint=f"name one: {{model: {version.ref}, deployment: NAME}}",
            )
        return rows[0] if rows else None
    named = service.deployment(session, item.deployment)
    if named.model_version_id != version.id:
        raise InputError(f"ensemble: deployment {named.name} serves {named.model_version.ref}, not {version.ref}")
    return named


def _exposed(version: ModelVersion, deployment: Deployment | None) -> frozenset[Access]:
    """What an outsider may see, and the artifact can show."""
    if version.artifact_format == "endpoint":
        return frozenset()
    offered = opener.offered(version)
    return offered if deployment is None else offered & reachable(frozenset(map(Access, deployment.exposes)))
