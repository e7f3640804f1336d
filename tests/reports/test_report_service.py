import base64
import io
import json
from datetime import datetime
from typing import Any

import pypdf
import pytest
import report_samples as samples
import sqlalchemy as sa
from sqlalchemy.orm import Session

from govtool.digest import Sha256, sha256_bytes
from govtool.errors import InputError, NotFoundError
from govtool.evidence.vault import Vault
from govtool.reports import service
from govtool.reports.catalog import REPORTS
from govtool.reports.models import Notice, Report
from govtool.reports.verify import attached_data, verify_document


def build(session: Session, vault: Vault, now: datetime, **given: Any) -> service.Built:
    samples.model(session, vault, now)
    return service.build_report(
        session, vault, "assessment", "triage@1.2", now=now, by=samples.BY, organisation=samples.ORGANISATION, **given
    )


@pytest.fixture
def pdf(session: Session, vault: Vault, now: datetime) -> service.Built:
    return build(session, vault, now)


def test_a_pdf_is_kept_recorded_and_found_genuine(session: Session, vault: Vault, pdf: service.Built) -> None:
    row = pdf.report
    assert vault.read(row.document_sha256) == pdf.document
    assert attached_data(pdf.document) == {"assessment.json": vault.read(row.data_sha256)}
    assert "weasyprint" in row.renderer
    found = verify_document(pdf.document, session, vault)
    assert (found.genuine, found.data_unchanged) == (True, True)
    assert found.report is row
    changed = bytearray(pdf.document)
    changed[len(changed) // 2] ^= 1
    assert not verify_document(bytes(changed), session, vault).genuine
    signed = verify_document(pdf.document + b"\n% a signature", session, vault)
    assert not signed.genuine
    assert "appended" in signed.finding
    assert signed.report is row
    rewritten = verify_document(_rewritten(pdf.document), session, vault)
    assert not rewritten.genuine
    assert (rewritten.report, rewritten.data_unchanged) == (row, True)
    assert "bytes were changed" in rewritten.finding
    forged = verify_document(_rewritten(pdf.document, data=b'{"report": "%s"}' % row.id.encode()), session, vault)
    assert (forged.genuine, forged.report, forged.data_unchanged) == (False, row, False)


def test_pictures_are_blurred_unless_somebody_says_otherwise_and_the_data_says_which(
    session: Session, vault: Vault, now: datetime
) -> None:
    samples.model(session, vault, now)
    samples.audit(session, vault, now)
    told = {"now": now, "by": samples.BY, "organisation": samples.ORGANISATION, "media": "html"}
    plain = service.build_report(session, vault, "assessment", "triage@1.2", **told)
    shown = service.build_report(session, vault, "assessment", "triage@1.2", show_pictures=True, **told)
    original = base64.b64encode(samples.png())
    assert original not in plain.document
    assert original in shown.document
    assert (plain.view.pictures, shown.view.pictures) == ("blurred", "shown")
    assert b"so they are blurred here" in plain.document
    with pytest.raises(InputError, match="no pictures to show"):
        service.draw_up(session, vault, "gdpr-article33", "inc-1", show_pictures=True, **told)


def _rewritten(document: bytes, data: bytes | None = None) -> bytes:
    """The same pages saved by another program, as a mail gateway or a viewer might."""
    writer, buffer = pypdf.PdfWriter(), io.BytesIO()
    reader = pypdf.PdfReader(io.BytesIO(document))
    for page in reader.pages:
        writer.add_page(page)
    writer.add_attachment("assessment.json", data or reader.attachments["assessment.json"][0])
    writer.write(buffer)
    return buffer.getvalue()


def test_html_is_recorded_and_its_data_lie_behind_a_link(session: Session, vault: Vault, now: datetime) -> None:
    import base64
    import re

    built = build(session, vault, now, media="html")
    assert built.media_type == "text/html"
    encoded = re.search(rb'download="assessment.json" href="data:application/json;base64,([^"]*)"', built.document)
    assert encoded is not None
    assert sha256_bytes(base64.b64decode(encoded[1])) == built.report.data_sha256
    assert verify_document(built.document, session, vault).genuine
    assert not verify_document(built.document + b" ", session, vault).genuine


@pytest.mark.parametrize("content", [b"", b"%PDF-1.7 nonsense", b"%PDF-1.7\n" + b"[" * 3000, b"hello"])
def test_a_file_nobody_drew_up_is_unknown(session: Session, vault: Vault, content: bytes) -> None:
    found = verify_document(content, session, vault)
    assert not found.genuine
    assert found.report is None
    assert "no report of this workspace" in found.finding


def test_a_changed_record_is_not_believed(session: Session, vault: Vault, now: datetime) -> None:
    built = build(session, vault, now, media="html")
    session.execute(sa.text("DROP TRIGGER IF EXISTS report_no_update"))
    for name in session.scalars(
        sa.text("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'report'")
    ).all():
        session.execute(sa.text(f"DROP TRIGGER {name}"))
    session.execute(sa.text("UPDATE report SET subject_id = 'mv-other'"))
    session.expire_all()
    found = verify_document(built.document, session, vault)
    assert not found.genuine
    assert "not what the ledger holds" in found.finding


def test_recorded_data_that_went_missing_is_said(session: Session, vault: Vault, now: datetime) -> None:
    from pathlib import Path

    built = build(session, vault, now, media="html")
    Path(vault.path(Sha256(built.report.data_sha256))).unlink()
    found = verify_document(built.document, session, vault)
    assert not found.genuine
    assert "missing or altered in the vault" in found.finding


def test_a_notice_is_recorded_with_its_fields(session: Session, vault: Vault, now: datetime) -> None:
    samples.model(session, vault, now)
    incident = samples.incident(session, vault, now)
    built = service.build_report(
        session,
        vault,
        "gdpr-article33",
        incident[:8],
        now=now,
        by=samples.BY,
        organisation=samples.ORGANISATION,
        media="html",
    )
    row = built.notice
    assert row is not None
    assert (row.state, row.completeness, row.report_id) == ("draft", "incomplete", built.report.id)
    stored = {field["key"]: field for field in json.loads(vault.read(row.fields_sha256))}
    assert stored["severity"]["status"] == "to_be_determined"
    assert stored["controller_name"]["value"] == "Hôpital Saint-Exemple"
    assert session.scalars(sa.select(Notice)).all() == [row]


def test_an_assessment_is_no_notice(session: Session, vault: Vault, now: datetime) -> None:
    with pytest.raises(InputError, match="unknown kind of notice"):
        service.draw_up_notice(session, vault, "assessment", "x", now=now, by="x", organisation=samples.ORGANISATION)


@pytest.mark.parametrize(
    ("kind", "subject", "media", "error"),
    [
        ("poem", "triage@1.2", "pdf", InputError),
        ("assessment", "triage@1.2", "docx", InputError),
        ("assessment", "triage@9", "pdf", NotFoundError),
    ],
)
def test_what_cannot_be_drawn_up_leaves_no_record(
    session: Session, vault: Vault, now: datetime, kind: str, subject: str, media: str, error: type[Exception]
) -> None:
    samples.model(session, vault, now)
    with pytest.raises(error):
        service.build_report(
            session, vault, kind, subject, now=now, by="x", organisation=samples.ORGANISATION, media=media
        )
    assert session.scalars(sa.select(Report)).all() == []


def test_drawing_up_alone_records_nothing(session: Session, vault: Vault, now: datetime) -> None:
    samples.model(session, vault, now)
    built = service.draw_up(
        session, vault, "assessment", "triage@1.2", now=now, by="x", organisation=samples.ORGANISATION, media="html"
    )
    assert built.notice is None
    assert session.scalars(sa.select(Report)).all() == []
    service.record(session, built, now=now, by="x")
    assert session.scalars(sa.select(Report)).all() == [built.report]


def test_every_kind_has_its_template_and_its_own_name() -> None:
    from govtool import resources

    for name, entry in REPORTS.items():
        assert entry.name == name
        assert (resources.find("templates") / entry.template).is_file()
        assert entry.data_name.endswith(".json")
    assert set(service.notice_kinds()) == {"gdpr-article33"}
