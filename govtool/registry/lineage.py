"""What a version was made from, and what was made from it: walks of the lineage graph."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from govtool.registry.models import DatasetVersion, LineageEdge, ModelVersion

TRAINED = ("trained_on", "fine_tuned_on")
ONLY_CHECKED = ("tested_on", "validated_on")
SYNTHESISED = "synthesized_from"


@dataclass(frozen=True)
class Sensitivity:
    """The effective classification level of a version and where it comes from."""

    level: int | None
    """The highest level upstream; None when any upstream dataset is unclassified, or none is recorded."""
    reason: str


def upstream(session: Session, version_id: str, *, without: Sequence[str] = ()) -> Sequence[LineageEdge]:
    """Every edge that leads from this version to what it was made from, however far. Cycles end the walk.

    Relations in `without` are not followed: what was only tested on a dataset is not made from that dataset's sources.
    """
    kept = LineageEdge.relation.not_in(without)
    start = sa.select(LineageEdge.id, LineageEdge.dst_id).where(LineageEdge.src_id == version_id, kept)
    walk = start.cte("walk", recursive=True)
    step = sa.select(LineageEdge.id, LineageEdge.dst_id).join(walk, LineageEdge.src_id == walk.c.dst_id).where(kept)
    walk = walk.union(step)  # UNION drops rows seen before, so a cycle adds nothing and the walk ends
    return session.scalars(
        sa.select(LineageEdge).where(LineageEdge.id.in_(sa.select(walk.c.id))).order_by(LineageEdge.ledger_index)
    ).all()


def downstream(session: Session, version_id: str) -> Sequence[LineageEdge]:
    """Every edge by which something was made from this version, however far."""
    start = sa.select(LineageEdge.id, LineageEdge.src_id).where(LineageEdge.dst_id == version_id)
    walk = start.cte("walk", recursive=True)
    step = sa.select(LineageEdge.id, LineageEdge.src_id).join(walk, LineageEdge.dst_id == walk.c.src_id)
    walk = walk.union(step)
    return session.scalars(
        sa.select(LineageEdge).where(LineageEdge.id.in_(sa.select(walk.c.id))).order_by(LineageEdge.ledger_index)
    ).all()


def datasets_of(session: Session, version: ModelVersion, relations: Sequence[str] = TRAINED) -> list[DatasetVersion]:
    """The datasets a model version stands in one of these relations to, directly."""
    edges = session.scalars(
        sa.select(LineageEdge)
        .where(
            LineageEdge.src_id == version.id,
            LineageEdge.dst_kind == DatasetVersion.__tablename__,
            LineageEdge.relation.in_(relations),
        )
        .order_by(LineageEdge.ledger_index)
    )
    return [session.get_one(DatasetVersion, edge.dst_id) for edge in edges]


def is_synthetic(session: Session, dataset_version_id: str) -> bool:
    """Whether lineage says that it was synthesised from something."""
    edge = sa.select(LineageEdge.id).where(
        LineageEdge.src_id == dataset_version_id, LineageEdge.relation == SYNTHESISED
    )
    return session.scalar(edge.limit(1)) is not None


def synthesised_from(session: Session, version: DatasetVersion) -> list[DatasetVersion]:
    """The datasets that a synthetic one was made from: directly, or those that its generating model was trained on."""
    made = session.scalars(
        sa.select(LineageEdge)
        .where(LineageEdge.src_id == version.id, LineageEdge.relation == SYNTHESISED)
        .order_by(LineageEdge.ledger_index)
    ).all()
    found: dict[str, DatasetVersion] = {}
    for edge in made:
        rows = (
            datasets_of(session, session.get_one(ModelVersion, edge.dst_id))
            if edge.dst_kind == ModelVersion.__tablename__
            else [session.get_one(DatasetVersion, edge.dst_id)]
        )
        found |= {row.id: row for row in rows}
    return list(found.values())


def sensitivity(session: Session, version: ModelVersion) -> Sensitivity:
    """The highest level among everything upstream. Nothing recorded is unknown, not public.

    No derivation lowers it: a synthetic or 'anonymised' copy keeps its source's level until evidence says otherwise,
    which is not modelled yet.
    """
    training = [
        session.get_one(DatasetVersion, edge.dst_id)
        for edge in upstream(session, version.id, without=ONLY_CHECKED)
        if edge.dst_kind == DatasetVersion.__tablename__
    ]
    if not training:
        return Sensitivity(None, "no training data is recorded for it")
    unknown = [row.ref for row in training if row.classification_level is None]
    if unknown:
        return Sensitivity(None, f"unclassified: {', '.join(sorted(set(unknown)))}")
    highest = max(training, key=lambda row: row.classification_level or 0)
    return Sensitivity(highest.classification_level, f"trained on {highest.ref}")


def ref_of(session: Session, kind: str, version_id: str) -> str:
    """NAME@VERSION of one end of an edge."""
    if kind == ModelVersion.__tablename__:
        return session.get_one(ModelVersion, version_id).ref
    return session.get_one(DatasetVersion, version_id).ref
