import io
import sys
from datetime import datetime
from typing import Any

import pypdf
import pytest
import report_samples as samples
from sqlalchemy.orm import Session
from test_assessment import build

from govtool import runtime
from govtool.errors import WorkError
from govtool.evidence.vault import Vault
from govtool.reports import render
from govtool.reports.catalog import REPORTS
from govtool.reports.service import _attachment

HOSTILE = '<script>alert(1)</script><img src="file:///etc/passwd"> \u202egpj.exe\x00 ' + "A" * 10_000
NOTE = render.Attachment("data.json", "values", b'{"a":1}', "0" * 64)


@pytest.fixture
def document(session: Session, vault: Vault, now: datetime) -> tuple[str, render.Attachment]:
    samples.model(session, vault, now)
    samples.audit(session, vault, now)
    samples.decision(session, vault, now)
    view = build(session, vault, now)
    attachment = _attachment(REPORTS["assessment"], view)
    return render.render_html("assessment.html", view, attachment, link_data=False), attachment


def pages(pdf: bytes) -> list[str]:
    return [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages]


def test_the_pdf_has_its_pages_text_tags_dates_and_data(document: tuple[str, render.Attachment], now: datetime) -> None:
    html, attachment = document
    pdf = render.render_pdf(html, attachment, created=now)
    texts = pages(pdf)
    assert 6 <= len(texts) <= 13
    assert "NO-GO" in texts[0]
    assert "Signed by" in texts[0]
    assert all(f"Page {number} of {len(texts)}" in text for number, text in enumerate(texts, start=1))
    assert all(attachment.sha256 in text for text in texts)
    reader = pypdf.PdfReader(io.BytesIO(pdf))
    root: Any = reader.trailer["/Root"]
    assert root["/Lang"] == "en"
    assert root["/MarkInfo"]["/Marked"]
    assert "/StructTreeRoot" in root
    assert "/AF" in root
    assert reader.metadata is not None
    assert reader.metadata.title == "Privacy assessment – triage@1.2"
    assert reader.metadata.creation_date == now
    metadata = root["/Metadata"].get_data()
    assert (b"pdfaid:part" in metadata, b"pdfaid:conformance" in metadata) == (True, True)
    assert reader.attachments["assessment.json"] == [attachment.data]
    # Same inputs, same bytes: nothing in the file comes from the clock.
    assert render.render_pdf(html, attachment, created=now) == pdf


def test_figures_carry_an_alternative_text(document: tuple[str, render.Attachment]) -> None:
    html, _ = document
    assert html.count("<svg") == html.count('role="img"') == html.count("<title>") - 1
    assert html.count("<img") == html.count("alt=")


def test_every_column_heading_says_what_it_heads(document: tuple[str, render.Attachment]) -> None:
    html, _ = document
    assert html.count("<th") - html.count("<thead") == html.count('scope="')


def test_the_html_needs_nothing_beside_it(document: tuple[str, render.Attachment]) -> None:
    import re

    html, _ = document
    assert html.count("@font-face") == 5
    for address in re.findall(r"(?:src|href)=\"([^\"]*)\"|url\((?:\"|')?([^)\"']*)", html):
        assert "".join(address).startswith("data:")


def test_hostile_text_is_shown_and_does_nothing(session: Session, vault: Vault, now: datetime) -> None:
    samples.model(session, vault, now, purpose=HOSTILE)
    view = build(session, vault, now)
    html = render.render_html("assessment.html", view, NOTE, link_data=False)
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)" in html
    assert "[U+202E]gpj.exe[U+0000]" in html
    assert "\u202e" not in html
    assert "\x00" not in html
    assert "A" * 300 not in html
    assert f"[cut: {len(HOSTILE):,} characters]" in html


def test_the_renderer_reads_no_file_and_calls_no_server(
    tmp_path: Any, now: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    from weasyprint.urls import URLFetcher

    secret = tmp_path / "secret.svg"
    secret.write_text('<svg xmlns="http://www.w3.org/2000/svg"><text>TOP SECRET</text></svg>')
    html = f'<html lang="en"><body><p>Shown</p><img alt="" src="file://{secret}"><img alt="" src="http://127.0.0.1:9/x"></body></html>'
    pdf = render.render_pdf(html, NOTE, created=now)
    assert pages(pdf) == ["Shown"]
    assert caplog.text.count("disallowed protocol") == 2
    assert URLFetcher().fetch(f"file://{secret}").read().startswith(b"<svg")  # unrestricted, it would have been read


def test_a_value_that_a_view_lacks_stops_the_template() -> None:
    from jinja2 import UndefinedError

    with pytest.raises(UndefinedError):
        render.render_html("assessment.html", object(), NOTE, link_data=False)


def test_without_its_c_libraries_the_pdf_renderer_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, now: datetime
) -> None:
    import builtins

    real = builtins.__import__

    def broken(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "weasyprint":
            raise OSError("cannot load library 'libpango-1.0-0'")
        return real(name, *args, **kwargs)

    monkeypatch.delitem(sys.modules, "weasyprint", raising=False)
    monkeypatch.setattr(builtins, "__import__", broken)
    reason = render.pdf_available()
    assert reason is not None
    assert "libpango-1.0-0" in reason
    assert "apt install" in reason
    with pytest.raises(WorkError, match="no PDF can be written") as caught:
        render.render_pdf("<p>x</p>", NOTE, created=now)
    assert "--format html" in caught.value.hint


def test_here_pdfs_can_be_written() -> None:
    assert render.pdf_available() is None


def test_the_date_for_libraries_is_set_for_the_call_only(monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:
    import os

    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    with runtime.source_date_epoch(now):
        assert os.environ["SOURCE_DATE_EPOCH"] == str(int(now.timestamp()))
    assert "SOURCE_DATE_EPOCH" not in os.environ
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "7")
    with pytest.raises(ZeroDivisionError), runtime.source_date_epoch(now):
        1 / 0  # noqa: B018
    assert os.environ["SOURCE_DATE_EPOCH"] == "7"
