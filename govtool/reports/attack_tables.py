"""The tables of one attack: points of its curve, its controls, and those of its kind. What was not recorded is said, not left blank."""

from dataclasses import dataclass
from typing import Any

from govtool.estimate import Estimate
from govtool.reports import (
    attribute_view,
    defences_view,
    ensemble_view,
    gradient_view,
    inversion_view,
    record_view,
    swap_view,
)
from govtool.reports import format as f
from govtool.reports.attack_words import attack_title
from govtool.reports.view import Badge, Grid

_MOST_GROUPS = 12

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
        if "advantage" not in data and (rate := estimate_of(data.get("rate"))) is not None:
            shown.append(f"names {f.rate(rate)}")
        how = "" if data.get("passed") is None else f.tidy(str(data.get("how") or ""), 300)
        text = "; ".join([*shown, *([how] if how else [])]) or "no figure recorded"
        found.append(Control(name, CONTROLS[data.get("passed")], text, why))
    return tuple(found)


def grids(detail: dict[str, Any]) -> tuple[Grid, ...]:
    return (
        *inversion_view.grids(detail),
        *ensemble_view.grids(detail),
        *gradient_view.grids(detail),
        *_parts(detail.get("parts")),
        *_worth(detail.get("ppv")),
        *_risk(detail.get("risk")),
        *attribute_view.grids(detail),
        *swap_view.grids(detail),
        *record_view.grids(detail),
        *defences_view.grids(detail),
    )


def _parts(parts: Any) -> list[Grid]:
    """The attacks that a combined one is made of, on the same records."""
    if not isinstance(parts, list) or not parts:
        return []
    points = [_dict(part, "tpr_at_fpr") for part in parts]
    rows = tuple(
        (
            attack_title(str(part.get("name"))),
            _area(part.get("auc")),
            _rate(point.get("estimate")) if point.get("resolvable") else "not resolvable",
        )
        for part, point in zip(parts, points, strict=True)
    )
    rate = f.percent(points[0].get("fpr", 0.01))
    note = "Each on the same records as the combination, for comparison; they are not counted as tests of their own."
    return [Grid("What it is made of", note, ("Score", "AUC", f"Members found at {rate} false alarms"), rows)]


def _worth(ppv: Any) -> list[Grid]:
    if not isinstance(ppv, list) or not ppv:
        return []
    rows = tuple((f.percent(row["prior"]), _rate(row.get("estimate"))) for row in ppv)
    note = f"Of those the attack names at {f.percent(ppv[0]['fpr'])} false alarms, the share that are members."
    columns = ("Members among those asked about", "Of the named, members")
    return [Grid("What an accusation is worth", note, columns, rows)]


def _area(data: Any) -> str:
    estimate = estimate_of(data)
    return "not recorded" if estimate is None else f"{f.figure('auc', estimate)} ({f.bounds('auc', estimate)})"


def _dict(holder: Any, key: str) -> dict[str, Any]:
    found = holder.get(key) if isinstance(holder, dict) else None
    return found if isinstance(found, dict) else {}


def _risk(risk: Any) -> list[Grid]:
    """How unevenly the members are exposed: counts and groups, never a record."""
    if not isinstance(risk, dict):
        return []
    unit = "People in the training data" if risk.get("unit") == "person" else "Training records"
    grids = []
    if recognised := risk.get("recognised"):
        rows = tuple((f.percent(row["fpr"]), _rate(row.get("estimate"))) for row in recognised)
        note = f"Averages hide the few who stand out. With {risk['nonmembers']:,} non-members, rates below {f.percent(risk['finest_rate'])} cannot be told."
        columns = ("Of non-members called members by mistake, at most", f"{unit} recognised")
        grids.append(Grid(f"{unit} that stand out", note, columns, rows))
    if named := risk.get("named"):
        rows = tuple((f.percent(row["prior"]), f"{row['members']:,} of {risk['members']:,}") for row in named)
        note = (
            f"How many could be named so that {f.percent(risk['precision'])} of the names are right. It depends on whom else the "
            "attacker asks about: in a test half are members, in a population few are."
        )
        grids.append(Grid("Who could be named", note, ("Members among those asked about", f"{unit} named"), rows))
    groups = risk.get("groups")
    if isinstance(groups, dict) and groups.get("rows"):
        rows = tuple(
            (f.tidy(str(row["group"]), 40), _rate(row.get("estimate"))) for row in groups["rows"][:_MOST_GROUPS]
        )
        hidden = len(groups["rows"]) - len(rows)
        note = (
            f"The most exposed first, at {f.percent(groups['fpr'])} false alarms; intervals are widened for the number of groups."
            f"{_unshown(groups, hidden)}"
        )
        grids.append(Grid("By class", note, ("Class", f"{unit} recognised"), rows))
    return grids


def _unshown(groups: dict[str, Any], hidden: int) -> str:
    small = f" {groups['left_out']} with fewer than {groups['smallest']} members are left out."
    return (small if groups["left_out"] else "") + (f" {hidden} more exist." if hidden else "")


def _rate(data: Any) -> str:
    estimate = estimate_of(data)
    return "not recorded" if estimate is None else f"{f.percent(estimate.value, fixed=True)} ({f.interval(estimate)})"
