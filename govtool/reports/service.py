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
    notice: Notice | None
    """The draft that the document is, where it is a notice."""


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
    show_pictures: bool = False,
) -> Built:
    """Draw up and record in the caller's one transaction. The command line draws up in a reading one instead."""
    built = draw_up(
        session,
        vault,
        kind,
        subject,
        now=now,
        by=by,
        organisation=organisation,
        media=media,
        show_pictures=show_pictures,
    )
    record(session, built, now=now, by=by)
    return built


def draw_up(
    session: Session,
    vault: Vault,
    kind: str,
    subject: str,
    *,
    now: datetime,
    by: str,
    organisation: Organisation,
    media: str = "pdf",
    show_pictures: bool = False,
) -> Built:
    """Draw up the document and keep it and its data in the vault. Reads the database only.

    Args:
        session: open session.
        vault: where the bytes are kept.
        kind: a key of `REPORTS`.
        subject: what it is about, as the kind expects it: NAME@VERSION, or an incident's id.
        now: date of the document.
        by: who has it drawn up.
        organisation: the controller.
        media: pdf or html.
        show_pictures: whether reconstructed pictures, which are personal data, are shown instead of blurred.

    Returns:
        The document; its report row, and for a notice the draft's, are not recorded yet.

    Raises:
        InputError: unknown kind or medium, the subject does not resolve, or the kind has no pictures to show.
        WorkError: a PDF was asked for and cannot be written on this machine.
    """
    if kind not in REPORTS:
        raise InputError(f"unknown report {kind!r}", hint=f"one of {', '.join(REPORTS)}")
    if media not in MEDIA_TYPES:
        raise InputError(f"unknown format {media!r}", hint=f"one of {', '.join(MEDIA_TYPES)}")
    entry, report_id = REPORTS[kind], new_id("rep")
    if show_pictures and not entry.pictures:
        raise InputError(f"a {kind} has no pictures to show")
    told = {"show_pictures": show_pictures} if entry.pictures else {}
    row, view = entry.build(
        session, vault, subject, report_id=report_id, now=now, by=by, organisation=organisation, **told
    )
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
    notice = _notice(vault, entry, report, view) if kind in notice_kinds() else None
    return Built(document, MEDIA_TYPES[media], report, view, notice)


def record(session: Session, built: Built, *, now: datetime, by: str) -> None:
    """Record both digests of a document, and the draft that it is of a notice."""
    ledger.record(session, built.report, now=now, by=by)
    if built.notice is not None:
        ledger.record(session, built.notice, now=now, by=by)


def draw_up_notice(
    session: Session,
    vault: Vault,
    kind: str,
    incident: str,
    *,
    now: datetime,
    by: str,
    organisation: Organisation,
    media: str = "pdf",
) -> Built:
    """Draw up a notice; its draft with its fields is in `notice`. Reads the database only.

    Raises:
        InputError: the kind is not a notice, or the incident does not resolve.
        WorkError: a PDF was asked for and cannot be written on this machine.
    """
    if kind not in notice_kinds():
        raise InputError(f"unknown kind of notice {kind!r}", hint=f"one of {', '.join(notice_kinds())}")
    return draw_up(session, vault, kind, incident, now=now, by=by, organisation=organisation, media=media)


def _notice(vault: Vault, entry: ReportKind, report: Report, view: NoticeView) -> Notice:
    fields = canonical_json([to_data(field) for section in view.sections for field in section.fields])
    return Notice(
        id=new_id("not"),
        incident_id=report.subject_id,
        kind=entry.name,
        state="draft",
        completeness=view.completeness,
        fields_sha256=vault.put(fields).sha256,
        report_id=report.id,
    )


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
