"""Draw up a document, keep it, and record it. Flushes; the command commits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from govtool.digest import canonical_json, sha256_bytes
from govtool.errors import InputError
from govtool.evidence import ledger
from govtool.evidence.vault import Vault
from govtool.reports.catalog import REPORTS, ReportKind
from govtool.reports.models import Notice, Report
from govtool.reports.notice import NoticeView
from govtool.reports.render import HTML, PDF, Attachment, render_html, render_pdf, renderer
from govtool.reports.view import to_data
from govtool.runtime import new_id
from govtool.settings import Organisation

SCHEMA = "govtool.report/1"
MEDIA_TYPES = {"pdf": PDF, "html": HTML}


@dataclass(frozen=True)
class Built:
    """A document as it was recorded."""

    document: bytes
    media_type: str
    report: Report
    view: Any


def build_report(
    session: Session,
    vault: Vault,
    kind: str,
    subject: str,
    *,
    now: datetime,
    by: str,
    organisation: Organisation,
    media: str = "pdf",
) -> Built:
    """Draw up the document, keep it and its data in the vault, and record both digests.

    Args:
        session: open session.
        vault: where the bytes are kept.
        kind: a key of `REPORTS`.
        subject: what it is about, as the kind expects it: NAME@VERSION, or an incident's id.
        now: date of the document.
        by: who has it drawn up.
        organisation: the controller.
        media: pdf or html.

    Raises:
        InputError: unknown kind or medium, or the subject does not resolve.
        WorkError: a PDF was asked for and cannot be written on this machine.
    """
    if kind not in REPORTS:
        raise InputError(f"unknown report {kind!r}", hint=f"one of {', '.join(REPORTS)}")
    if media not in MEDIA_TYPES:
        raise InputError(f"unknown format {media!r}", hint=f"one of {', '.join(MEDIA_TYPES)}")
    entry, report_id = REPORTS[kind], new_id("rep")
    row, view = entry.build(session, vault, subject, report_id=report_id, now=now, by=by, organisation=organisation)
    attachment = _attachment(entry, view)
    document = draw(entry, view, attachment, created=now, media=media)
    report = Report(
        id=report_id,
        kind=kind,
        subject_kind=entry.subject_kind,
        subject_id=row.id,
        media_type=MEDIA_TYPES[media],
        document_sha256=vault.put(document).sha256,
        data_sha256=vault.put(attachment.data).sha256,
        renderer=renderer(MEDIA_TYPES[media]),
    )
    ledger.record(session, report, now=now, by=by)
    return Built(document, MEDIA_TYPES[media], report, view)


def draft_notice(
    session: Session,
    vault: Vault,
    kind: str,
    incident: str,
    *,
    now: datetime,
    by: str,
    organisation: Organisation,
    media: str = "pdf",
) -> tuple[Built, Notice]:
    """Draw up a notice and record the draft with its fields.

    Raises:
        InputError: the kind is not a notice, or the incident does not resolve.
        WorkError: a PDF was asked for and cannot be written on this machine.
    """
    if kind not in notice_kinds():
        raise InputError(f"unknown kind of notice {kind!r}", hint=f"one of {', '.join(notice_kinds())}")
    built = build_report(session, vault, kind, incident, now=now, by=by, organisation=organisation, media=media)
    view: NoticeView = built.view
    fields = canonical_json([to_data(field) for section in view.sections for field in section.fields])
    row = Notice(
        id=new_id("not"),
        incident_id=built.report.subject_id,
        kind=kind,
        state="draft",
        completeness=view.completeness,
        fields_sha256=vault.put(fields).sha256,
        report_id=built.report.id,
    )
    return built, ledger.record(session, row, now=now, by=by)


def notice_kinds() -> list[str]:
    return [name for name, entry in REPORTS.items() if entry.subject_kind == "incident"]


def draw(entry: ReportKind, view: Any, attachment: Attachment, *, created: datetime, media: str) -> bytes:
    """The document's bytes."""
    html = render_html(entry.template, view, attachment, link_data=media == "html")
    return html.encode() if media == "html" else render_pdf(html, attachment, created=created)


def _attachment(entry: ReportKind, view: Any) -> Attachment:
    data = canonical_json({"schema": SCHEMA, "report": view.head.report_id, "kind": entry.name, "view": to_data(view)})
    return Attachment(entry.data_name, f"The values of: {entry.title}, each with its source", data, sha256_bytes(data))


def reports(session: Session) -> Sequence[Report]:
    return session.scalars(sa.select(Report).order_by(Report.ledger_index)).all()
