"""Every digest that a report rests on, so that a reader can walk from a figure to bytes."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from govtool.audits.models import AttackRecord, AuditRun
from govtool.digest import Sha256
from govtool.evidence.vault import Vault
from govtool.policy.models import Decision
from govtool.registry import lineage
from govtool.registry.models import DatasetVersion, ModelVersion
from govtool.reports import format as f
from govtool.reports.attack_words import attack_title
from govtool.reports.blur import blurred
from govtool.reports.view import Exhibit, Picture

_VAULT = "vault"


def model_exhibits(session: Session, version: ModelVersion) -> list[Exhibit]:
    """The artifact, and the content of every dataset upstream (which stays where it is)."""
    found = []
    if version.artifact_sha256:
        what = f"Model artifact {f.tidy(version.artifact_name, 80)} ({f.size(version.size_bytes)})"
        found.append(Exhibit(what, version.artifact_sha256, version.id, _VAULT))
    seen: set[str] = set()
    for edge in lineage.upstream(session, version.id):
        if edge.dst_kind == DatasetVersion.__tablename__ and edge.dst_id not in seen:
            seen.add(edge.dst_id)
            row = session.get_one(DatasetVersion, edge.dst_id)
            found.append(Exhibit(f"Content of dataset {f.tidy(row.ref)}", row.content_sha256, row.id, "source"))
    return found


def audit_exhibits(runs: Sequence[AuditRun], records: Sequence[AttackRecord]) -> list[Exhibit]:
    found = [Exhibit("Audit specification, as written", run.spec_sha256, run.id, _VAULT) for run in runs]
    asked = {record.references_sha256: record.run_id for record in records if record.references_sha256}
    found.extend(Exhibit("Answers of the reference models", digest, run, _VAULT) for digest, run in asked.items())
    for record in records:
        title = attack_title(record.attack)
        if record.evidence_sha256:
            found.append(Exhibit(f"Score vectors of: {title}", record.evidence_sha256, record.id, _VAULT))
        found.extend(
            Exhibit(f"Figure {index} of: {title}", digest, record.id, _VAULT)
            for index, digest in enumerate(record.figures, start=1)
        )
    return found


def decision_exhibits(decision: Decision | None) -> list[Exhibit]:
    if decision is None:
        return []
    found = [
        Exhibit("Policy set, canonical JSON", decision.policy_sha256, decision.id, _VAULT),
        Exhibit("Facts that were judged, canonical JSON", decision.facts_sha256, decision.id, _VAULT),
    ]
    found.extend(
        Exhibit(f"Policy file {f.tidy(name, 120)}, as written", digest, decision.id, "policies")
        for name, digest in sorted(decision.policy_files.items())
    )
    return found


def pictures(vault: Vault, record: AttackRecord, *, sharp: bool) -> tuple[Picture, ...]:
    """The record's images, inlined, blurred unless `sharp`. One that is gone or altered is named, and its place stays empty."""
    import base64

    captions = record.detail.get("figures") or []
    found = []
    for index, digest in enumerate(record.figures):
        entry = captions[index] if index < len(captions) else {}
        name = f.tidy(str(entry.get("name", f"figure {index + 1}")), 80)
        caption = f.tidy(str(entry.get("caption", "")), 300)
        uri, missing = "", ""
        if vault.check(Sha256(digest)):
            png = vault.read(Sha256(digest))
            shown = png if sharp else blurred(png, [tuple(box) for box in entry.get("boxes", [])])
            uri = "data:image/png;base64," + base64.b64encode(shown).decode()
        else:
            missing = "The image is altered or missing in the vault; run: govtool evidence verify"
        found.append(Picture(name, caption, digest, missing, uri))
    return tuple(found)
