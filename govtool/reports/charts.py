"""Where things lie on a chart. Templates draw these numbers and compute none; each chart stands beside its table."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from govtool.estimate import Estimate
from govtool.reports.format import NB, percent

_ROC_SIZE = 228.0
_ROC_LEFT, _ROC_TOP = 46.0, 8.0
_ROC_WIDTH, _ROC_HEIGHT = 286.0, 270.0
_MOST_DECADES = 5
_LABEL_WIDTH, _PLOT_WIDTH, _ROW_HEIGHT = 190.0, 300.0, 22.0


@dataclass(frozen=True, slots=True)
class Tick:
    at: float
    label: str
    text_y: float = 0.0
    """Baseline of the label on a vertical axis."""


@dataclass(frozen=True, slots=True)
class RocChart:
    """A ROC curve on log-log axes, in SVG units. The log axes show the corner where an attack is sure of itself."""

    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    line: str
    unresolved: float
    """Width of the band, from the left edge, in which less than one false alarm is expected: the curve is noise there."""
    plot_height: float
    middle_x: float
    middle_y: float
    x_label_y: float
    x_title_y: float
    y_label_x: float
    y_title_x: float
    alt: str


def roc_chart(fpr: Sequence[float], tpr: Sequence[float], nonmembers: int | None, alt: str) -> RocChart | None:
    """The curve through (fpr, tpr), both ascending from 0 to 1; None when there are no points to draw.

    What lies below the smallest decade is drawn on the edge. The axes reach down to one non-member in all, at most
    five decades.
    """
    if len(fpr) < 2 or len(fpr) != len(tpr):  # noqa: PLR2004 - a line has two ends
        return None
    smallest = 1 / nonmembers if nonmembers else min([x for x in fpr if x > 0], default=0.1)
    decades = min(_MOST_DECADES, max(1, math.ceil(round(-math.log10(smallest), 9))))
    right, bottom = _ROC_LEFT + _ROC_SIZE, _ROC_TOP + _ROC_SIZE

    def place(value: float) -> float:
        return _ROC_SIZE * (1 + math.log10(max(value, 10.0**-decades)) / decades)

    points = [(_ROC_LEFT + place(x), bottom - place(y)) for x, y in zip(fpr, tpr, strict=True)]
    ticks = [10.0**-exponent for exponent in range(decades, -1, -1)]
    return RocChart(
        width=_ROC_WIDTH,
        height=_ROC_HEIGHT,
        left=_ROC_LEFT,
        right=right,
        top=_ROC_TOP,
        bottom=bottom,
        x_ticks=tuple(Tick(round(_ROC_LEFT + place(tick), 2), percent(tick)) for tick in ticks),
        y_ticks=tuple(
            Tick(round(bottom - place(tick), 2), percent(tick), round(bottom - place(tick) + 3, 2)) for tick in ticks
        ),
        line=_polyline(points),
        unresolved=round(place(1 / nonmembers), 2) if nonmembers else 0.0,
        plot_height=_ROC_SIZE,
        middle_x=_ROC_LEFT + _ROC_SIZE / 2,
        middle_y=_ROC_TOP + _ROC_SIZE / 2,
        x_label_y=bottom + 13,
        x_title_y=bottom + 28,
        y_label_x=_ROC_LEFT - 5,
        y_title_x=9,
        alt=alt,
    )


def _polyline(points: Sequence[tuple[float, float]]) -> str:
    """SVG points, without neighbours that would print on the same spot."""
    kept: list[str] = []
    for x, y in points:
        text = f"{x:.1f},{y:.1f}"
        if not kept or kept[-1] != text:
            kept.append(text)
    return " ".join(kept)


@dataclass(frozen=True, slots=True)
class Whisker:
    """One measured figure: its interval as a line, its value as a dot, its limit and baseline as marks."""

    label: str
    y: float
    low: float
    value: float
    high: float
    limit: float | None
    baseline: float | None
    text_y: float
    cap_top: float
    cap_bottom: float
    mark_top: float
    mark_bottom: float


@dataclass(frozen=True, slots=True)
class WhiskerChart:
    width: float
    height: float
    left: float
    right: float
    bottom: float
    label_x: float
    tick_y: float
    ticks: tuple[Tick, ...]
    rows: tuple[Whisker, ...]
    alt: str
    has_limit: bool
    has_baseline: bool


@dataclass(frozen=True, slots=True)
class Measured:
    """What goes on one row of a whisker chart."""

    label: str
    estimate: Estimate
    limit: float | None = None
    baseline: float | None = None


def whisker_chart(measured: Sequence[Measured], alt: str) -> WhiskerChart | None:
    """Rows on one axis from 0 to 100 %; figures that are not shares are left to the table. None when no row is left."""
    shares = [row for row in measured if 0 <= row.estimate.low <= row.estimate.high <= 1]
    if not shares:
        return None

    def place(value: float) -> float:
        return round(_LABEL_WIDTH + _PLOT_WIDTH * min(1.0, max(0.0, value)), 2)

    bottom = 6 + _ROW_HEIGHT * len(shares)
    rows = tuple(_whisker(row, 6 + _ROW_HEIGHT * (index + 0.5), place) for index, row in enumerate(shares))
    return WhiskerChart(
        width=_LABEL_WIDTH + _PLOT_WIDTH + 16,
        height=bottom + 20,
        left=_LABEL_WIDTH,
        right=_LABEL_WIDTH + _PLOT_WIDTH,
        bottom=bottom,
        label_x=_LABEL_WIDTH - 8,
        tick_y=bottom + 13,
        ticks=tuple(Tick(place(quarter / 4), f"{25 * quarter}{NB}%") for quarter in range(5)),
        rows=rows,
        alt=alt,
        has_limit=any(row.limit is not None for row in rows),
        has_baseline=any(row.baseline is not None for row in rows),
    )


def _whisker(row: Measured, y: float, place: Callable[[float], float]) -> Whisker:
    return Whisker(
        label=_fit(row.label),
        y=y,
        low=place(row.estimate.low),
        value=place(row.estimate.value),
        high=place(row.estimate.high),
        limit=None if row.limit is None else place(row.limit),
        baseline=None if row.baseline is None else place(row.baseline),
        text_y=y + 3,
        cap_top=y - 3.5,
        cap_bottom=y + 3.5,
        mark_top=y - 8,
        mark_bottom=y + 8,
    )


def _fit(label: str, characters: int = 38) -> str:
    return label if len(label) <= characters else label[: characters - 1] + "…"
