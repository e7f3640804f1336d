"""May membership figures be believed at all? Asked before anyone reads them.

If members and non-members can be told apart without the model, the attack may only be reading that difference (Das,
Zhang & Tramèr 2024, 'Blind baselines beat membership inference attacks'). If the attack cannot find a planted leak, its
silence means nothing.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from govtool.attacks import persons, statistics
from govtool.attacks.interface import AttackData, FloatArray, Labels, Mask, Records
from govtool.errors import InputError
from govtool.estimate import Estimate

CHANCE = 0.5
FEWEST = 10
CONTROL_AUC = 0.6
"""A deliberately overfit model must be attacked with an AUC surely above this."""
CONTROL_ACCURACY = CHANCE
"""And, where the attack sets a threshold, with a balanced accuracy surely above this: policies read that figure. No more is
asked, because the control is not trained by the references' recipe: references of an overfit recipe draw the line where a
control that has just learnt its records does not reach (measured on 400 + 400 digits)."""

MOST_DUPLICATES = 0.10
"""Share of non-members that are also members from which they no longer stand for people outside the training set."""

UNEVEN = 0.01
"""p-value below which the label mix of members and non-members is called different."""

_FOLDS = 2
TWO_LOOKS = 0.975
"""Confidence of each half, so that both together are at 95 %."""
_MOST_RECORDS = 10_000  # per group, for the blind classifier: more records cost minutes and settle nothing further


@dataclass(frozen=True)
class Validity:
    """What was checked about the two groups, without the model."""

    blind_auc: Estimate
    """How well a classifier on features and label alone tells members from non-members, on the half where it does better."""
    duplicates: int
    """Non-members whose features equal a member's, byte for byte."""
    nonmembers: int
    label_gap: float
    """Total variation distance between the two label distributions: 0 the same, 1 disjoint."""
    label_p_value: float

    @property
    def blind_passed(self) -> bool:
        return self.blind_auc.low <= CHANCE

    @property
    def void(self) -> str:
        """Why membership figures on these records must not be used; empty when they may."""
        if not self.blind_passed:
            return (
                f"members and non-members differ without the model: a classifier that never saw it tells them apart "
                f"(AUC {self.blind_auc.value:.3f}, {self.blind_auc.confidence_level:.1%} interval {self.blind_auc.low:.3f} to {self.blind_auc.high:.3f}), "
                f"so the attack's figures may only measure that difference"
            )
        if self.duplicates > MOST_DUPLICATES * self.nonmembers:
            return (
                f"{self.duplicates} of {self.nonmembers} non-members are also members, so the two groups are not apart"
            )
        return ""

    @property
    def caveats(self) -> list[str]:
        found = []
        if self.duplicates:
            found.append(
                f"{self.duplicates} of {self.nonmembers} non-members have the same features as a member; they hide leakage."
            )
        if self.label_p_value < UNEVEN:
            found.append(
                f"Members and non-members have different label mixes (total variation {self.label_gap:.2f}, "
                f"p = {self.label_p_value:.1g})."
            )
        return found


def check(data: AttackData, rng: np.random.Generator) -> Validity:
    """Run every check that needs no model. A minute for 10,000 records of each kind, so do it once per audit.

    Raises:
        InputError: fewer than ten members or non-members.
    """
    if min(len(data.members), len(data.nonmembers)) < FEWEST:
        raise InputError(
            f"{len(data.members)} members and {len(data.nonmembers)} non-members are too few to check their comparability",
            hint=f"give at least {FEWEST} of each; 1,000 of each to decide anything",
        )
    gap, p_value = label_balance(data.members.labels, data.nonmembers.labels)
    return Validity(
        blind_baseline(data, rng), duplicates(data.members, data.nonmembers), len(data.nonmembers), gap, p_value
    )


def positive_control(
    auc: Estimate, how: str, balanced_accuracy: Estimate | None = None, misfit: str = ""
) -> dict[str, Any]:
    """Judge an attack's figures on a model known to leak.

    Passed when its AUC surely lies above 0.6 and its balanced accuracy, at the threshold the attack set for itself, above
    chance. Where the attack says itself that its threshold does not fit (`misfit`), it was not deceived, and the same
    check watches over the target. An attack without a threshold is judged by its AUC. `how` says in words how the leak was
    planted. The answer is what `params["positive_control"]` takes.
    """
    blind = balanced_accuracy is not None and balanced_accuracy.low <= CONTROL_ACCURACY
    if blind and auc.low > CONTROL_AUC:
        how += "; the transferred threshold does not find it" + (", and the attack notices that" if misfit else "")
    return {
        "passed": auc.low > CONTROL_AUC and (not blind or bool(misfit)),
        "auc": auc.to_dict(),
        "balanced_accuracy": None if balanced_accuracy is None else balanced_accuracy.to_dict(),
        "how": how,
    }


