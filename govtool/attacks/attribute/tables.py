"""What stands beside the excess: each guesser on each group, and the attack by value of the attribute."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from govtool.attacks.attribute import paired
from govtool.attacks.attribute.case import Case
from govtool.attacks.interface import AttackData, Labels, Mask
from govtool.estimate import clopper_pearson

ROWS = ("majority", "imputation", "attack", "imputation_with_target")
SMALLEST_CELL = 10
"""Members or non-members with a value, below which figures about them would be figures about persons."""

Gains = Callable[..., tuple[paired.Gain, paired.Gain]]


def rows(right: Mapping[str, Mask], data: AttackData, gains: Gains) -> list[dict[str, Any]]:
    """One row per guesser: shares of right answers with exact intervals, and its excess over the imputation."""
    inside = data.membership
    found = []
    for name in ROWS:
        hits = right[name]
        row: dict[str, Any] = {
            "guesser": name,
            "members": _share(hits[inside]),
            "nonmembers": _share(hits[~inside]),
        }
        if name in ("attack", "imputation_with_target"):
            gain_in, gain_out = gains(hits, right["imputation"], data)
            row["gain_members"] = gain_in.estimate().to_dict()
            row["gain_nonmembers"] = gain_out.estimate().to_dict()
            row["difference"] = paired.difference(gain_in, gain_out).to_dict()
            row["excess"] = paired.excess(gain_in, gain_out).to_dict()
        found.append(row)
    return found


def by_value(case: Case, guessed: Labels, imputed_right: Mask, data: AttackData, gains: Gains) -> list[dict[str, Any]]:
    """One row per value: recall (of those who have it, how many are found) and precision (of those named, how many have
    it) on both groups, and the excess among those who have it. Values that few have are listed without figures.
    """
    inside, found = data.membership, []
    for code, name in enumerate(case.encoding.names):
        has, named = case.truth == code, guessed == code
        row: dict[str, Any] = {
            "value": name,
            "members": int((has & inside).sum()),
            "nonmembers": int((has & ~inside).sum()),
        }
        if min(row["members"], row["nonmembers"]) >= SMALLEST_CELL:
            for group, chosen in (("members", inside), ("nonmembers", ~inside)):
                row[f"recall_{group}"] = _share(named[has & chosen])
                row[f"imputation_recall_{group}"] = _share(imputed_right[has & chosen])
                row[f"precision_{group}"] = _share(has[named & chosen])
            row["excess"] = paired.excess(*gains(guessed == case.truth, imputed_right, data, has)).to_dict()
        found.append(row)
    return found


def _share(hits: NDArray[np.bool_]) -> dict[str, Any] | None:
    """None where there is nobody to have a share of."""
    return clopper_pearson(int(hits.sum()), len(hits)).to_dict() if len(hits) else None
