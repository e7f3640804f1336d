"""One attack as the report shows it: what the attacker knew, every figure with interval and baseline, the controls."""

from dataclasses import dataclass, field
from statistics import median
from typing import Any

from govtool.audits.models import AttackRecord
from govtool.estimate import Estimate
from govtool.reports import answers as questions
from govtool.reports import attribute_view, defences_view, gradient_view, inversion_view, property_view, swap_view
from govtool.reports import format as f
from govtool.reports.answers import Answer
from govtool.reports.attack_tables import Control, RocRow, controls, estimate_of, grids, roc_rows
from govtool.reports.attack_words import METRICS, attack_title, family_title, metric_label, status_badge
from govtool.reports.charts import RocChart, roc_chart
from govtool.reports.view import DRAWN, Badge, Fact, Grid, Picture


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One measured figure."""

    name: str
    label: str
    value: str
    interval: str
    level: str
    n: str
    baseline: str
    method: str
    estimate: dict[str, Any]
    source: str


@dataclass(frozen=True, slots=True)
class AttackView:
    record_id: str
    name: str
    title: str
    family: str
    status: Badge
    usable: bool
    reason: str
    knowledge: str
    finding: str
    leak: bool
    answers: tuple[Answer, ...]
    facts: tuple[Fact, ...]
    metrics: tuple[MetricRow, ...]
    roc_rows: tuple[RocRow, ...]
    controls: tuple[Control, ...]
    grids: tuple[Grid, ...]
    pictures: tuple[Picture, ...]
    caveats: tuple[str, ...]
    roc: RocChart | None = field(metadata=DRAWN)


def headline(record: AttackRecord) -> tuple[str, Estimate, float | None] | None:
    """The metric that sums the attack up: the one with a transferred threshold where there is one."""
    for name in ("epsilon_lower_bound", "balanced_accuracy", "identification_rate", "excess", *record.metrics):
        if (estimate := estimate_of(record.metrics.get(name))) is not None:
            return name, estimate, record.baselines.get(name)
    return None


def finding(record: AttackRecord) -> tuple[str, bool]:
    """What the test found, in a sentence that claims no more than the interval allows; and whether it is a leak."""
    if record.family == defences_view.FAMILY:
        return defences_view.FINDING, False
    sentence, leak = _finding(record)
    group = f" {property_view.GROUP_LEVEL}" if record.family == property_view.FAMILY else ""
    return sentence + group, leak


def _finding(record: AttackRecord) -> tuple[str, bool]:
    head = headline(record)
    access = f.access(record.access, "an access that was not recorded")
    if head is None:
        return f"The test completed under access to {access}, but recorded no figure.", False
    if isinstance(claim := record.detail.get("claim"), dict) and "statement" in record.detail:
        return f.tidy(str(record.detail["statement"])), claim.get("outcome") == "contradicted"
    name, estimate, baseline = head
    if name == "excess" and (found := attribute_view.finding(record, estimate)) is not None:
        return found
    if (found := questions.lead(record, baseline is not None and estimate.low > baseline)) is not None:
        return found
    label = metric_label(name)
    label = label[0].lower() + label[1:]
    sure = f"{f.percent(estimate.confidence_level)} confidence"
    if baseline is not None and estimate.low > baseline:
        return (
            f"The attack worked under access to {access}: {label} {f.figure(name, estimate)} "
            f"({f.bounds(name, estimate)} at {sure}, n{f.NB}={f.NB}{estimate.n:,}), where no attack at all scores {f.value_of(name, baseline)}."
        ), True
    guessing = "" if baseline is None else f", while no attack at all scores {f.value_of(name, baseline)}"
    return (
        f"No leak was shown: {label} {f.figure(name, estimate)} "
        f"({f.bounds(name, estimate)} at {sure}, n{f.NB}={f.NB}{estimate.n:,}) under access to {access}{guessing}. "
        f"A figure up to {f.value_of(name, estimate.high)} is not ruled out, nor is anything said about other attacks or other access."
    ), False


def attack_view(record: AttackRecord, pictures: tuple[Picture, ...], class_unit: str = "") -> AttackView:
    """`class_unit`: what one class of the training data is by the register, in words; empty: not known."""
    usable = record.status == "completed"
    sentence, leak = finding(record) if usable else ("", False)
    detail = record.detail
    return AttackView(
        record_id=record.id,
        name=record.attack,
        title=attack_title(record.attack),
        family=family_title(record.family),
        status=status_badge(record.status),
        usable=usable,
        reason=f.sentence(record.reason),
        knowledge=f.tidy(record.knowledge),
        finding=sentence,
        leak=leak,
        answers=questions.answers(record, class_unit) if usable else (),
        facts=_facts(record),
        metrics=_metrics(record) if usable else (),
        roc_rows=roc_rows(detail) if usable else (),
        controls=controls(detail),
        grids=grids(detail) if usable else (),
        pictures=pictures if usable else (),
        caveats=tuple(f.tidy(text) for text in record.caveats),
        roc=_roc(record) if usable else None,
    )


def _facts(record: AttackRecord) -> tuple[Fact, ...]:
    detail, source = record.detail, record.id
    facts = [
        Fact("Record", f"{source} of {record.run_id}", {"record": source, "run": record.run_id}, source, code=True),
        Fact("Access used", f.access(record.access, "none recorded"), record.access, source),
        *property_view.facts(detail, source, void=record.status == "void"),
    ]
    if record.counts:
        members, others = record.counts.get("members"), record.counts.get("nonmembers")
        facts.append(
            Fact(
                "Records tested", f"{f.count(members)} members and {f.count(others)} non-members", record.counts, source
            )
        )
    threshold = detail.get("threshold")
    if isinstance(threshold, dict) and "value" in threshold:
        text = f"{threshold['value']:.4g}; {f.tidy(str(threshold.get('source', 'source not recorded')), 200)}"
        facts.append(Fact("Threshold", text, threshold, source))
    if isinstance(detail.get("references"), int) and detail["references"]:
        facts.append(Fact("Reference models", f.count(detail["references"]), detail["references"], source))
    if isinstance(detail.get("duplicates"), int):
        facts.append(
            Fact("Exact duplicates across the split", f.count(detail["duplicates"]), detail["duplicates"], source)
        )
    gap = (detail.get("mismatch") or {}).get("train_accuracy_gap")
    if isinstance(gap, float):
        facts.append(Fact("References differ in training accuracy by", f.percent(abs(gap)), gap, source))
    confidence = [entry["target_confidence"] for entry in detail.get("classes", []) if "target_confidence" in entry]
    if confidence:
        middle = median(confidence)
        text = f"{f.percent(middle)} (median); says nothing about likeness, so it is not counted"
        facts.append(Fact("Model's own confidence in the images", text, middle, source))
    if isinstance(detail.get("chance"), float):
        facts.append(Fact("Chance", f.percent(detail["chance"]), detail["chance"], source))
    if isinstance(detail.get("smallest_detectable"), float):
        facts.append(
            Fact(
                "Smallest rate this test can detect",
                f.percent(detail["smallest_detectable"]),
                detail["smallest_detectable"],
                source,
            )
        )
    facts += (
        inversion_view.facts(detail, source) + swap_view.facts(detail, source) + gradient_view.facts(detail, source)
    )
    return tuple(facts)


def _metrics(record: AttackRecord) -> tuple[MetricRow, ...]:
    rows = []
    for name, data in sorted(
        record.metrics.items(), key=lambda item: (item[0] != "excess", item[0] not in METRICS, item[0])
    ):
        estimate = estimate_of(data)
        if estimate is None:
            continue
        baseline = record.baselines.get(name)
        rows.append(
            MetricRow(
                name=name,
                label=metric_label(name),
                value=f.figure(name, estimate),
                interval=f.bounds(name, estimate),
                level=f.percent(estimate.confidence_level),
                n=f"{estimate.n:,}",
                baseline="not recorded" if baseline is None else f.value_of(name, baseline),
                method=f.tidy(estimate.method, 120) or "not recorded",
                estimate=estimate.to_dict(),
                source=record.id,
            )
        )
    return tuple(rows)


def _roc(record: AttackRecord) -> RocChart | None:
    roc = record.detail.get("roc")
    if not isinstance(roc, dict):
        return None
    alt = (
        f"ROC curve of {attack_title(record.attack)} on logarithmic axes: share of members found against share of false "
        "alarms. The table beside it gives the figures."
    )
    return roc_chart(roc.get("fpr", []), roc.get("tpr", []), record.counts.get("nonmembers"), alt)
