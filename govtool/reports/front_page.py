"""What page one says of the attacks: one line for each, and one for all that answered the same question alike."""

from collections.abc import Sequence
from dataclasses import dataclass

from govtool.audits.models import AttackRecord
from govtool.reports import answers
from govtool.reports import format as f
from govtool.reports.attack_tables import estimate_of
from govtool.reports.attack_view import AttackView

_RATE = "identification_rate"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of page one: an attack, or several of one answer, and what was found."""

    title: str
    text: str
    leak: bool
    source: str


def findings(attacks: Sequence[tuple[AttackRecord, AttackView]]) -> tuple[Finding, ...]:
    """In the order of the attacks. Those that drew classes with the same outcome share a line, each with its own figure."""
    lines: dict[str, list[tuple[AttackRecord, AttackView]]] = {}
    for record, view in attacks:
        lines.setdefault(_key(record, view), []).append((record, view))
    return tuple(_one(*alike[0]) if len(alike) == 1 else _several(alike) for alike in lines.values())


def _key(record: AttackRecord, view: AttackView) -> str:
    asked = [one.get("question") for one in record.detail.get("findings") or ()]
    alike = view.usable and asked == [answers.CLASS] and _RATE in record.metrics
    return f"{view.family}: {view.finding.split('.')[0]}" if alike else view.record_id


def _one(_record: AttackRecord, view: AttackView) -> Finding:
    return Finding(view.title, view.finding or f"Void, not to be used. {view.reason}", view.leak, view.record_id)


def _several(alike: Sequence[tuple[AttackRecord, AttackView]]) -> Finding:
    first, view = alike[0]
    chance = f.percent(first.baselines[_RATE])
    said = "; ".join(f"{one.title.removeprefix(one.family).strip()}, {_figure(record)}" for record, one in alike)
    return Finding(
        title=f"{view.family}, {len(alike)} ways",
        text=f"{view.finding.split('.')[0]}. The median judge names (by chance {chance}): {said}.",
        leak=view.leak,
        source=", ".join(one.record_id for _, one in alike),
    )


def _figure(record: AttackRecord) -> str:
    estimate = estimate_of(record.metrics[_RATE])
    return (
        "not recorded"
        if estimate is None
        else f"{f.rate(estimate)}, with {f.access(record.access, 'an unknown access')}"
    )
