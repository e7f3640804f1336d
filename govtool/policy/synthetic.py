"""Was the synthetic data that a model was made from tested for leaks, and is what was found below the limit?

All results of a test count, as for models: the worst decides, repeating a test until it comes out well does not help, and
where a test asks several questions or was run several times the doubt is split over all of them (Bonferroni).
"""

from dataclasses import dataclass
from datetime import datetime

from govtool.estimate import Estimate
from govtool.policy import result, words
from govtool.policy.document import Rule, SyntheticCheck
from govtool.policy.facts import Facts, SyntheticFact, SyntheticTest
from govtool.policy.freshness import because, unfinished
from govtool.policy.quantity import duration_words
from govtool.policy.result import RuleResult
from govtool.policy.standing import NEVER_TRIED
from govtool.verdict import Verdict, combine

QUESTIONS = {
    "synthetic.singling_out_risk": "whether people can be singled out",
    "synthetic.linkability_risk": "whether records of a person can be linked",
    "synthetic.inference_risk": "whether something can be inferred about a person",
}
"""A metric is the risk that the attack between the dot and `_risk` gives."""
_UNUSABLE = {"void": Verdict.INCONCLUSIVE, "failed": Verdict.ERROR, "not_testable": Verdict.NOT_RUN}


@dataclass(frozen=True)
class _Judged:
    verdict: Verdict
    sentence: str
    estimate: Estimate | None = None


def check_synthetic(facts: Facts, check: SyntheticCheck, rule: Rule, now: datetime) -> RuleResult:
    """Every synthetic dataset made from data that the rule is about passed every test; a missing test never passes."""
    floor = rule.when.level_at_least
    concerned = [one for one in facts.synthetic if floor is None or one.level is None or one.level >= floor]
    evidence = tuple(test.id for one in concerned for test in one.tests if test.id)
    limit = (check.op, check.value)
    if not facts.synthetic:
        return result.of(rule, Verdict.PASS, "No synthetic data is recorded in what the model was made from.")
    if not concerned:
        names = ", ".join(one.ref for one in facts.synthetic)
        sentence = f"The synthetic data {names} was made from data below level {floor}."
        return result.of(rule, Verdict.PASS, sentence, evidence=tuple(one.id for one in facts.synthetic))
    judged = [_judge(one, metric, check, now) for one in concerned for metric in check.metrics]
    verdict = combine(one.verdict for one in judged)
    told = [one for one in judged if one.verdict is verdict]
    highest = max(told, key=lambda one: one.estimate.high if one.estimate else -1.0)
    sentence = " ".join(one.sentence for one in told)
    return result.of(rule, verdict, sentence, measured=highest.estimate, limit=limit, evidence=evidence)


def _judge(dataset: SyntheticFact, metric: str, check: SyntheticCheck, now: datetime) -> _Judged:
    name = metric.removeprefix("synthetic.").removesuffix("_risk")
    question = f"{QUESTIONS[metric]} in the synthetic data {dataset.ref}"
    tried = [test for test in dataset.tests if test.attack == name and test.status not in NEVER_TRIED]
    if not tried:
        return _Judged(Verdict.NOT_RUN, f"Nobody has tested {question}.")
    own = [test for test in tried if test.status == "completed" and not _foreign(dataset, test)]
    found = [_figure(dataset, test, name, len(own), check) for test in own]
    if failed := [one for one in found if one.verdict is Verdict.FAIL]:
        return max(failed, key=lambda one: one.estimate.low if one.estimate else 0.0)
    if missing := _no_figure(dataset, question, tried[-1], own, now):
        return missing
    fresh = [one for test, one in zip(own, found, strict=True) if now - test.recorded_at <= check.max_age]
    if not fresh:
        age = duration_words(check.max_age)
        return _Judged(Verdict.STALE, f"The test of {question} is older than the {age} that the policy allows.")
    worst = combine(one.verdict for one in fresh)
    return next(one for one in fresh if one.verdict is worst)


