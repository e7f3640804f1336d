import base64
import io
import os
import re
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import report_samples as samples
from PIL import Image
from sqlalchemy.orm import Session

from govtool.attacks.inversion import montage
from govtool.evidence import ledger
from govtool.evidence.note import Signer
from govtool.evidence.vault import Vault
from govtool.reports.catalog import REPORTS
from govtool.reports.render import render_html
from govtool.reports.service import _attachment

GOLDEN = Path(__file__).parent.parent / "golden"


@pytest.fixture(autouse=True)
def _fixed_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "new_id", lambda prefix: f"{prefix}-000000000000")


def build(
    session: Session, vault: Vault, now: datetime, kind: str = "assessment", subject: str = "triage@1.2", **more: Any
) -> Any:
    _, view = REPORTS[kind].build(
        session,
        vault,
        subject,
        report_id="rep-000000000000",
        now=now,
        by=samples.BY,
        organisation=samples.ORGANISATION,
        **more,
    )
    return view


def html(view: Any, kind: str = "assessment") -> str:
    """What the golden files hold: the document's HTML without type faces, style and the digest of unrounded figures."""
    attachment = replace(_attachment(REPORTS[kind], view), sha256="0" * 64)
    return render_html(REPORTS[kind].template, view, attachment, link_data=False, styled=False)


def check_golden(name: str, text: str) -> None:
    """Compare with the golden file; GOVTOOL_REGENERATE_GOLDEN=1 writes it instead."""
    file = GOLDEN / name
    if os.environ.get("GOVTOOL_REGENERATE_GOLDEN"):
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


def test_the_assessment_is_what_was_agreed(session: Session, vault: Vault, signer: Signer, now: datetime) -> None:
    samples.model(session, vault, now)
    samples.audit(session, vault, now)
    samples.decision(session, vault, now)
    samples.sign(session, signer, now)
    check_golden("assessment.html", html(build(session, vault, now)))


def test_without_a_decision_the_verdict_is_undecided(session: Session, vault: Vault, now: datetime) -> None:
    samples.model(session, vault, now)
    view = build(session, vault, now)
    assert (view.verdict.word, view.verdict.shape) == ("UNDECIDED", "unknown")
    assert view.verdict.reason == "No gate decision has been recorded for this version."
    text = html(view)
    assert "Nothing was tested." in text
    assert "6 of the 6 classes" in view.untested


@pytest.mark.parametrize(
    ("outcome", "word", "shape"),
    [
        ("GO", "GO", "pass"),
        ("GO-WITH-CONDITIONS", "GO WITH CONDITIONS", "warn"),
        ("UNDECIDED", "UNDECIDED", "unknown"),
        ("NO-GO", "NO-GO", "fail"),
    ],
)
def test_each_outcome_has_its_word_and_its_outline(
    session: Session, vault: Vault, now: datetime, outcome: str, word: str, shape: str
) -> None:
    samples.model(session, vault, now)
    samples.decision(session, vault, now, outcome=outcome)
    view = build(session, vault, now)
    assert (view.verdict.word, view.verdict.shape) == (word, shape)
    assert f'<div class="verdict {shape}">' in html(view)


def test_an_unknown_number_of_people_is_not_zero(session: Session, vault: Vault, now: datetime) -> None:
    samples.model(session, vault, now)
    rows = {row.ref: row for row in build(session, vault, now).datasets}
    assert rows["admissions@2024"].subjects == "4,812"
    assert rows["his-extract@7"].subjects == "unknown"
    assert rows["his-extract@7"].level == "unknown"


def test_an_audit_newer_than_the_decision_is_pointed_out(session: Session, vault: Vault, now: datetime) -> None:
    samples.model(session, vault, now)
    samples.audit(session, vault, now)
    samples.decision(session, vault, now)
    assert build(session, vault, now).remarks == ()
    samples.audit(session, vault, now + timedelta(days=3), run_id="run-summer00000")
    (remark,) = build(session, vault, now).remarks
    assert "run-summer00000" in remark
    assert "govtool gate check triage@1.2" in remark


