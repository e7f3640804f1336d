"""Run every detector over an incident's logs and record what each says, also when it says that it cannot tell."""

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, BinaryIO, cast

from sqlalchemy.orm import Session

from govtool.digest import Sha256
from govtool.errors import GovtoolError
from govtool.evidence import ledger
from govtool.evidence.vault import Vault
from govtool.incidents.detectors.catalog import DETECTORS
from govtool.incidents.detectors.interface import Context, Detector, NotApplicable, Outcome, Signal, records
from govtool.incidents.engine import Engine, distinct_originals, open_events
from govtool.incidents.formats.interface import from_us
from govtool.incidents.models import DetectionRun, Finding, Incident
from govtool.incidents.service import ingests
from govtool.incidents.training import build_index, model_of, training_datasets
from govtool.runtime import new_id

_SHOWN = 200
_SPOOL = 8 << 20


def detect(
    session: Session,
    vault: Vault,
    incident: Incident,
    *,
    now: datetime,
    by: str,
    detectors: Mapping[str, Detector] = DETECTORS,
) -> tuple[DetectionRun, list[Finding]]:
    """Judge and record in the caller's one transaction. The command line judges in a reading one instead."""
    run, findings = judge(session, vault, incident, detectors=detectors)
    record(session, run, findings, now=now, by=by)
    return run, findings


def judge(
    session: Session, vault: Vault, incident: Incident, *, detectors: Mapping[str, Detector] = DETECTORS
) -> tuple[DetectionRun, list[Finding]]:
    """Judge all preserved logs of the incident. Reads the database only, for as long as that takes.

    Returns:
        The run, and its findings, not recorded yet. A detector that failed or does not apply is in `run.detectors`
        with its reason.

    Raises:
        InputError: no log was ingested.
        EvidenceError: a log's events are missing or altered in the vault.
        MissingExtraError: the 'logs' extra is not installed.
    """
    logs = distinct_originals(ingests(session, incident.id))
    found: list[tuple[Detector, Signal, dict[str, Any]]] = []
    statements: list[dict[str, Any]] = []
    with open_events(vault, logs) as engine:
        context = _context(session, incident, engine)
        events = engine.events.filter(engine.events.principal.notnull())
        for detector in detectors.values():
            outcome = _run(detector, events, context)
            statements.append(_statement(detector, outcome))
            if isinstance(outcome, Outcome):
                found.extend((detector, signal, _anchors(vault, signal.rows)) for signal in outcome.signals)
        counts = records(engine.events.agg(n=engine.events.count(), principals=engine.events.principal.nunique()))[0]
    run = DetectionRun(
        id=new_id("det"),
        incident_id=incident.id,
        ingests=[row.id for row in logs],
        detectors=statements,
        n_events=counts["n"],
        n_principals=counts["principals"],
    )
    return run, [_finding(run, *each) for each in found]


def record(session: Session, run: DetectionRun, findings: Iterable[Finding], *, now: datetime, by: str) -> None:
    """Record what `judge` found. `run.ingests` says which logs it saw, should others have come in since."""
    for row in (run, *findings):
        ledger.record(session, row, now=now, by=by)


def accused(findings: Iterable[Finding]) -> list[str]:
    """The principals whose queries are tied to training records (an exposure finding).

    All others are cleared by the absence of findings, which is no proof of innocence.
    """
    return sorted({finding.principal for finding in findings if finding.kind == "exposure"})


def suspected(findings: Iterable[Finding]) -> list[str]:
    """The principals whose behaviour stands out and nothing more: a person has to look before anyone is named.

    However many detectors agree: a busy nightly batch is both large and even, so two suspicions are not two proofs.
    """
    found = list(findings)
    exposed = accused(found)
    return sorted({finding.principal for finding in found} - set(exposed))


def _context(session: Session, incident: Incident, engine: Engine) -> Context:
    model = model_of(session, incident)
    if model is None:
        return Context()
    index = build_index(training_datasets(session, incident))
    table = engine.table("training", {"fingerprint": sorted(set(index.fingerprints))}) if index.fingerprints else None
    return Context(model, index, table)


def _run(detector: Detector, events: Any, context: Context) -> Outcome | NotApplicable | Exception:
    try:
        return detector.run(events, context)
    except Exception as error:  # noqa: BLE001 - one detector of many: its failure is recorded, the others still speak
        return error


def _statement(detector: Detector, outcome: Outcome | NotApplicable | Exception) -> dict[str, Any]:
    """What the run remembers of one detector: also the figures of those it did not flag, highest first."""
    statement: dict[str, Any] = {
        "name": detector.name,
        "version": detector.version,
        "kind": detector.kind,
        "technique": detector.technique,
        "parameters": dict(detector.parameters),
        "status": "completed",
        "reason": "",
        "judged": None,
        "signals": None,
        "caveats": [],
        "numbers": [],
    }
    if isinstance(outcome, NotApplicable):
        return statement | {"status": "not_applicable", "reason": outcome.reason}
    if isinstance(outcome, Exception):
        return statement | {"status": "failed", "reason": _reason_of(outcome)}
    flagged = {signal.principal for signal in outcome.signals}
    highest = sorted(outcome.numbers.items(), key=lambda item: (-item[1], item[0]))[:_SHOWN]
    return statement | {
        "judged": len(outcome.numbers),
        "signals": len(outcome.signals),
        "caveats": list(outcome.caveats),
        "numbers": [{"principal": who, "value": value, "flagged": who in flagged} for who, value in highest],
    }


def _reason_of(error: Exception) -> str:
    """Why, without a word from the log: our own messages are written to be shown, others' may quote a line."""
    return error.message if isinstance(error, GovtoolError) else f"unexpected {type(error).__name__}"


def _anchors(vault: Vault, rows: Any) -> dict[str, Any]:
    """Store where the events lie in the originals, as JSON Lines; returns the blob's digest, window and count."""
    ordered = rows.order_by(["original_sha256", "line_no"])
    table = ordered[["original_sha256", "line_no", "byte_off", "byte_len", "ts_us"]].to_pyarrow()
    with tempfile.SpooledTemporaryFile(_SPOOL) as spool:
        for batch in table.to_batches(8192):
            columns = [column.to_pylist() for column in batch.columns[:4]]
            for original, line, offset, length in zip(*columns, strict=True):
                spool.write(f'{{"length":{length},"line":{line},"offset":{offset},"original":"{original}"}}\n'.encode())
        spool.seek(0)
        stored = vault.put_stream(cast("BinaryIO", spool))
    times: Sequence[int] = table["ts_us"].to_pylist()
    return {"rows_sha256": stored.sha256, "start": min(times), "end": max(times), "n": len(times)}


def _finding(run: DetectionRun, detector: Detector, signal: Signal, anchors: dict[str, Any]) -> Finding:
    return Finding(
        id=new_id("fnd"),
        run_id=run.id,
        incident_id=run.incident_id,
        detector=detector.name,
        kind=detector.kind,
        principal=signal.principal,
        session=signal.session,
        statistic=signal.statistic,
        value=signal.value,
        threshold=signal.threshold,
        baseline_n=signal.baseline_n,
        window_start=from_us(anchors["start"]),
        window_end=from_us(anchors["end"]),
        n_events=anchors["n"],
        rows_sha256=Sha256(anchors["rows_sha256"]),
        summary=signal.summary,
        counter_evidence=list(signal.counter_evidence),
        technique=detector.technique,
    )
