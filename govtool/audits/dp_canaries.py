"""Canaries planted in a registered dataset: coins drawn here, sealed in the vault and committed to the ledger first.

A version can only be audited with canaries that were sealed before it was registered and whose training set it was
trained on, as far as the register says. Who opens the vault sees the coins, and so does who sees the training set.
"""

import io
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from govtool import __version__, runtime
from govtool.attacks.interface import Canaries, Records
from govtool.attacks.privacy import canaries as planting
from govtool.attacks.privacy.canaries import Planted
from govtool.digest import Sha256, sha256_bytes
from govtool.errors import EvidenceError, InputError
from govtool.evidence import custody, ledger
from govtool.evidence.models import EvidenceItem
from govtool.evidence.vault import Vault, npz_bytes
from govtool.registry import lineage, service
from govtool.registry.datafile import read_table
from govtool.registry.models import DatasetVersion, ModelVersion
from govtool.registry.npzfile import UNREADABLE

SOURCE = "govtool audit canaries"


@dataclass(frozen=True)
class Sealed:
    """Where the canaries of an audit lie."""

    item_id: str
    sha256: Sha256

    def to_dict(self) -> dict[str, str]:
        return {"id": self.item_id, "sha256": self.sha256}


@dataclass(frozen=True)
class Made:
    item: EvidenceItem
    dataset: DatasetVersion
    count: int
    rows: int


def make(
    session: Session,
    vault: Vault,
    source: DatasetVersion,
    *,
    kind: str,
    count: int,
    out: Path,
    version: str,
    now: datetime,
    by: str,
) -> Made:
    """Plant canaries in `source`, write the training set to `out`, seal the coins, register the set as `version`.

    The registered dataset inherits classification and lawful basis, with lineage `augmented_from` its source. The coins
    come from the machine's entropy: a seed that somebody chose could have been tried until it suited.

    Raises:
        InputError: no labels, unsuitable records, or `out` exists or is no .npz.
        EvidenceError: the source is not what was registered.
        ConflictError: the version exists.
    """
    if source.label_column is None:
        raise InputError(f"{source.ref} was registered without its label column")
    if out.suffix != ".npz" or out.exists():
        raise InputError(
            f"{out}: give a new file that ends in .npz", hint="numpy reads it: X, the labels, the subjects"
        )
    rng = np.random.default_rng(int(sha256_bytes(runtime.new_token().encode()), 16))
    table = read_table(
        Path(source.location), label=source.label_column, subject=source.subject_column, expect=source.content_sha256
    )
    assert table.labels is not None
    training = Records(table.features, table.labels)
    planted = planting.plant(kind, training, count, rng)
    made, origin = planting.training_set(planted, training, rng)
    arrays: dict[str, Any] = {"X": made.features, source.label_column: made.labels}
    if table.subjects is not None and source.subject_column is not None:
        arrays[source.subject_column] = _subjects(table.subjects, origin)
    written = npz_bytes(arrays)
    item = _seal(session, vault, source, planted, kind, sha256_bytes(written), now, by)
    with out.open("xb") as stream:
        stream.write(written)
    row = _register(session, source, out, version, item, now, by)
    return Made(item, row, count, len(made))


def _subjects(subjects: Any, origin: Any) -> Any:
    own = np.asarray(subjects)[np.maximum(origin, 0)].astype(str)
    return np.where(origin < 0, np.char.add("canary-", (-1 - origin).astype(str)), own)


