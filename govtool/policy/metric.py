"""Is a measured figure below its limit? Over all attacks of the family at once, so that trying more never makes passing easier.

With k completed results, runs of the same attack included, each interval is taken at confidence 1 - (1 - c) / k
(Bonferroni), two-sided, and recomputed from the counts wherever those were recorded. Rates come with exact binomial intervals; see `govtool.estimate`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from govtool.estimate import Estimate, clopper_pearson, records_to_settle
from govtool.policy import result, words
from govtool.policy.document import MetricCheck, Rule
from govtool.policy.facts import AttackFact, Facts
from govtool.policy.freshness import because, blind_spot, outdated, unfinished, unused
from govtool.policy.result import RuleResult
from govtool.policy.standing import NEVER_TRIED, foreign, group_sizes, standing, unfit_to_pass
from govtool.policy.words import METRICS, Metric
from govtool.verdict import Verdict, combine

_SAME = 1e-6
"""Two roads to the same figure may differ by rounding, not by more."""


_UNUSABLE = {
    "void": (Verdict.INCONCLUSIVE, "The test of {question} with {attack} does not count: {reason}."),
    "failed": (Verdict.ERROR, "The attack {attack} broke off before it gave a result: {reason}."),
    "not_testable": (Verdict.NOT_RUN, "The attack {attack} could not be carried out: {reason}."),
}
"""Statuses of an attack that was tried and gave no figure, and how to say it."""


@dataclass(frozen=True)
class Judged:
    """What one attack's record says against the limit."""

    attack: AttackFact
    verdict: Verdict
    sentence: str
    estimate: Estimate | None = None
    records_needed: int | None = None


def check_metric(facts: Facts, check: MetricCheck, rule: Rule, now: datetime) -> RuleResult:
    """FAIL if any lower bound reaches the limit, PASS if every upper bound stays below it, otherwise not decided."""
    metric = METRICS[check.metric]
    limit = (check.op, check.value)
    every = standing(facts, metric.family, check.max_age, now)
    counting = [attack for attack in every if metric.measured_by(attack.attack)]
    attempted = [attack for attack in counting if attack.status not in NEVER_TRIED]
    if not attempted:
        return result.of(rule, Verdict.NOT_RUN, _nobody_tested(metric, counting), limit=limit, evidence=_ids(counting))
    completed = [attack for attack in attempted if attack.status == "completed"]
    judged = [_judge(facts, attack, check, metric, len(completed), now) for attack in attempted]
    verdict = combine(one.verdict for one in judged)
    decisive = max((one for one in judged if one.verdict is verdict), key=lambda one: _weight(one, verdict))
    sentence = decisive.sentence
    tried = {attack.attack for attack in attempted}
    left_out = sorted({attack.attack for attack in counting if attack.status == "not_requested"} - tried)
    if verdict is Verdict.PASS and left_out:
        # Else asking for fewer attacks would make passing easier.
        sentence = (
            f"No spec asked for {' or '.join(left_out)}, which applies here, so passing the others does not decide it."
        )
        return result.of(rule, Verdict.NOT_RUN, sentence, limit=limit, evidence=_ids(counting))
    if verdict is Verdict.PASS and decisive.estimate is not None:
        sentence = _passed(facts, decisive, decisive.estimate, check, metric, completed)
    runs = words.every_run(len({attack.attack for attack in completed}), len(completed))
    worlds = {(one.name, *one.worlds) for attack in completed if (one := attack.asked) is not None}
    told = [words.worlds(*one) for one in sorted(worlds)]
    return result.of(
        rule,
        verdict,
        " ".join(filter(None, (sentence, *told, runs))),
        measured=decisive.estimate,
        limit=limit,
        evidence=_ids(attempted),
        records_needed=decisive.records_needed,
        attack=decisive.attack.attack,
    )


def _judge(
    facts: Facts, attack: AttackFact, check: MetricCheck, metric: Metric, completed: int, now: datetime
) -> Judged:
    if reason := _no_figure(facts, attack, metric, now):
        return Judged(attack, *reason)
    level = 1 - (1 - check.confidence) / completed
    try:
        estimate, problem = _estimate(attack, metric, level)
    except ValueError as error:
        return Judged(attack, Verdict.ERROR, f"The record of {attack.attack} contradicts itself: {error}.")
    fails_from = check.value if check.fails_from is None else check.fails_from
    if estimate is not None and estimate.low >= fails_from:
        # A leak found is a leak, however old the test, however weak its attacker and however few the records.
        who, guess = words.attacker(attack.access), _guess(attack, metric)
        sentence = words.above(metric, who, estimate.value, estimate.low, guess, fails_from, check.confidence)
        return Judged(attack, Verdict.FAIL, sentence, estimate)
    problem = _too_few(attack, metric, estimate, check.min_n) or problem
    if estimate is None or problem:
        return Judged(attack, Verdict.INCONCLUSIVE, problem, estimate)
    return _compare(facts, attack, estimate, check, metric, level, now)


