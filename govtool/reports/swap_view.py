"""The split-swap test on paper: drawings beside what they must be read against, and the weaker evidence of one model."""

from collections.abc import Mapping
from typing import Any

from govtool.audits.models import AttackRecord
from govtool.estimate import Estimate
from govtool.reports import format as f
from govtool.reports.view import Grid

HEADLINE = "swap_advantage"


def grids(detail: Mapping[str, Any]) -> list[Grid]:
    return [*_beside(detail), *_single(detail.get("single_model"))]


def finding(record: AttackRecord) -> tuple[str, bool] | None:
    """The answer by the test's own limits; an advantage just above nothing is no leak, as every class mean has one."""
    answers = [one for one in record.detail.get("findings", ()) if one.get("question") == "record_memorised"]
    if not answers:
        return None
    verdict, reason = str(answers[0]["verdict"]), f.tidy(str(answers[0]["reason"]))
    head = {
        "FAIL": "What is drawn from models of this recipe shows records they were trained on, beyond their class.",
        "PASS": "No record was shown beyond its class, by a test that finds one where it was planted. Nothing is said about "
        "other attacks or other access.",
    }.get(verdict, "Whether records are shown beyond their class was not decided.")
    return f"{head} {reason}", verdict == "FAIL"


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
    return [Grid("The class or the record", note, columns, rows)]


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