def _seal(
    session: Session,
    vault: Vault,
    source: DatasetVersion,
    planted: Planted,
    kind: str,
    training_sha256: Sha256,
    now: datetime,
    by: str,
) -> EvidenceItem:
    canaries = planted.canaries
    stored = vault.put(
        npz_bytes(
            {
                "features": canaries.records.features,
                "labels": canaries.records.labels,
                "included": canaries.included,
                "design": np.array(canaries.design),
                "training_sha256": np.array(training_sha256),
            }
        )
    )
    item = EvidenceItem(
        id=runtime.new_id("ev"),
        case_id=None,
        description=f"{len(canaries.records)} canaries for {source.ref}: {planting.KINDS[kind]}",
        sha256=stored.sha256,
        size=stored.size,
        original_name="canaries.npz",
        source_system=SOURCE,
        source_locator=source.id,
        source_modified_at=None,
        acquired_by=by,
        authority="audit of a differential-privacy claim",
        tool=f"govtool {__version__}",
        completeness="every canary with its coin",
    )
    ledger.record(session, item, now=now, by=by)
    detail = {"sha256": stored.sha256, "training_sha256": training_sha256}
    custody.add_event(
        session, item, "acquire", purpose="commit to the coins before training", detail=detail, now=now, by=by
    )
    return item


def _register(
    session: Session, source: DatasetVersion, out: Path, version: str, item: EvidenceItem, now: datetime, by: str
) -> DatasetVersion:
    row = service.add_dataset_version(
        session,
        source.dataset.name,
        version,
        out,
        level=source.classification_level,
        label=source.label_column,
        subject=source.subject_column,
        sensitive_categories=source.sensitive_categories,
        subject_categories=source.subject_categories,
        data_types=source.data_types,
        lawful_basis=source.lawful_basis,
        class_unit=source.class_unit,
        origin=f"{source.ref} with canaries {item.id}",
        now=now,
        by=by,
    )
    service.add_lineage(session, row.id, "augmented_from", source.id, now=now, by=by)
    return row


def find(session: Session, prefix: str, version: ModelVersion, vault: Vault) -> Sealed:
    """The sealed canaries that this version may be audited with.

    Raises:
        NotFoundError: no such item.
        InputError: no canaries, sealed too late, or the version was not trained on their training set.
        EvidenceError: the sealed bytes are not what was recorded.
    """
    item = service.by_id(session, EvidenceItem, prefix)
    if item.source_system != SOURCE:
        raise InputError(f"{item.id} holds no canaries", hint="govtool audit canaries make")
    if (first := _first_seen(session, version)).ledger_index < item.ledger_index:
        same = "" if first.id == version.id else f" has the very weights of {first.ref}, which"
        raise InputError(
            f"{version.ref}{same} was registered before the canaries {item.id} were drawn, so it cannot have met them",
            hint="train on the set that 'govtool audit canaries make' wrote, and register the new weights",
        )
    trained = {row.content_sha256 for row in lineage.datasets_of(session, version)}
    if _read(vault, item.sha256)["training_sha256"].item() not in trained:
        raise InputError(
            f"{version.ref} was not trained on the set with the canaries {item.id}, as far as the register says",
            hint=f"govtool lineage add {version.ref} trained_on DATASET@VERSION",
        )
    return Sealed(item.id, item.sha256)


def _first_seen(session: Session, version: ModelVersion) -> ModelVersion:
    """The first version with these weights: they cannot have met what was drawn after it, whatever they are called now."""
    if version.artifact_sha256 is None:
        return version
    same = sa.select(ModelVersion).where(ModelVersion.artifact_sha256 == version.artifact_sha256)
    return session.scalars(same.order_by(ModelVersion.ledger_index).limit(1)).one()


def load(vault: Vault, sealed: Sealed) -> Canaries:
    """The canaries with their coins.

    Raises:
        EvidenceError: the sealed bytes are not what was recorded.
    """
    arrays = _read(vault, sealed.sha256)
    design = arrays["design"].item()
    if design != "fair_coin":
        raise EvidenceError(f"the coins of {sealed.item_id} were not drawn by govtool")
    return Canaries(Records(arrays["features"], arrays["labels"]), arrays["included"], "fair_coin")


def _read(vault: Vault, digest: Sha256) -> dict[str, Any]:
    try:
        with np.load(io.BytesIO(vault.read(digest)), allow_pickle=False) as archive:
            return {name: archive[name] for name in ("features", "labels", "included", "design", "training_sha256")}
    except UNREADABLE as error:
        raise EvidenceError(f"the canaries {digest[:12]}… cannot be read") from error