def _no_figure(facts: Facts, attack: AttackFact, metric: Metric, now: datetime) -> tuple[Verdict, str] | None:
    """Why the record has no figure about the people in this version's training data; None when it may have one."""
    if attack.status == "unfinished":
        return Verdict.INCONCLUSIVE, unfinished(attack)
    if attack.status in _UNUSABLE:
        verdict, sentence = _UNUSABLE[attack.status]
        return verdict, sentence.format(question=metric.question, attack=attack.attack, reason=because(attack))
    if reason := outdated(facts, attack, None, now):
        unproven = attack.artifact_sha256 is None and attack.recorded_at <= now
        return Verdict.NOT_RUN if unproven else Verdict.STALE, reason
    if reason := foreign(facts, attack):
        return Verdict.INCONCLUSIVE, reason
    return None


def _compare(
    facts: Facts,
    attack: AttackFact,
    estimate: Estimate,
    check: MetricCheck,
    metric: Metric,
    level: float,
    now: datetime,
) -> Judged:
    limit, who, guess = check.value, words.attacker(attack.access), _guess(attack, metric)
    if reason := outdated(facts, attack, check.max_age, now):
        return Judged(attack, Verdict.STALE, reason, estimate)
    if reason := blind_spot(facts, attack):
        return Judged(attack, Verdict.NOT_RUN, reason, estimate)
    if estimate.high < limit:
        low = _turned_round(attack, metric, estimate, guess, limit) or _no_room(attack, metric, limit)
        if reason := low or _one_judge(attack, metric, limit):
            return Judged(attack, Verdict.INCONCLUSIVE, reason, estimate)
        if reason := unfit_to_pass(facts, attack):
            return Judged(attack, Verdict.INCONCLUSIVE, reason, estimate)
        return Judged(attack, Verdict.PASS, "", estimate)
    if metric.key == "balanced_accuracy" and attack.counts is not None:
        needed = records_to_settle(attack.counts, limit, level)
        outlook = words.outlook(needed)
    else:
        needed, outlook = None, f"that does not decide it at {words.percent(check.confidence)} confidence"
    return Judged(
        attack,
        Verdict.INCONCLUSIVE,
        words.between(metric, who, estimate.low, estimate.high, estimate.n, limit, outlook),
        estimate,
        needed,
    )


def _turned_round(attack: AttackFact, metric: Metric, estimate: Estimate, guess: float, limit: float) -> str:
    """Why a figure is too low to be believed; '' when it is not."""
    if metric.key in ("balanced_accuracy", "auc") and estimate.high < guess and 1 - estimate.low >= limit:
        return (
            f"The attack {attack.attack} did clearly worse than guessing, which an attacker could turn round; "
            "the two groups of records probably differ in something else than membership."
        )
    if metric.key == "precision_at_decision_gap" and estimate.high < -limit:
        return (
            f"The model is clearly more often right about people outside the training data than inside by {attack.attack}; the "
            "two groups of records may have been exchanged, or differ in something else than membership."
        )
    outside = attack.metrics.get("gain_nonmembers")
    if metric.key == "excess" and estimate.high < 0 and outside is not None and outside.low >= limit:
        return (
            f"The attack {attack.attack} gains clearly more on people outside the training data than inside; the two groups "
            "of records may have been exchanged, or differ in something else than membership."
        )
    return ""


def _one_judge(attack: AttackFact, metric: Metric, limit: float) -> str:
    """Why the median of the judges is no answer; '' when it is one. Each judge overlooks something, so one that surely
    recognises people leaves the question open.
    """
    most = attack.metrics.get("identification_rate_highest")
    if metric.key != "identification_rate" or most is None or most.low < limit:
        return ""
    return (
        f"Most judges recognise few reconstructions by {attack.attack}, but one recognises {words.hundred(most.value)} of 100, "
        f"surely not fewer than {words.hundred(most.low)}; every judge overlooks something, so that does not decide it. Look "
        "at the pictures."
    )


def _no_room(attack: AttackFact, metric: Metric, limit: float) -> str:
    """Why the figure could not have reached the limit, however much the model leaks; '' when it could."""
    if metric.key != "excess" or attack.ceiling is None or attack.ceiling >= limit:
        return ""
    return (
        f"Without the model {words.hundred(1 - attack.ceiling)} of 100 are inferred rightly anyway, so no excess above "
        f"{words.hundred(attack.ceiling)} of 100 is possible and {attack.attack} could not have reached the limit of {limit * 100:.6g}, "
        "whatever the model gives away about those with a rare value; a low figure shows nothing here."
    )


def _estimate(attack: AttackFact, metric: Metric, level: float) -> tuple[Estimate | None, str]:
    """The figure with its interval at `level`, and why it cannot decide ('' when it can).

    Raises:
        ValueError: counts that cannot be, or that contradict the stored figure.
    """
    stored = attack.metrics.get(metric.key)
    if metric.key == "balanced_accuracy" and attack.counts is not None:
        if not attack.counts.members or not attack.counts.nonmembers:
            return (
                stored,
                f"{attack.attack} was scored on members or on non-members only, so it has no balanced accuracy.",
            )
        fresh = attack.counts.balanced_accuracy(level)
        if stored is not None and abs(fresh.value - stored.value) > _SAME:
            raise ValueError(f"its counts give {fresh.value:.6f}, its stored balanced accuracy is {stored.value:.6f}")
        return fresh, ""
    return _at_level(attack, stored, metric, level)


