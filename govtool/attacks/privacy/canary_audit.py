"""Does the model know which planted canaries it was trained on, better than its claimed epsilon allows?

One run, many canaries, a fair coin for each (Steinke, Nasr & Jagielski 2023, arXiv 2305.08846). The score is LiRA's
logit of the canary's own, wrong, label: an ordinary model finds such a label implausible, one that has seen it less so.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from govtool.access import Access, reachable
from govtool.attacks import signals, statistics
from govtool.attacks.interface import (
    AttackData,
    AttackResult,
    Canaries,
    Claim,
    FloatArray,
    NotApplicable,
    NotTestable,
    Outcome,
    Target,
)
from govtool.attacks.privacy import accounting, joint_beta, one_run, statement, two_sample
from govtool.attacks.privacy.one_run import OneRun
from govtool.errors import InputError, MissingExtraError
from govtool.estimate import Estimate

NAME = "canary_epsilon"
FAMILY = "differential_privacy"
FEWEST = 10
UNFAIR = 1e-6
"""p-value below which the number of included canaries is not what fair coins give."""

_DESIGNS = {
    "half_split": "exactly half of the canaries were included, so the coins depend on each other",
    "chosen": "which canaries to include was chosen by a person, not by coins",
}


def run(target: Target, data: AttackData, params: Mapping[str, Any], rng: np.random.Generator) -> Outcome:
    """Score every canary and bound epsilon from below, at the claim's own delta.

    Raises:
        WorkError: the target's answers are not log probabilities.
        InputError: `guesses` is not a pair of numbers that the canaries allow.
    """
    if (obstacle := _obstacle(target, data)) is not None:
        return obstacle
    canaries, claim = data.canaries, data.claim
    assert canaries is not None
    assert claim is not None
    control: Mapping[str, Any] | None = params.get("positive_control")
    scores = signals.phi(target.log_probabilities(canaries.records.features), canaries.records.labels)
    check(params)
    found = _bound(scores, canaries, claim, params.get("guesses"))
    rates = two_sample.multi_split(scores, canaries.included, claim.delta, rng)
    fixed = _by_halves(scores, canaries, claim, rng)
    accounted, remarks = _accounted(claim)
    outcome = statement.judge(claim.epsilon, found.epsilon, found.ceiling)
    said = statement.sentence(
        outcome, claim.epsilon, claim.delta, found.epsilon, found.ceiling, f"{len(scores)} canaries"
    )
    return AttackResult(
        attack=NAME,
        family=FAMILY,
        knowledge=(
            "The attacker knows every canary with its label but not which were trained on, queries the model, and sees the "
            "probability of each label."
        ),
        access=frozenset({Access.PROBABILITIES}),
        metrics={
            "epsilon_lower_bound": _estimate(found.epsilon, found.ceiling, len(scores), "one-run bound"),
            "epsilon_two_sample": _estimate(rates.epsilon, rates.ceiling, len(scores), "two-sample bound"),
            "canary_auc": statistics.auc(scores, canaries.included),
        },
        baselines={"epsilon_lower_bound": 0.0, "epsilon_two_sample": 0.0, "canary_auc": 0.5},
        counts=None,
        arrays={"scores": scores, "membership": canaries.included, "labels": canaries.records.labels},
        detail={
            "statement": said,
            "claim": {
                "epsilon": claim.epsilon,
                "delta": claim.delta,
                "outcome": outcome,
                "bound": found.epsilon,
                "ceiling": found.ceiling,
                "accounted": accounted.epsilon if accounted else None,
                "supported": accounted.supports(claim.epsilon) if accounted else None,
            },
            "one_run": found.to_dict(),
            "two_sample": rates.to_dict(),
            "joint_beta": fixed.to_dict(),
            "accounting": accounted.to_dict() if accounted else None,
            "positive_control": dict(control) if control else {"passed": None, "auc": None, "how": "not run"},
        },
        caveats=[*remarks, *_caveats(control)],
        void=_failed(control),
    )


def _obstacle(target: Target, data: AttackData) -> NotApplicable | NotTestable | None:
    if Access.PROBABILITIES not in reachable(target.access):
        exposed = ", ".join(sorted(target.access)) or "nothing"
        return NotApplicable(f"the audit reads probabilities and the deployment exposes only: {exposed}")
    if data.claim is None:
        return NotApplicable("nobody claims an epsilon for this model; write it in the spec: claim: {epsilon, delta}")
    if data.canaries is None:
        return NotTestable("no canaries were planted before training; make them with: govtool audit canaries make")
    return _unfair(data.canaries)


def _unfair(canaries: Canaries) -> NotTestable | None:
    """Why these coins carry no bound."""
    from scipy.stats import binomtest

    size, included = len(canaries.records), int(canaries.included.sum())
    if canaries.design != "fair_coin":
        return NotTestable(
            f"the bound rests on an independent fair coin for each canary: {_DESIGNS[canaries.design]}; "
            "have the coins drawn: govtool audit canaries make"
        )
    if size < FEWEST or not 2 <= included <= size - 2:  # noqa: PLR2004 - one to choose by and one to judge by
        return NotTestable(
            f"{included} of {size} canaries were included; at least {FEWEST} are needed, some in, some out"
        )
    if binomtest(included, size).pvalue < UNFAIR:
        return NotTestable(f"{included} of {size} canaries were included, which fair coins do not give")
    return None


def check(params: Mapping[str, Any]) -> None:
    """Raises InputError: "guesses" is not two whole numbers, of which one is above 0."""
    guesses = params.get("guesses")
    if guesses is None:
        return
    pair = isinstance(guesses, list) and len(guesses) == 2 and all(type(n) is int and n >= 0 for n in guesses)  # noqa: PLR2004
    if not pair or not any(guesses):
        raise InputError(
            "'guesses' is two whole numbers: how many canaries to call included, and how many left out",
            hint="guesses: [80, 80]",
        )


def fits(data: AttackData, params: Mapping[str, Any]) -> None:
    """Raises InputError: more guesses than there are canaries."""
    guesses = params.get("guesses")
    if guesses is not None and data.canaries is not None and sum(guesses) > len(data.canaries.records):
        raise InputError(f"'guesses' are {sum(guesses)} in all, of {len(data.canaries.records)} canaries")


def _bound(scores: FloatArray, canaries: Canaries, claim: Claim, guesses: Any) -> OneRun:
    fixed: Sequence[tuple[int, int]] | None = None
    if guesses is not None:
        fixed = [(guesses[0], guesses[1])]
    try:
        return one_run.audit(scores, canaries.included, claim.delta, guesses=fixed)
    except ValueError as error:
        raise InputError(str(error), hint="guesses: [80, 80]") from error


def _by_halves(scores: FloatArray, canaries: Canaries, claim: Claim, rng: np.random.Generator) -> Estimate:
    """The Bayesian cross-check at one threshold chosen on a random half."""
    counts = two_sample.split(scores, canaries.included, claim.delta, rng).counts
    assert counts is not None
    return joint_beta.interval(counts, claim.delta)


def _estimate(epsilon: float, ceiling: float, n: int, method: str) -> Estimate:
    return Estimate(epsilon, epsilon, ceiling, 0.95, n, f"{method}; the upper end is the ceiling of a perfect attacker")


def _accounted(claim: Claim) -> tuple[accounting.Accounted | None, list[str]]:
    """What the stated noise gives, and what must be said about it."""
    if claim.noise_multiplier is None or claim.sampling_rate is None or claim.steps is None:
        return None, ["The claim states no noise, sampling rate and steps, so its epsilon could not be recomputed."]
    mechanism = accounting.Mechanism(claim.noise_multiplier, claim.sampling_rate, claim.steps, claim.delta)
    try:
        found = accounting.recompute(mechanism)
    except MissingExtraError as error:
        return None, [f"The claimed epsilon was not recomputed: {error.message}."]
    return found, [accounting.comparison(claim.epsilon, found), accounting.POISSON, *found.disagreements]


def _caveats(control: Mapping[str, Any] | None) -> list[str]:
    found = [
        "Epsilon protects each person against the strongest attacker; this is one attacker, who sees answers and not the training.",
        "The bound is about this training run and a promise for adding or removing one record.",
        "That the model was trained on exactly the set with the included canaries is what the register says and is not checked.",
        two_sample.INDEPENDENCE,
    ]
    if control is None:
        found.append("No positive control was run: a low bound may mean a weak attack and not a private model.")
    return found


def _failed(control: Mapping[str, Any] | None) -> str:
    if control is None or control["passed"]:
        return ""
    return (
        "the audit could not contradict the claim on a model that had learnt its canaries by heart "
        f"({control['how']}), so its bound shows nothing"
    )