def test_a_run_that_never_came_back_is_named(session: Session, vault: Vault, now: datetime) -> None:
    from govtool.audits.models import AuditRun

    samples.model(session, vault, now)
    spec = vault.put(b"x").sha256
    run = AuditRun(
        id="run-crashed0000", model_version_id="mv-triage12000", deployment_id=None, access=[], spec_sha256=spec, resolved={}, seed=1, versions={}
    )  # fmt: skip
    ledger.record(session, run, now=now, by="x")
    (remark,) = build(session, vault, now).remarks
    assert "run-crashed0000" in remark


def test_the_report_never_promises_more_than_tests_can_show(session: Session, vault: Vault, now: datetime) -> None:
    samples.model(session, vault, now)
    samples.audit(session, vault, now)
    samples.decision(session, vault, now, outcome="GO")
    text = html(build(session, vault, now)).lower().replace("speaks against calling the model anonymous", "")
    for word in ("anonymous", "no risk", "compliant", "guarantee", "safe to"):
        assert word not in text


def test_an_image_that_is_gone_is_named_not_invented(session: Session, vault: Vault, now: datetime) -> None:
    samples.model(session, vault, now)
    (digest,) = next(row for row in samples.audit(session, vault, now) if row.figures).figures
    Path(vault.path(digest)).unlink()
    (picture,) = [picture for attack in build(session, vault, now).attacks for picture in attack.pictures]
    assert picture.uri == ""
    assert "evidence verify" in picture.missing


def test_reconstructed_pictures_are_blurred_in_the_document_and_absent_from_its_data(
    session: Session, vault: Vault, now: datetime
) -> None:
    """The original's bytes are nowhere, the labels between the pictures are, and only who asks gets it sharp."""
    samples.model(session, vault, now)
    rows, labels = np.random.default_rng(3).random((2, 64)), np.arange(2)
    drawn = montage.draw(rows, rows, labels, (1, 8, 8), ("reconstruction", "mean")).figure("reconstructions", "Two.")
    samples.audit(session, vault, now, drawn=drawn)
    view = build(session, vault, now)
    text = html(view)
    assert base64.b64encode(drawn.png).decode() not in text
    (shown,) = re.findall(r'<img src="data:image/png;base64,([^"]+)"', text)
    seen, original = (
        np.asarray(Image.open(io.BytesIO(png)).convert("L"), dtype=float)
        for png in (base64.b64decode(shown), drawn.png)
    )
    boxed = np.zeros(seen.shape, dtype=bool)
    for left, top, width, height in drawn.boxes:
        boxed[top : top + height, left : left + width] = True
        assert (
            seen[top : top + height, left : left + width].std()
            < original[top : top + height, left : left + width].std()
        )
    assert (seen[~boxed] == original[~boxed]).all(), "labels and frames stay readable"
    assert np.abs(seen - original)[boxed].mean() > 20
    data = _attachment(REPORTS["assessment"], view).data
    assert b"base64" not in data
    assert b"iVBOR" not in data, "no PNG in any disguise that JSON allows"
    assert base64.b64encode(drawn.png).decode() in html(build(session, vault, now, show_pictures=True))


def test_the_attached_values_name_their_records_and_hold_no_drawing(
    session: Session, vault: Vault, now: datetime
) -> None:
    import json

    samples.model(session, vault, now)
    samples.audit(session, vault, now)
    view = build(session, vault, now)
    data = json.loads(_attachment(REPORTS["assessment"], view).data)
    assert data["report"] == "rep-000000000000"
    attack = next(attack for attack in data["view"]["attacks"] if attack["name"] == "loss_threshold")
    assert attack["metrics"][0]["source"] == attack["record_id"]
    assert attack["metrics"][0]["estimate"]["n"] == 3000
    assert "roc" not in attack
    assert "uri" not in json.dumps(data)


def test_a_register_that_changed_after_the_decision_is_pointed_out(
    session: Session, vault: Vault, now: datetime
) -> None:
    samples.model(session, vault, now)
    samples.audit(session, vault, now)
    samples.decision(session, vault, now, outcome="GO")
    before = build(session, vault, now)
    assert not any("register has changed" in remark for remark in before.remarks)
    samples.incident(session, vault, now)
    after = build(session, vault, now)
    assert any("its open incidents" in remark for remark in after.remarks)
