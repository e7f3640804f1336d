"""What a result tells of reconstructions: the judges' figures, rows whose answer is known, and the finding.

`of` answers with the `detail` of an AttackResult, JSON throughout. An interval is an `Estimate` as a mapping, and every rate
is over classes, of which each counts once.

- `why_judges`: why other models judge at all, in one sentence.
- `evaluators`: each judge: `name`, `family`, `real_accuracy` with the `real_records` it was measured on, `rate` (names the
  reconstruction), `top_five` (None with five classes or fewer), `top_class` (what it named), `excluded` (why it is not heard,
  or empty), `contrast_blind` and `rate_stretched` (None for tables; see `contrast`).
- `panel`: of the judges that are heard the `lowest` and `highest` rate, the median `top_five` with its `top_five_chance`.
- `calibration`: rows with a known answer, `rates` by judge.
- `classes`: by class `label`, `target_confidence` (a diagnostic, no success), `distance_to_class_mean`, `named_by` (how many
  judges that are heard name it) and `contrast` (share of a real record's; None for tables).
- `chance`, `smallest_detectable` (what no hit at all leaves possible, one-sided 95 %), `fewest_hits` (that are surely more
  than chance; None where not even all are).
- `contrast` (None for tables): `usual` of real records, `median` share of it that reconstructions have, how many are `faint`,
  below which `limit` that is.
- `resemblance`: rows of PSNR, SSIM and feature distance to training records (empty for tables); see that module.
- `ssim_gain`: how much more like the training records of its class a drawing is than the mean of everybody (None for tables).
- `line_ups`: one entry per space; see that module.
- `findings`: whether the class is recoverable, with its figures and its limit.
- `evaluation_records`: how many there were.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from govtool.attacks.interface import FloatArray
from govtool.attacks.inversion import line_up, recoverable, resemblance
from govtool.attacks.inversion.contrast import FAINT, contrast
from govtool.attacks.inversion.panel import TOP, Case, Opinion
from govtool.attacks.inversion.question import Shape
from govtool.estimate import Estimate, clopper_pearson

FEWEST_JUDGES = 2

WHY_JUDGES = (
    "Other models judge, because the attacked model is sure of any picture made to please it, also of one that nobody "
    "else would recognise."
)


@dataclass(frozen=True)
class Hearing:
    """All that was said of one set of reconstructions."""

    case: Case
    opinions: Sequence[Opinion]
    photos: FloatArray
    """(classes, each, features) evaluation records for line-ups."""
    shape: Shape | None
    control: Mapping[str, Any] | None
    doubt: str = ""
    """Why a low rate shows nothing of this target; see `doubts`. A leak that was found stands all the same."""

    @property
    def heard(self) -> list[Opinion]:
        return [opinion for opinion in self.opinions if not opinion.excluded]

    @property
    def hits(self) -> list[int]:
        """Of the judges that are heard; of all, if none is, so that there is a figure to show beside why it is void."""
        return [opinion.hits for opinion in self.heard or self.opinions]

    @property
    def highest(self) -> Estimate:
        """What the judge says who names most, of the drawings as they are or with their contrast stretched."""
        rates = [rate for one in self.heard or self.opinions for rate in (one.rate, one.stretched) if rate is not None]
        return max(rates, key=lambda rate: rate.value)

    @property
    def void(self) -> str:
        """Why its figures must not be used; empty if they may."""
        if len(self.heard) < FEWEST_JUDGES:
            reasons = "; ".join(f"{o.judge.name} {o.excluded}" for o in self.opinions if o.excluded)
            return f"fewer than {FEWEST_JUDGES} judges can be heard: {reasons}"
        if self.control is not None and not self.control["passed"]:
            how = self.control["how"]
            return f"the attack did not succeed on a model made to leak ({how}), so its figures show nothing"
        return "" if recoverable.Heard(self.hits, len(self.case.labels)).leak else self.doubt


def of(hearing: Hearing, confidence: FloatArray, rng: np.random.Generator) -> dict[str, Any]:
    """The detail, see above. `confidence` is the target's own, (classes,)."""
    case, n = hearing.case, len(hearing.case.labels)
    judges = [opinion.judge for opinion in hearing.heard]
    hits = recoverable.Heard(hearing.hits, n)
    passed = None if hearing.control is None else bool(hearing.control["passed"])
    rows = resemblance.table(case.reconstructed, case.compared, hearing.shape, judges, rng) if hearing.shape else []
    return {
        "why_judges": WHY_JUDGES,
        "evaluators": [opinion.to_dict() for opinion in hearing.opinions],
        "panel": _panel(hearing.heard, n),
        "calibration": [
            {
                "row": row,
                "rates": {opinion.judge.name: opinion.calibration[row].to_dict() for opinion in hearing.opinions},
            }
            for row in case.calibration
        ],
        "classes": _classes(hearing, confidence),
        "chance": 1 / n,
        "smallest_detectable": clopper_pearson(0, n, recoverable.ONE_SIDED).high,  # about 3/n
        "fewest_hits": next((hits for hits in range(n + 1) if clopper_pearson(hits, n).low > 1 / n), None),
        "contrast": _contrast(case) if hearing.shape else None,
        "resemblance": [row.to_dict() for row in rows],
        "ssim_gain": (
            resemblance.ssim_gain(case.reconstructed, case.compared, hearing.shape, rng).to_dict()
            if hearing.shape
            else None
        ),
        "line_ups": [
            found.to_dict() for found in line_up.hold(case.reconstructed, case.labels, hearing.photos, judges, rng)
        ],
        "findings": [recoverable.find(hits, control=passed, void=hearing.void)],
    }