def _at_level(attack: AttackFact, stored: Estimate | None, metric: Metric, level: float) -> tuple[Estimate | None, str]:
    if stored is None:
        return None, f"{attack.attack} could not resolve {metric.question} with the records it had."
    if stored.confidence_level >= level - _SAME:
        return stored, ""
    hits = stored.value * stored.n
    if stored.method == "Clopper-Pearson" and math.isclose(hits, round(hits), abs_tol=_SAME):
        return clopper_pearson(round(hits), stored.n, level), ""
    if stored.method.startswith(_WIDENED):
        return _widen(stored, level), ""
    return stored, (
        f"The interval of {attack.attack} was stored at {words.percent(stored.confidence_level)} confidence and cannot be "
        f"recomputed; the policy asks for {words.percent(level)} from each of the attacks together."
    )


_WIDENED = ("DeLong", "Clopper-Pearson", "Paired score interval", "Bootstrap over classes")
"""Methods whose limits lie no further from the value than in proportion to z squared as the confidence grows."""


_RESERVE = 1.01


def _widen(stored: Estimate, level: float) -> Estimate:
    """The stored interval at a higher level, never narrower than computed anew: its arms grow by the square of the ratio of
    normal quantiles. DeLong's arms grow in proportion to z; Newcombe's and the exact binomial's, where they end in a corner,
    in proportion to z squared at the most, but for a few parts in ten thousand with few records: hence the reserve. A limit
    already at 0 or 1 stays there.
    """
    from scipy.stats import norm

    factor = float(norm.ppf((1 + level) / 2) / norm.ppf((1 + stored.confidence_level) / 2)) ** 2 * _RESERVE
    return Estimate(
        stored.value,
        max(-1.0 if stored.low < 0 else 0.0, stored.value - factor * (stored.value - stored.low)),
        min(1.0, stored.value + factor * (stored.high - stored.value)),
        level,
        stored.n,
        f"{stored.method}, widened from {words.percent(stored.confidence_level)}",
    )


def _too_few(attack: AttackFact, metric: Metric, estimate: Estimate | None, min_n: int) -> str:
    in_groups = ("membership_inference", "attribute_inference", "data_reconstruction")
    if metric.family in in_groups and metric.counted != "updates":  # of updates there is one group
        sizes = group_sizes(attack)
        if sizes is None:
            return f"The record of {attack.attack} does not say how many members and non-members it was scored on."
        members, others = sizes
        if min(sizes) < min_n:
            return (
                f"Too few records to decide {metric.question}: {attack.attack} was scored on {members:,} members and "
                f"{others:,} non-members; the policy asks for {min_n:,} of each."
            )
    elif estimate is not None and estimate.n < min_n:
        return (
            f"Too few {metric.counted} to decide {metric.question}: {attack.attack} was scored on {estimate.n:,}; "
            f"the policy asks for {min_n:,}."
        )
    return ""


def _passed(
    facts: Facts,
    one: Judged,
    estimate: Estimate,
    check: MetricCheck,
    metric: Metric,
    completed: Sequence[AttackFact],
) -> str:
    """The claim, and what it does not cover."""
    who, guess = words.attacker(one.attack.access), _guess(one.attack, metric)
    attacks = len({attack.attack for attack in completed})
    claim = words.below(metric, who, estimate.high, estimate.n, attacks, guess, check.value, check.confidence)
    trained = sum(dataset.rows or 0 for dataset in facts.trained_on)
    fewest = min(sum(rows.rows for rows in attack.members) for attack in completed)
    return " ".join(filter(None, (claim, words.part(fewest, trained), unused(facts, completed))))


def _guess(attack: AttackFact, metric: Metric) -> float:
    return attack.baselines.get(metric.key, metric.baseline)


def _weight(one: Judged, verdict: Verdict) -> float:
    """Which of the attacks with the same verdict is told: the strongest; among open ones, the one hardest to settle."""
    if verdict is Verdict.INCONCLUSIVE:
        return math.inf if one.records_needed is None else one.records_needed
    if one.estimate is None:
        return -1.0
    return one.estimate.low if verdict is Verdict.FAIL else one.estimate.high


def _nobody_tested(metric: Metric, records: Sequence[AttackFact]) -> str:
    sentence = f"Nobody has tested {metric.question}"
    given: dict[str, set[str]] = {}
    for attack in records:
        if attack.reason:
            given.setdefault(because(attack), set()).add(attack.attack)
    reasons = sorted(f"{', '.join(sorted(names))}: {reason}" for reason, names in given.items())
    return f"{sentence} ({'; '.join(reasons)})." if reasons else f"{sentence}: no such attack was run on this version."


def _ids(attacks: Sequence[AttackFact]) -> tuple[str, ...]:
    return tuple(attack.id for attack in attacks)
