"""The tables of one attack: points of its curve, its controls, its judges. What was not recorded is said, not left blank."""

from dataclasses import dataclass
from typing import Any

from govtool.estimate import Estimate
from govtool.reports import format as f
from govtool.reports.view import Badge

CONTROLS: dict[bool | None, Badge] = {
    True: Badge("passed", "pass"),
    False: Badge("not passed", "fail"),
    None: Badge("not run", "unknown"),
}


@dataclass(frozen=True, slots=True)
class RocRow:
    """How many members are found at a rate of false alarms, or why that cannot be said."""

    fpr: str
    tpr: str
    resolvable: bool


@dataclass(frozen=True, slots=True)
class Control:
    """A check that the test itself works."""

    name: str
    badge: Badge
    text: str
    why: str


@dataclass(frozen=True, slots=True)
class Grid:
    """A table whose columns are only known when the attack has run."""

    title: str
    note: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def estimate_of(data: Any) -> Estimate | None:
    return Estimate.from_dict(data) if isinstance(data, dict) else None


def roc_rows(detail: dict[str, Any]) -> tuple[RocRow, ...]:
    rows = []
    for point in detail.get("tpr_at_fpr", []):
        estimate = estimate_of(point.get("estimate"))
        if point.get("resolvable") and estimate is not None:
            text = f"{f.percent(estimate.value, fixed=True)} ({f.interval(estimate)})"
        else:
            text = f"not resolvable: needs at least {f.count(point.get('needed_nonmembers'))} non-members"
        rows.append(RocRow(f.percent(point["fpr"]), text, bool(point.get("resolvable"))))
    return tuple(rows)


def controls(detail: dict[str, Any]) -> tuple[Control, ...]:
    named = (
        (
            "positive_control",
            "Positive control",
            "The same attack must succeed on a model built to leak; if not, a low score means nothing.",
        ),
        (
            "blind_baseline",
            "Blind baseline",
            "Members and non-members must not differ before any model is asked; if they do, the score is void.",
        ),
    )
    found = []
    for key, name, why in named:
        data = detail.get(key)
        if not isinstance(data, dict):
            continue
        estimate = estimate_of(data.get("auc"))
        shown = [] if estimate is None else [f"AUC {f.figure('auc', estimate)} ({f.bounds('auc', estimate)})"]
        how = "" if data.get("passed") is None else f.tidy(str(data.get("how") or ""), 300)
        text = "; ".join([*shown, *([how] if how else [])]) or "no figure recorded"
        found.append(Control(name, CONTROLS[data.get("passed")], text, why))
    return tuple(found)


def grids(detail: dict[str, Any]) -> tuple[Grid, ...]:
    found = []
    rows: tuple[tuple[str, ...], ...]
    if evaluators := detail.get("evaluators"):
        rows = tuple(
            (
                f.tidy(str(item.get("name", f.UNKNOWN)), 60),
                f.tidy(str(item.get("family", f.UNKNOWN)), 60),
                _rate(item.get("real_accuracy")),
                _rate(item.get("rate")),
                f"excluded: {f.tidy(str(item['excluded']), 200)}" if item.get("excluded") else "counted",
            )
            for item in evaluators
        )
        note = "Each judge was trained on records the audited model never saw, and never saw the audited model."
        columns = ("Evaluator", "Family", "Right on real records", "Names the reconstruction", "In the panel")
        found.append(Grid("Evaluator panel", note, columns, rows))
    if calibration := detail.get("calibration"):
        names = list(dict.fromkeys(name for row in calibration for name in row.get("rates", {})))
        rows = tuple(
            (f.tidy(str(row.get("row", f.UNKNOWN)), 80), *(_rate(row.get("rates", {}).get(name)) for name in names))
            for row in calibration
        )
        note = "What the same judges say of images whose answer is known; reconstructions are read against these rows."
        found.append(Grid("Calibration", note, ("Shown to the judges", *(f.tidy(name, 40) for name in names)), rows))
    return tuple(found)


def _rate(data: Any) -> str:
    estimate = estimate_of(data)
    return "not recorded" if estimate is None else f"{f.percent(estimate.value, fixed=True)} ({f.interval(estimate)})"