def caveats(hearing: Hearing, detail: Mapping[str, Any]) -> list[str]:
    """What a reader of the rate must know of how visible the pictures are. `detail` is that of `of`."""
    return [] if hearing.shape is None else [*_faint(hearing), *_unseen(hearing, detail["ssim_gain"])]


def _unseen(hearing: Hearing, gain: Mapping[str, Any]) -> list[str]:
    n = len(hearing.case.labels)
    if gain["low"] > 0 or recoverable.Heard(hearing.hits, n).median.low <= 1 / n:
        return []
    found = f"SSIM {gain['value']:+.3f}, {gain['low']:+.3f} to {gain['high']:+.3f}"
    said = (
        "Judges name reconstructions that are not surely more like the records of their class than the mean of everybody is "
        f"({found}): look at the pictures. What marks the class may be plain to a machine and hidden from the eye."
    )
    return [said]


def _faint(hearing: Hearing) -> list[str]:
    n, faint = len(hearing.case.labels), int((_shares(hearing.case) < FAINT).sum())
    blind = [opinion.judge.name for opinion in hearing.heard if opinion.blind and opinion.hits]
    if not faint:
        return []
    said = (
        f"{faint} of {n} reconstructions have less than {FAINT:.0%} of a real record's contrast and are all but grey to the "
        "eye; stretching their contrast costs nothing."
    )
    if blind:
        said += f" What the judge {' and '.join(blind)} names there may be no visible picture: it does not look at contrast."
    return [said]


def _panel(heard: Sequence[Opinion], n: int) -> dict[str, Any]:
    rates = [opinion.rate.value for opinion in heard]
    tops = [round(opinion.top.value * n) for opinion in heard if opinion.top]
    return {
        "lowest": min(rates, default=None),
        "highest": max(rates, default=None),
        "top_five": clopper_pearson(statistics.median_high(tops), n).to_dict() if tops else None,
        "top_five_chance": TOP / n if tops else None,
    }


def _classes(hearing: Hearing, confidence: FloatArray) -> list[dict[str, Any]]:
    case = hearing.case
    named_by = np.sum([opinion.named == case.labels for opinion in hearing.heard], axis=0, dtype=np.int64)
    named_by = np.broadcast_to(named_by, case.labels.shape)  # also where nobody is heard
    shares = _shares(case) if hearing.shape else [None] * len(case.labels)
    columns = zip(case.labels, confidence, case.distance, named_by, shares, strict=True)
    return [
        {
            "label": int(label),
            "target_confidence": float(sure),
            "distance_to_class_mean": float(distance),
            "named_by": int(named),
            "contrast": None if share is None else float(share),
        }
        for label, sure, distance, named, share in columns
    ]


def _contrast(case: Case) -> dict[str, Any]:
    shares = _shares(case)
    return {
        "usual": case.usual_contrast,
        "median": float(np.median(shares)),
        "faint": int((shares < FAINT).sum()),
        "limit": FAINT,
    }


def _shares(case: Case) -> FloatArray:
    """(classes,): each reconstruction's contrast as a share of a real record's."""
    return contrast(case.reconstructed) / max(case.usual_contrast, 1e-12)