def duplicates(members: Records, nonmembers: Records) -> int:
    """How many non-members equal a member in every feature (as float32, 0.0 and -0.0 being the same)."""

    def prints(records: Records) -> list[bytes]:
        return [np.asarray(row + np.float32(0), dtype="<f4").tobytes() for row in records.features]

    known = set(prints(members))
    return sum(fingerprint in known for fingerprint in prints(nonmembers))


def label_balance(members: Labels, nonmembers: Labels) -> tuple[float, float]:
    """Total variation distance between the label mixes, and the p-value of the chi-squared test that they are one."""
    from scipy.stats import chi2_contingency

    classes = np.unique(np.concatenate([members, nonmembers]))
    table = np.array([[np.sum(labels == c) for c in classes] for labels in (members, nonmembers)])
    shares = table / table.sum(axis=1, keepdims=True)
    gap = float(np.abs(shares[0] - shares[1]).sum() / 2)
    return gap, float(chi2_contingency(table).pvalue) if len(classes) > 1 else 1.0


def blind_baseline(data: AttackData, rng: np.random.Generator) -> Estimate:
    """AUC of telling members from non-members by features and label alone.

    Two unlike classifiers vote, ridge regression and extremely randomised trees, so both a drift of means and a change of
    shape are seen. Learned on one half, asked about the other, and the other way round: each answer then rests on records
    independent of the classifier, which makes its interval valid. (Pooled cross-validation does not: its folds share
    training records, and it called 5 of 20 honest splits of 120 and 120 records shifted.) The clearer half is returned,
    at the confidence that two looks call for. Records of one person stay in one half; else the classifier would know the
    person and not the shift.
    """
    rows = np.concatenate([_sample(len(group), offset, rng) for group, offset in _groups(data)])
    features = data.features.reshape(len(data.labels), -1)[rows].astype(np.float64)
    labels = data.labels[rows]
    inputs = np.hstack([_standardised(features), labels[:, None] == np.unique(labels)])
    membership = data.membership[rows]
    halves = [
        statistics.auc(_votes(inputs[train], membership[train], inputs[test], rng), membership[test], TWO_LOOKS)
        for train, test in _folds(membership, _people(data, rows), rng)
    ]
    return max(halves, key=lambda half: half.low)


def _groups(data: AttackData) -> tuple[tuple[Records, int], tuple[Records, int]]:
    return (data.members, 0), (data.nonmembers, len(data.members))


def _sample(size: int, offset: int, rng: np.random.Generator) -> Labels:
    rows = np.arange(size) if size <= _MOST_RECORDS else np.sort(rng.choice(size, _MOST_RECORDS, replace=False))
    return rows.astype(np.int64) + offset


def _people(data: AttackData, rows: Labels) -> Labels | None:
    if data.members.subjects is None or data.nonmembers.subjects is None:
        return None
    people = persons.numbered(data.members.subjects, data.nonmembers.subjects)[rows]
    return people if len(np.unique(people)) < len(people) else None


def _folds(membership: Mask, people: Labels | None, rng: np.random.Generator) -> Any:
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    seed = int(rng.integers(2**31))
    if people is None:
        return StratifiedKFold(_FOLDS, shuffle=True, random_state=seed).split(membership, membership)
    folds = min(_FOLDS, len(np.unique(people[membership])), len(np.unique(people[~membership])))
    if folds == 1:
        raise InputError(
            "members and non-members must each hold records of at least two people",
            hint="if the subject column does not say whose a record is, register the data without --subject",
        )
    return StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(membership, membership, people)


def _votes(inputs: FloatArray, membership: Mask, unseen: FloatArray, rng: np.random.Generator) -> FloatArray:
    from scipy.stats import rankdata
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.linear_model import Ridge

    ridge = Ridge(alpha=float(inputs.shape[1])).fit(inputs, membership.astype(float))
    trees = ExtraTreesClassifier(100, min_samples_leaf=5, random_state=int(rng.integers(2**31))).fit(inputs, membership)
    ranks: FloatArray = np.stack(
        [rankdata(vote) for vote in (ridge.predict(unseen), trees.predict_proba(unseen)[:, 1])]
    )
    return np.asarray(ranks.mean(axis=0) / len(unseen), dtype=np.float64)


def _standardised(features: FloatArray) -> FloatArray:
    spread = features.std(axis=0)
    return np.asarray((features - features.mean(axis=0)) / np.where(spread > 0, spread, 1.0), dtype=np.float64)
