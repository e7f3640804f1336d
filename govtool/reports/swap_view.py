"""The split-swap test on paper: drawings beside what they must be read against, and the weaker evidence of one model."""

from collections.abc import Mapping
from typing import Any

from govtool.audits.models import AttackRecord
from govtool.estimate import Estimate
from govtool.reports import format as f
from govtool.reports.view import Fact, Grid

HEADLINE, NEAREST = "swap_advantage", "nearest_is_training"
_HUNDRED = 100


def grids(detail: Mapping[str, Any]) -> list[Grid]:
    return [*_beside(detail), *_single(detail.get("single_model"))]


def facts(detail: Mapping[str, Any], source: str) -> list[Fact]:
    """Which models were compared."""
    return (
        [Fact("Models compared", f.sentence(str(detail["twins"]), 300), detail["twins"], source)]
        if detail.get("twins")
        else []
    )


def reading(record: AttackRecord) -> str | None:
    """How to read the advantage; None where there is none."""
    if HEADLINE not in record.metrics:
        return None
    found = Estimate.from_dict(record.metrics[HEADLINE])
    return (
        f"Two models learn the same {found.n:,} classes from different records. A drawing from either is compared with the "
        "records of both. Were it a picture of the class alone, it would be as much like the one as like the other. Here it is more like "
        f"those its own model was trained on, by {f.percent(found.value, fixed=True)} of full likeness; a perfect copy of a record "
        "would show far more, and the exact mean of the class's records shows what stands beside it in the table."
    )


def nearest_reading(record: AttackRecord) -> str | None:
    """How to read how often the nearest record is one trained on; None where that was not asked."""
    if NEAREST not in record.metrics:
        return None
    found = Estimate.from_dict(record.metrics[NEAREST])
    return (
        "Lay a drawing beside the records that its model was trained on and beside as many others of the same class, and take the one "
        f"most like it. A drawing of the class alone would pick one trained on in 50 of 100 cases. Here it is about "
        f"{round(_HUNDRED * found.value)} of 100 ({f.interval(found)}). The interval is that of {found.n:,} independent cases, because "
        "several drawings of one class tell less than as many of different ones."
    )


def _beside(detail: Mapping[str, Any]) -> list[Grid]:
    given = detail.get("beside")
    if not isinstance(given, list) or not given:
        return []
    rows = tuple(
        (
            f.tidy(str(row["row"]), 80).capitalize(),
            *(f"{row[key]:.3f}" for key in ("training", "other", "advantage")),
        )
        for row in given
    )
    note = (
        f"Likeness: {f.tidy(str(detail.get('likeness', f.UNKNOWN)), 300)}. Means over classes and {detail.get('splits')} "
        "splits. The mean of few records holds much of each, so it has an advantage too."
    )
    columns = ("Compared", "Like records trained on", "Like others of the class", "Advantage")
    return [Grid("The class or the record", note, columns, rows, "first-wide")]


def _single(proxy: Any) -> list[Grid]:
    if not isinstance(proxy, dict):
        return []
    rows = tuple((name.capitalize(), _ratio(Estimate.from_dict(data))) for name, data in proxy["ratios"].items())
    note = (
        "Distance to the nearest training record over that to the nearest held-out one, equally many of each; below 1 is nearer "
        f"to training records. {f.tidy(str(proxy['note'])).capitalize()}; read it against the class mean."
    )
    return [Grid("The audited model itself", note, ("Compared", "Ratio"), rows)]


def _ratio(found: Estimate) -> str:
    return f"{found.value:.3f} ({found.low:.3f}–{found.high:.3f})"
