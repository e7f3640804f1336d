"""What was not tested, and why.

EDPB Opinion 28/2024, paragraph 55, names the attacks that tests should cover; each gets a line whether it was run or not,
because a report that is silent about an attack reads as if it had been passed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from govtool.audits.models import AttackRecord
from govtool.audits.service import runnable_families
from govtool.policy.standing import NEVER_TRIED
from govtool.reports import format as f
from govtool.reports.attack_words import attack_title, status_badge
from govtool.reports.view import Badge

TESTED = Badge("tested", "pass")
NOT_TESTED = Badge("not tested", "unknown")
NOT_APPLICABLE = Badge("not applicable", "none")

PARAGRAPH_55: tuple[tuple[str, str], ...] = (
    ("Attribute inference", "attribute_inference"),
    ("Membership inference", "membership_inference"),
    ("Exfiltration", "exfiltration"),
    ("Regurgitation of training data", "training_data_extraction"),
    ("Model inversion", "model_inversion"),
    ("Reconstruction", "data_reconstruction"),
)
"""The opinion's classes and the family of tests that answers each. No test of the family 'exfiltration' exists here."""


@dataclass(frozen=True, slots=True)
class CoverageRow:
    """One class of attack of the opinion."""

    name: str
    badge: Badge
    reason: str
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GapRow:
    """Attacks of the run that brought no usable figure, for one and the same reason."""

    titles: tuple[str, ...]
    badge: Badge
    reason: str
    sources: tuple[str, ...]


def coverage(records: Sequence[AttackRecord], *, any_run: bool) -> tuple[CoverageRow, ...]:
    return tuple(
        _row(name, [r for r in records if r.family == family], any_run=any_run, exists=family in runnable_families())
        for name, family in PARAGRAPH_55
    )


def _row(name: str, records: Sequence[AttackRecord], *, any_run: bool, exists: bool) -> CoverageRow:
    done = [r for r in records if r.status == "completed"]
    if done:
        attacks = ", ".join(attack_title(r.attack) for r in done)
        return CoverageRow(name, TESTED, f"By: {attacks}.", tuple(r.id for r in done))
    sources = tuple(r.id for r in records)
    reasons = " ".join(f"{', '.join(row.titles)}: {row.reason}" for row in gaps(records))
    if records and all(r.status == "not_applicable" for r in records):
        return CoverageRow(name, NOT_APPLICABLE, reasons, sources)
    if records:
        return CoverageRow(name, NOT_TESTED, reasons, sources)
    if not exists:
        missing = "This version of govtool has no attack of this class, so nothing is known about it."
    elif any_run:
        missing = "The audit recorded no attack of this class."
    else:
        missing = "No audit of this version has been completed."
    return CoverageRow(name, NOT_TESTED, missing, ())


def gaps(records: Sequence[AttackRecord]) -> tuple[GapRow, ...]:
    """Those that failed or are void first, each reason once."""
    alike: dict[tuple[str, str], list[AttackRecord]] = {}
    for record in sorted(records, key=lambda one: one.status in NEVER_TRIED):
        if record.status != "completed":
            alike.setdefault((record.status, _because(record)), []).append(record)
    return tuple(
        GapRow(tuple(attack_title(r.attack) for r in found), status_badge(status), reason, tuple(r.id for r in found))
        for (status, reason), found in alike.items()
    )


def _because(record: AttackRecord) -> str:
    return f.sentence(record.reason) or "No reason was recorded."
