"""What defences would buy, as a reader meets it: what might be deployed, never what is."""

from collections.abc import Mapping
from typing import Any

from govtool.estimate import Estimate
from govtool.reports import format as f
from govtool.reports.view import Grid

FAMILY = "defences"
FINDING = (
    "Defences were tried on this model by attackers who know of them. The table says what each would buy; what the "
    "deployments show today is judged by the other tests."
)
NAMES = {
    "none": "None",
    "rounding": "Probabilities rounded",
    "top_k": "Only the best scores shown",
    "labels": "Only the class shown",
    "noise": "Noise on every probability",
    "temperature": "Flatter confidences (temperature)",
    "dp_sgd": "Trained with differential privacy (DP-SGD)",
    "weight_decay": "Trained with a penalty on weights",
    "distillation": "A student that never saw the training data",
}


def grids(detail: Mapping[str, Any]) -> list[Grid]:
    found = detail.get("defences")
    if not isinstance(found, list) or not found:
        return []
    rows = tuple(_row(one) for one in found)
    note = (
        "Each line is one model behind one defence, attacked in every way that the defence leaves. Membership: 50 % is "
        "guessing; the figure is the strongest attack's, its interval widened for choosing it. What it buys is compared, "
        "record by record, with the line above it that says None."
    )
    columns = ("Defence", "Setting", "Right answers", "Members told from others", "Classes recognised", "What it buys")
    return [Grid("What defences would buy", note, columns, rows)]


def _row(one: Mapping[str, Any]) -> tuple[str, ...]:
    drawn, bought = one.get("inversion"), one.get("bought")
    area = Estimate.from_dict(one["membership"]["auc"])
    return (
        NAMES.get(one["defence"], f.tidy(str(one["defence"]), 60)),
        f.tidy(str(one["setting"]), 80),
        _share(one["accuracy"]),
        f"AUC {f.figure('auc', area)} ({f.bounds('auc', area)}); {f.tidy(str(one['membership']['strongest']), 80)}",
        "not asked" if drawn is None else f.tidy(drawn, 120) if isinstance(drawn, str) else _share(drawn["rate"]),
        "compared with this" if bought is None else f.tidy(str(bought["said"]), 160),
    )


def _share(found: Mapping[str, Any]) -> str:
    estimate = Estimate.from_dict(dict(found))
    return f"{f.percent(estimate.value, fixed=True)} ({f.interval(estimate)})"
