"""Is this the document that was drawn up? By digest first; where that fails, by what the file itself claims to be.

A file that was signed or annotated afterwards begins with the recorded bytes and goes on. That is said, and it is still a
failure: what was appended can change what a reader sees.
"""

import io
import json
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from govtool.digest import Sha256, sha256_bytes
from govtool.evidence import ledger
from govtool.evidence.models import LedgerLeaf
from govtool.evidence.vault import Vault
from govtool.reports.models import Report

_PDF = b"%PDF-"


@dataclass(frozen=True)
class Verification:
    """What came of it. `genuine` only when the bytes are the recorded ones and the record is still what the ledger holds."""

    genuine: bool
    finding: str
    sha256: Sha256
    report: Report | None
    data_unchanged: bool | None
    """Whether the attached values are the recorded ones; None when the file has none, or no record to compare with."""


def verify_document(data: bytes, session: Session, vault: Vault) -> Verification:
    """Compare a PDF or HTML file with the records of this workspace. Reads only; never raises for what the file holds."""
    digest = sha256_bytes(data)
    report = session.scalar(sa.select(Report).where(Report.document_sha256 == digest))
    if report is not None:
        return _recorded(session, vault, report, digest, data)
    attached = attached_data(data) if data.startswith(_PDF) else {}
    claimed = _claimed(session, attached)
    if claimed is None:
        return Verification(
            False, "no report of this workspace has these bytes, and the file names none", digest, None, None
        )
    same = claimed.data_sha256 in {sha256_bytes(value) for value in attached.values()}
    finding = f"the file claims to be {claimed.id}, but its bytes were changed after it was drawn up"
    if vault.check(claimed.document_sha256) and data.startswith(vault.read(claimed.document_sha256)):
        finding = f"the file is {claimed.id} with something appended to it (a signature or an annotation?), which the record does not cover"
    return Verification(False, finding, digest, claimed, same)


def _recorded(session: Session, vault: Vault, report: Report, digest: Sha256, data: bytes) -> Verification:
    leaf = session.get(LedgerLeaf, report.ledger_index)
    if leaf is None or leaf.data != ledger.entry(Report, ledger.values(report)):
        return Verification(False, f"the record {report.id} is not what the ledger holds", digest, report, None)
    same: bool | None = None
    if data.startswith(_PDF):
        same = report.data_sha256 in {sha256_bytes(value) for value in attached_data(data).values()}
        if not same:
            return Verification(
                False, f"the data attached to {report.id} is not the recorded data", digest, report, False
            )
    if not vault.check(report.data_sha256):
        return Verification(
            False, f"the recorded data of {report.id} is missing or altered in the vault", digest, report, same
        )
    return Verification(True, f"this is {report.id}, unchanged since it was drawn up", digest, report, same)


def _claimed(session: Session, attached: dict[str, bytes]) -> Report | None:
    """The report that the attached data names, by its digest or, if that was changed too, by its id."""
    for value in attached.values():
        found = session.scalar(sa.select(Report).where(Report.data_sha256 == sha256_bytes(value)))
        if found is None:
            found = session.get(Report, _named(value) or "")
        if found is not None:
            return found
    return None


def _named(value: bytes) -> str | None:
    try:
        content: Any = json.loads(value)
    except (ValueError, RecursionError):
        return None
    name = content.get("report") if isinstance(content, dict) else None
    return name if isinstance(name, str) else None


def attached_data(pdf: bytes) -> dict[str, bytes]:
    """Name to bytes of everything attached to the PDF; empty when it cannot be read."""
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    found: dict[str, bytes] = {}
    try:
        for name, versions in PdfReader(io.BytesIO(pdf)).attachments.items():
            found[name] = versions[0]
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, OSError):
        return {}  # pypdf meets hostile files with any of these; a file it cannot read has no attachment to compare
    return found
