"""The reconstruction of whole records as the report shows it: attribute by attribute, never a record."""

from collections.abc import Mapping
from typing import Any

from govtool.estimate import Estimate
from govtool.reports import format as f
from govtool.reports.view import Grid

_KINDS = {
    "without": "Attribute by attribute, from the label and what is known",
    "with_answer": "Attribute by attribute, from the model's answer about the person as well",
}


def grids(detail: Mapping[str, Any]) -> list[Grid]:
    found = detail.get("reconstructions")
    if not isinstance(found, dict):
        return []
    return [_columns(title, found[kind]) for kind, title in _KINDS.items() if found.get(kind)]


def _columns(title: str, rows: list[dict[str, Any]]) -> Grid:
    note = (
        "How many are right of people in the training data, of people outside, and by a guess without the model; then the share "
        "of members about whom the model decides between the values, and how often it is right there. 95 % intervals, each for itself."
    )
    columns = (
        "Attribute",
        "Right inside",
        "Right outside",
        "Without the model, inside",
        "Decided about",
        "Right there",
    )
    return Grid(
        title,
        note,
        columns,
        tuple(
            (
                f.tidy(row["name"], 60),
                _share(row["members"]["right"]),
                _share(row["nonmembers"]["right"]),
                _share(row["members"]["imputation"]),
                _share(row["members"]["decided"]),
                "too few to say" if row["members"]["precision"] is None else _share(row["members"]["precision"]),
            )
            for row in rows
        ),
    )


def _share(data: dict[str, Any]) -> str:
    found = Estimate.from_dict(data)
    return f"{f.percent(found.value, fixed=True)} ({f.interval(found)})"
