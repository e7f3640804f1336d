"""How to read the figures: one plain, worked example for each kind of figure that the report shows, in its own numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

from govtool.audits.models import AttackRecord
from govtool.reports import attribute_view, inversion_view, property_view, swap_view
from govtool.reports import format as f
from govtool.reports.attack_tables import estimate_of
from govtool.reports.attack_words import attack_title

_HUNDRED = 100


@dataclass(frozen=True, slots=True)
class Reading:
    figure: str
    text: str


def readings(records: Sequence[AttackRecord]) -> tuple[Reading, ...]:
    """Examples from the first attack that shows each kind of figure; nothing about figures that are not there."""
    done = [record for record in records if record.status == "completed"]
    kinds = (
        _interval,
        _balanced_accuracy,
        _auc,
        _tpr,
        _roc,
        _identification,
        _swap,
        _nearest,
        _excess,
        _precision,
        _worlds,
        _positive_control,
        _blind_baseline,
    )
    found = [next((reading for record in done if (reading := kind(record)) is not None), None) for kind in kinds]
    return tuple(reading for reading in found if reading is not None)


def _interval(record: AttackRecord) -> Reading | None:
    for name in ("balanced_accuracy", "identification_rate", "world_accuracy", "accuracy_members"):
        if (estimate := estimate_of(record.metrics.get(name))) is not None:
            return Reading(
                "Interval and n",
                f"“{f.rate(estimate)}” reads: {f.percent(estimate.value, fixed=True)} was observed on {estimate.n:,} cases. Had the test "
                f"been repeated on other cases of the same kind, intervals drawn this way would contain the true rate at least "
                f"{f.percent(estimate.confidence_level)} of the time. Decisions in this report are made on the ends of the interval, not on its middle.",
            )
    return None


def _balanced_accuracy(record: AttackRecord) -> Reading | None:
    counts = record.counts
    if estimate_of(record.metrics.get("balanced_accuracy")) is None or not counts:
        return None
    hits = round(_HUNDRED * counts["true_positives"] / counts["members"])
    alarms = round(_HUNDRED * counts["false_positives"] / counts["nonmembers"])
    return Reading(
        "Balanced accuracy",
        f"Take 100 records that trained the model and 100 that did not. The attacker of “{attack_title(record.attack)}” "
        f"says “was in the training data” about {hits} of the first hundred, rightly, and about {alarms} of the second, wrongly: "
        f"{hits + _HUNDRED - alarms} right answers in 200. Tossing a coin gives 100 in 200, which is 50 %.",
    )


def _auc(record: AttackRecord) -> Reading | None:
    estimate = estimate_of(record.metrics.get("auc"))
    if estimate is None:
        return None
    return Reading(
        "Area under the ROC curve (AUC)",
        f"Draw one record from the training data and one from outside. With an AUC of {f.number(estimate.value)} the attacker's score is "
        f"higher for the first in about {round(_HUNDRED * estimate.value)} of 100 such draws; 50 of 100 is a coin. It is an average over all "
        "records: a good average can hide a few about which the attacker is certain, so read the curve's left edge as well.",
    )


def _tpr(record: AttackRecord) -> Reading | None:
    for point in record.detail.get("tpr_at_fpr", []):
        estimate = estimate_of(point.get("estimate"))
        if point.get("resolvable") and estimate is not None:
            return Reading(
                "Members found at few false alarms",
                f"An attacker who accepts that {f.percent(point['fpr'])} of the outsiders are falsely called members finds "
                f"{f.percent(estimate.value, fixed=True)} of the members; by luck it would be {f.percent(point['fpr'])}. It says nothing of how "
                "many of those called members are: where outsiders far outnumber members, most of them may be false alarms. "
                "Where it says “not resolvable”, the test had too few non-members to tell, and no figure is given.",
            )
    return None


def _roc(record: AttackRecord) -> Reading | None:
    if not record.detail.get("roc"):
        return None
    return Reading(
        "ROC curve",
        "Each point is one threshold: to the right, more outsiders are falsely accused; upward, more members are found. The dashed line is "
        "guessing. Both axes are logarithmic, because what endangers people is the lower left: members named while hardly anyone is falsely "
        "accused. In the shaded band less than one false alarm is expected in the whole test; the curve is noise there.",
    )


def _identification(record: AttackRecord) -> Reading | None:
    text = inversion_view.reading(record)
    return Reading("Identification rate", text) if text else None


def _swap(record: AttackRecord) -> Reading | None:
    text = swap_view.reading(record)
    return Reading("Likeness to the records trained on beyond likeness to others", text) if text else None


def _nearest(record: AttackRecord) -> Reading | None:
    text = swap_view.nearest_reading(record)
    return Reading("Nearest record is one trained on", text) if text else None


def _worlds(record: AttackRecord) -> Reading | None:
    estimate, asked = estimate_of(record.metrics.get("world_accuracy")), record.detail.get("property")
    if estimate is None or not isinstance(asked, dict):
        return None
    return Reading("Models whose world is named correctly", property_view.reading(estimate, asked["worlds"]))


def _excess(record: AttackRecord) -> Reading | None:
    text = attribute_view.excess_reading(record)
    return Reading("Excess over imputation", text) if text else None


def _precision(record: AttackRecord) -> Reading | None:
    text = attribute_view.precision_reading(record)
    return Reading("Found, and right when named", text) if text else None


def _positive_control(record: AttackRecord) -> Reading | None:
    control = record.detail.get("positive_control")
    if not isinstance(control, dict) or control.get("passed") is None:
        return None  # it was not run: the table says so, and there is nothing to read
    return Reading(
        "Positive control",
        "Before a low score is believed, the same attack is aimed at a model built to leak. If it fails there, the test is broken and its "
        "low score is worth nothing. Here it passed."
        if control["passed"]
        else "The same attack was aimed at a model built to leak, and failed there: the test is broken and a low score is worth nothing.",
    )


def _blind_baseline(record: AttackRecord) -> Reading | None:
    if "blind_baseline" not in record.detail:
        return None
    return Reading(
        "Blind baseline",
        "A guesser who never asks the model tries to tell members from non-members by their data alone. If that works, the two groups differ "
        "by themselves, and a high attack score would say nothing about the model; the figures are then void.",
    )