def _no_figure(
    dataset: SyntheticFact, question: str, last: SyntheticTest, own: list[SyntheticTest], now: datetime
) -> _Judged | None:
    """What stands in the way of reading the figures; None when nothing does."""
    if last.status == "unfinished":
        return _Judged(Verdict.INCONCLUSIVE, unfinished(last))
    if last.status in _UNUSABLE:
        return _Judged(_UNUSABLE[last.status], f"The test of {question} gave no figure: {because(last)}.")
    if not own:
        return _Judged(Verdict.INCONCLUSIVE, _foreign(dataset, last))
    if late := [test for test in own if test.recorded_at > now]:
        return _Judged(Verdict.STALE, f"The test of {question} is dated {late[0].recorded_at:%Y-%m-%d}, in the future.")
    return None


def _figure(dataset: SyntheticFact, test: SyntheticTest, name: str, results: int, check: SyntheticCheck) -> _Judged:
    """What one completed test says, each of its questions at its share of the doubt."""
    parts = [part for part in test.parts if not part.unusable]
    if not parts:
        return _Judged(Verdict.INCONCLUSIVE, f"The record of {name} for {dataset.ref} has no usable counts.")
    level = 1 - (1 - check.confidence) / (results * len(test.parts))
    risks = [part.counts.excess_risk(level, part.control_scale) for part in parts]
    top = max(risks, key=lambda one: one.high)
    surest = max(risks, key=lambda one: one.low)
    what = f"By {name.replace('_', ' ')}"
    if surest.low >= check.value:
        return _Judged(
            Verdict.FAIL,
            f"{what}, the synthetic data {dataset.ref} gives away about {words.hundred(surest.value)} of 100 people who are "
            f"in it ({words.percent(check.confidence)} sure of at least {words.bound(surest.low, check.value, up=False)}; "
            f"the policy's limit is {check.value * 100:.6g}).",
            surest,
        )
    fewest = min(min(part.counts.members, part.counts.nonmembers) for part in parts)
    if fewest < check.min_n:
        sentence = (
            f"The test of {dataset.ref} by {name} rests on {fewest:,} attempts; the policy asks for {check.min_n:,}."
        )
        return _Judged(Verdict.INCONCLUSIVE, sentence, top)
    if top.high >= check.value:
        return _Judged(
            Verdict.INCONCLUSIVE,
            f"{what}, the synthetic data {dataset.ref} gives away between {words.bound(top.low, check.value, up=False)} and "
            f"{words.bound(top.high, check.value, up=True)} of 100 people, and the policy's limit is "
            f"{check.value * 100:.6g}; more control records and originals would narrow it.",
            top,
        )
    if reason := _unfit(dataset, test):
        return _Judged(Verdict.INCONCLUSIVE, reason, top)
    return _Judged(
        Verdict.PASS,
        f"{what}, the synthetic data {dataset.ref} gives away no more than {words.bound(top.high, check.value, up=True)} of "
        f"100 people beyond what the population does ({words.percent(check.confidence)} sure; the policy's limit is "
        f"{check.value * 100:.6g}).{_untold(test)}",
        top,
    )


def _untold(test: SyntheticTest) -> str:
    """Which of its questions a test could not answer."""
    names = [part.name for part in test.parts if part.unusable]
    return f" Nothing is shown about: {', '.join(names)}." if names else ""


def _foreign(dataset: SyntheticFact, test: SyntheticTest) -> str:
    """Why its originals are not what the dataset was made from; '' when they are."""
    others = [rows.ref for rows in test.members if not any(rows.same(source) for source in dataset.sources)]
    if not others and test.members:
        return ""
    named = ", ".join(others) or "none are recorded"
    return f"The originals given to {test.attack} are not what {dataset.ref} was made from, as far as the register says: {named}."


def _unfit(dataset: SyntheticFact, test: SyntheticTest) -> str:
    """Why a low risk of this record shows nothing; '' when it does."""
    if not test.nonmembers:
        return f"The record of {test.attack} does not say which control records it used."
    inside = [rows.ref for rows in test.nonmembers if any(rows.same(source) for source in dataset.sources)]
    if inside:
        return (
            f"The control records given to {test.attack} come from what {dataset.ref} was made from ({', '.join(inside)}); "
            "register the rows that were held out as a dataset of their own."
        )
    spared = [one.ref for one in dataset.made_from if not any(rows.same(one) for rows in test.members)]
    if spared:
        return (
            f"{test.attack} was not tried on all that {dataset.ref} was made from: {', '.join(spared)}; "
            "name each in the spec under original, or leave the key out."
        )
    if test.control != "passed":
        return f"Nothing shows that {test.attack} would have found a leak in {dataset.ref}: no positive control was passed."
    return ""
