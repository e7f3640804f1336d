"""The whole trial: three models, the records to forget and others, every attack that can be run, one finding."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from govtool.attacks import validity
from govtool.attacks.interface import Attack, AttackData, AttackResult, FloatArray, NotTestable, Outcome, Target
from govtool.attacks.unlearning import comparison
from govtool.attacks.unlearning.comparison import Comparison, Finding, Scores
from govtool.attacks.unlearning.paired import accuracy_difference
from govtool.estimate import Estimate, clopper_pearson

NAME = FAMILY = "unlearning"
KNOWLEDGE = "An auditor who may ask all three models, knows the records to be forgotten and has records that no model was trained on."
ALWAYS = (
    "One retrained model was the yardstick; training it again would give somewhat other figures.",
    "An attacker who kept the model from before can compare it with the one after; that was not tried.",
)


@dataclass(frozen=True)
class Models:
    before: Target
    after: Target
    retrained: Target


def run(
    models: Models,
    forget: AttackData,
    retained: AttackData | None,
    attacks: Mapping[str, tuple[Attack, Mapping[str, Any]]],
    *,
    margin: float,
    rng: np.random.Generator,
) -> Outcome:
    """Attack all three models on the same records and compare.

    Args:
        models: the three targets.
        forget: members are the records to forget, non-members records that none of the models was trained on; with
            references, where an attack needs them.
        retained: the same with records that were to be kept, or None.
        attacks: membership attacks by name, with their parameters.
        margin: difference of areas under the ROC curve that counts as none.
        rng: each attack draws the same numbers for each model.

    Raises:
        InputError: fewer than ten records of a kind.
    """
    checked = validity.check(forget, copy.deepcopy(rng))
    confidence = 1 - 0.05 / max(len(attacks), 1)
    found: dict[str, Comparison] = {}
    arrays: dict[str, Any] = {"membership": forget.membership}
    reasons: dict[str, str] = {}
    for name, (attack, params) in attacks.items():
        given = {**params, "validity": checked}
        scores = _scores(models, forget, attack, given, rng)
        kept = None if retained is None else _scores(models, retained, attack, given, rng)
        if isinstance(scores, str) or isinstance(kept, str):
            reasons[name] = scores if isinstance(scores, str) else str(kept)
            continue
        found[name] = comparison.compare(
            scores,
            forget.membership,
            kept,
            None if retained is None else retained.membership,
            margin=margin,
            confidence=confidence,
            comparable=checked.blind_passed,
        )
        arrays |= {f"{name}_{model}": getattr(scores, model) for model in ("before", "after", "retrained")}
    if not found:
        return NotTestable(
            "; ".join(f"{name}: {reason}" for name, reason in reasons.items()) or "no attack was asked for"
        )
    return _result(models, forget, found, reasons, arrays, margin, checked)


def _scores(
    models: Models, data: AttackData, attack: Attack, params: Mapping[str, Any], rng: np.random.Generator
) -> Scores | str:
    """One attack on each model; why not, when it could not be run on one of them."""
    rows: list[FloatArray] = []
    for target in (models.before, models.after, models.retrained):
        outcome = attack.run(target, data, params, copy.deepcopy(rng))
        if not isinstance(outcome, AttackResult):
            return outcome.reason
        rows.append(np.asarray(outcome.arrays["scores"], dtype=np.float64))
    return Scores(*rows)


def _result(
    models: Models,
    forget: AttackData,
    found: Mapping[str, Comparison],
    reasons: Mapping[str, str],
    arrays: Mapping[str, Any],
    margin: float,
    checked: validity.Validity,
) -> AttackResult:
    finding = comparison.verdict([one.finding for one in found.values()])
    metrics: dict[str, Estimate] = {}
    baselines: dict[str, float] = {}
    for name, one in found.items():
        metrics |= _metrics(name, one)
        baselines |= {key: 0.5 if "_auc_" in key or key.endswith("deviation") else 0.0 for key in _metrics(name, one)}
    useful = _utility(models, forget)
    metrics |= useful
    baselines["utility_difference"] = 0.0
    seeing = any(one.seen.low > margin for one in found.values())
    return AttackResult(
        attack=NAME,
        family=FAMILY,
        knowledge=KNOWLEDGE,
        access=frozenset().union(*(frozenset(target.access) for target in (models.after,))),
        metrics=metrics,
        baselines=baselines,
        counts=None,
        arrays=arrays,
        detail={
            "finding": str(finding),
            "margin": margin,
            "attacks": {name: {"finding": str(one.finding), "needed": one.needed} for name, one in found.items()},
            "not_run": dict(reasons),
            "blind_baseline": {"auc": checked.blind_auc.to_dict(), "passed": checked.blind_passed},
            "positive_control": {
                "passed": seeing,
                "how": "the attack sees the forget set in the model from before, by more than the margin",
            },
        },
        caveats=[*_caveats(found, reasons, checked, useful["utility_difference"], margin), *ALWAYS],
    )


def _metrics(name: str, one: Comparison) -> dict[str, Estimate]:
    figures = {
        f"{name}_difference": one.difference,
        f"{name}_seen_before": one.seen,
        f"{name}_change": one.change,
        **{f"{name}_auc_{model}": estimate for model, estimate in one.auc.items()},
        f"{name}_deviation": one.deviation,
        f"{name}_retained_difference": one.retained,
    }
    return {key: estimate for key, estimate in figures.items() if estimate is not None}


def _utility(models: Models, forget: AttackData) -> dict[str, Estimate]:
    """Accuracy on the records that no model was trained on, and what unlearning cost against retraining."""
    others = forget.nonmembers
    right = {
        name: getattr(models, name).labels(others.features) == others.labels
        for name in ("before", "after", "retrained")
    }
    return {
        **{f"accuracy_{name}": clopper_pearson(int(hits.sum()), len(hits)) for name, hits in right.items()},
        "utility_difference": accuracy_difference(right["after"], right["retrained"]),
    }


def _caveats(
    found: Mapping[str, Comparison],
    reasons: Mapping[str, str],
    checked: validity.Validity,
    useful: Estimate,
    margin: float,
) -> list[str]:
    said = [f"{name} was not run: {reason}." for name, reason in reasons.items()]
    for name, one in found.items():
        if one.finding is Finding.BLIND:
            said.append(f"{name} does not see the forget set even in the model from before, so it shows nothing.")
        if one.change.low > 0:
            said.append(f"{name} sees the forget set better after unlearning than before it.")
        if one.retained is not None and one.retained.low > 0:
            said.append(f"{name} sees the retained records better than after retraining: unlearning laid others open.")
        if one.retained is not None and one.retained.high < -margin:
            said.append(f"{name} sees the retained records less than after retraining: more was lost than was to be.")
    if margin > comparison.MARGIN:
        said.append(
            f"The margin of {margin:g} is wider than the usual {comparison.MARGIN:g}: what is called forgotten may still be recognised."
        )
    if not checked.blind_passed:
        said.append(
            "The forget set and the non-members differ without any model, so only differences between models are judged."
        )
    if useful.high < 0:
        said.append(f"The model after unlearning is right less often than a retrained one, by {-useful.value:.1%}.")
    return said


def with_columns(data: AttackData, pool: AttackData, columns: np.ndarray[Any, np.dtype[np.int64]]) -> AttackData:
    """`data` with the pool's references, of which `columns` are its records in order."""
    references = pool.references
    if references is None:
        return data
    return replace(
        data,
        population=pool.population,
        references=replace(
            references,
            readings={name: values[:, columns] for name, values in references.readings.items()},
            members=references.members[:, columns],
        ),
    )
