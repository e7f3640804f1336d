"""The table of an ensemble: what its models show together, and what each shows alone."""

from typing import Any

from govtool.estimate import Estimate
from govtool.reports import format as f
from govtool.reports import inversion_view
from govtool.reports.view import Grid

_DASH = "\N{EN DASH}"


def grids(detail: dict[str, Any]) -> list[Grid]:
    """None where the attack was on one model."""
    found = detail.get("ensemble")
    if not isinstance(found, dict):
        return []
    rows = [("All together", f.rate(Estimate.from_dict(found["together"])), _DASH, _DASH)]
    rows += [
        (
            f.tidy(str(one["model"]), 80) + (", the leakiest" if one["model"] == found.get("leakiest") else ""),
            f.rate(Estimate.from_dict(one["rate"])),
            f.count(one["only_together"]),
            f.count(one["only_alone"]),
        )
        for one in found["members"]
    ]
    columns = ("Models", "Classes recovered", "Recovered only together", "Recovered only from it alone")
    note = (
        f"{f.tidy(str(found['reading']), 500)}{_gain(found)} A class counts as recovered where at least half of the judges heard name it; "
        "each model alone was searched from the same starts with as many steps."
    )
    return [Grid("Several models of the same people", note, columns, tuple(rows), "second-wide")]


def _gain(found: dict[str, Any]) -> str:
    """With the level of its interval and the test beside it; older records hold none."""
    if "gain" not in found:
        return ""
    level, p = f.percent(found["gain"]["confidence_level"]), inversion_view.p_value(found["p_value"])
    return f" The interval has {level} confidence, whichever model is the leakiest; McNemar's exact p is {p}."
