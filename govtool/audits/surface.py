"""Which models were made from the same people, and can be asked together: what one of them does not show, another may.

Several models that share data subjects are one attack surface (Wang & Kurz, 'Reconstructing Training Data from Diverse ML
Models by Ensemble Inversion', WACV 2022, arXiv 2111.03702). The registry knows which: by lineage, and by who the records
of their training data are about. Nothing is recorded, and no name leaves this file.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy.orm import Session

from govtool.access import Access, reachable
from govtool.audits.holdings import Holding, Reader, shared
from govtool.registry import service
from govtool.registry.models import Deployment, ModelVersion


@dataclass(frozen=True)
class Exposure:
    """One deployment: who can ask it, and what follows from its answers."""

    name: str
    audience: str
    exposes: tuple[Access, ...]


@dataclass(frozen=True)
class Together:
    """The widest audience that can ask both versions, and what both then show it."""

    audience: str
    exposes: tuple[Access, ...]


@dataclass(frozen=True)
class Neighbour:
    """Another version that has people or records in common with the one asked about."""

    model: str
    model_version_id: str
    people: int | None
    """How many people went into both; None where one of the two does not say whose records it was trained on."""
    records: int
    """Training records with the same features in both."""
    same_weights: bool
    """The very same artifact under another name: it can show nothing more."""
    through: tuple[str, ...]
    """Datasets by which people are shared although only something made from them was trained on."""
    deployments: tuple[Exposure, ...]
    together: Together | None
    """None where one of the two is not deployed: then whoever has the files has both."""


@dataclass(frozen=True)
class Surface:
    """What the registry says of one version."""

    model: str
    people: int | None
    """Different people in what it was trained on; None where that is not said."""
    records: int
    deployments: tuple[Exposure, ...]
    neighbours: tuple[Neighbour, ...]
    """Most people in common first."""
    apart: int
    """Other versions that were compared and have nothing in common with it."""
    unknown: dict[str, str]
    """Versions that could not be compared, wholly or in part, and why."""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def find(session: Session, version: ModelVersion) -> Surface:
    """Compare the version's people and records with those of every other registered version.

    A file that cannot be read, or is not what was registered, stops nothing and is named in `unknown`.
    """
    reader = Reader(session)
    own = reader.holding(version)
    exposed = _exposures(service.deployments(session, version))
    neighbours: list[Neighbour] = []
    unknown = {version.ref: gap} if (gap := _gap(own)) else {}
    apart = 0
    for other in service.model_versions(session):
        if other.id == version.id:
            continue
        theirs = reader.holding(other)
        if gap := _gap(theirs):
            unknown[other.ref] = gap
        found = _neighbour(session, version, own, exposed, other, theirs)
        if found is not None:
            neighbours.append(found)
        else:
            apart += not gap
    return Surface(
        version.ref,
        own.people.size or None,
        int(own.records.size),
        exposed,
        tuple(sorted(neighbours, key=lambda one: (-(one.people or 0), -one.records, one.model))),
        apart,
        unknown,
    )


def _neighbour(
    session: Session,
    version: ModelVersion,
    own: Holding,
    exposed: tuple[Exposure, ...],
    other: ModelVersion,
    theirs: Holding,
) -> Neighbour | None:
    people = shared(own.people, theirs.people) if own.people.size and theirs.people.size else None
    records = shared(own.records, theirs.records)
    if not people and not records:
        return None
    deployed = _exposures(service.deployments(session, other))
    digest = version.artifact_sha256
    return Neighbour(
        other.ref,
        other.id,
        people,
        records,
        digest is not None and digest == other.artifact_sha256,
        tuple(sorted({*own.through, *theirs.through})) if people else (),
        deployed,
        together(exposed, deployed),
    )


def together(first: Sequence[Exposure], second: Sequence[Exposure]) -> Together | None:
    """Who is let in wherever one of the wider audience is: insiders reach what partners reach, and partners what all do."""
    widths = service.AUDIENCES
    pairs = [
        (
            min(widths.index(one.audience), widths.index(other.audience)),
            frozenset(one.exposes) & frozenset(other.exposes),
        )
        for one in first
        for other in second
    ]
    if not pairs:
        return None
    widest = max(width for width, _ in pairs)
    shown = frozenset[Access]().union(*(exposes for width, exposes in pairs if width >= widest))
    return Together(widths[widest], tuple(sorted(shown)))


def _exposures(rows: Sequence[Deployment]) -> tuple[Exposure, ...]:
    return tuple(
        Exposure(row.name, row.audience, tuple(sorted(reachable(frozenset(map(Access, row.exposes)))))) for row in rows
    )


def _gap(holding: Holding) -> str:
    """Why more people or records may be shared than was found; empty where everything was compared."""
    said = [f"{ref}: {why}" for ref, why in sorted(holding.unread.items())]
    said += [f"{ref} does not say whose records it holds, so only its records were compared" for ref in holding.silent]
    if not said and not holding.records.size:
        return "nothing is recorded of what it was trained on"
    return "; ".join(said)
