"""Known answers by hand. 780/1000 against 220/1000 is 78 of 100; 510 against 500 is 50.5."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from policy_builders import NOW, attack, counts, deployment, facts, inversion, metric, rule

from govtool.access import Access
from govtool.attacks import statistics
from govtool.estimate import Counts, Estimate
from govtool.policy.facts import ModelFact, RowsFact
from govtool.policy.metric import _widen, check_metric
from govtool.policy.result import RuleResult
from govtool.verdict import Verdict

LEAKING, SOUND, OPEN = counts(0.78, 0.22), counts(0.51, 0.5), counts(0.57, 0.43, 600)


def judge(*attacks, check=None, **more) -> RuleResult:
    check = check or metric()
    return check_metric(facts(*attacks, **more), check, rule(check), NOW)


def test_a_leak_fails_and_the_sentence_says_how_much() -> None:
    found = judge(attack(found=LEAKING))
    assert found.verdict is Verdict.FAIL
    assert found.sentence == (
        "Of an equal mix of people who were and were not in the training data, an outsider who sees this model's answers "
        "sorts about 78 of 100 correctly (95 % sure of at least 74; guessing gives 50; the policy's limit is 60)."
    )
    assert found.measured == LEAKING.balanced_accuracy(0.95)
    assert (found.limit, found.evidence, found.attack) == (("<", 0.6), ("atk-loss_threshold",), "loss_threshold")


def test_a_sound_model_passes_and_the_sentence_claims_only_what_was_tried() -> None:
    found = judge(attack(found=SOUND))
    assert found.verdict is Verdict.PASS
    assert "could not sort more than 55 of 100 correctly with 1 attack on 2,000 records (95 % sure" in found.sentence


def test_an_interval_around_the_limit_is_inconclusive_and_says_what_would_settle_it() -> None:
    found = judge(attack(found=OPEN))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "between 52 and 62 of 100 correctly, as far as the 1,200 records tested can tell" in found.sentence
    assert found.records_needed is not None
    factor = found.records_needed / 1200
    # it is a forecast: counts are whole, so the edge is ragged by about a percent
    assert OPEN.scaled(factor * 1.05).balanced_accuracy().high < 0.6
    assert OPEN.scaled(factor * 0.95).balanced_accuracy().high >= 0.6


def test_a_middle_below_the_limit_is_not_enough() -> None:
    assert OPEN.balanced_accuracy().value < 0.6
    assert judge(attack(found=OPEN)).verdict is not Verdict.PASS


def test_the_limit_itself_is_not_below_the_limit() -> None:
    estimate = SOUND.balanced_accuracy()
    assert judge(attack(found=SOUND), check=metric(estimate.high)).verdict is Verdict.INCONCLUSIVE
    assert judge(attack(found=SOUND), check=metric(estimate.low)).verdict is Verdict.FAIL


def test_two_attacks_share_the_doubt() -> None:
    """Each interval is taken at 97.5 %: 200 and 200 records at 50 of 100 reach 58.1 at 95 % and 59.0 at 97.5 %."""
    small = counts(0.5, 0.5, 200)
    limit = 0.585
    assert judge(attack(found=small), check=metric(limit)).verdict is Verdict.PASS
    both = judge(attack(found=small), attack("rmia", small), check=metric(limit))
    assert both.verdict is Verdict.INCONCLUSIVE
    assert both.measured is not None
    assert both.measured.confidence_level == pytest.approx(0.975)
    assert both.measured == small.balanced_accuracy(0.975)


def test_one_leaking_attack_is_enough_and_is_the_one_told() -> None:
    found = judge(attack(found=SOUND), attack("rmia", LEAKING))
    assert (found.verdict, found.attack) == (Verdict.FAIL, "rmia")
    assert found.evidence == ("atk-loss_threshold", "atk-rmia")


@pytest.mark.parametrize(
    ("status", "verdict", "says"),
    [
        ("void", Verdict.INCONCLUSIVE, "does not count: the control failed."),
        ("failed", Verdict.ERROR, "broke off before it gave a result: the control failed."),
        ("not_testable", Verdict.NOT_RUN, "could not be carried out: the control failed."),
    ],
)
def test_an_attack_that_gave_no_figure_is_not_passed_over(status: str, verdict: Verdict, says: str) -> None:
    found = judge(attack(found=SOUND), attack("rmia", LEAKING, status=status, reason="the control failed."))
    assert found.verdict is verdict
    assert says in found.sentence


def test_the_numbers_of_a_void_record_are_not_used() -> None:
    assert judge(attack(found=LEAKING, status="void", reason="shifted")).verdict is Verdict.INCONCLUSIVE
    assert judge(attack(found=SOUND, status="void", reason="shifted")).measured is None


def test_what_does_not_apply_is_neutral_beside_a_result_and_not_run_alone() -> None:
    idle = attack("rmia", status="not_applicable", reason="needs probabilities")
    assert judge(attack(found=SOUND), idle).verdict is Verdict.PASS
    alone = judge(idle)
    assert alone.verdict is Verdict.NOT_RUN
    assert "rmia: needs probabilities" in alone.sentence


def test_asking_for_fewer_attacks_never_makes_passing_easier() -> None:
    left_out = attack("rmia", status="not_requested", reason="the spec did not ask for it")
    found = judge(attack(found=SOUND), left_out)
    assert found.verdict is Verdict.NOT_RUN
    assert "rmia" in found.sentence
    assert judge(attack(found=LEAKING), left_out).verdict is Verdict.FAIL


def test_nothing_run_is_not_run() -> None:
    found = judge()
    assert found.verdict is Verdict.NOT_RUN
    assert found.sentence.startswith("Nobody has tested whether an outsider can tell")


def test_too_few_of_either_kind_cannot_pass_and_a_leak_they_show_is_a_leak() -> None:
    """20 of 20 members told from 5,000 others: even the lower bound, 91 of 100, lies far above the limit."""
    few = Counts(10, 20, 2500, 5000)
    found = judge(attack(found=few), check=metric(0.9, min_n=400))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "20 members and 5,000 non-members; the policy asks for 400 of each" in found.sentence
    assert judge(attack(found=Counts(20, 20, 0, 5000)), check=metric(min_n=400)).verdict is Verdict.FAIL
    assert judge(attack(found=Counts(150, 150, 0, 150)), check=metric(min_n=200)).verdict is Verdict.FAIL


@pytest.mark.parametrize(("members", "others", "verdict"), [(1990, 10, "INCONCLUSIVE"), (1000, 1000, "PASS")])
def test_without_counts_each_kind_is_counted_by_the_records_named(members: int, others: int, verdict: str) -> None:
    rows = {
        "members": (RowsFact(ref="visits@1", rows=members),),
        "nonmembers": (RowsFact(ref="held-out@1", rows=others),),
    }
    found = judge(attack(metrics=auc(0.48, 0.52), **rows), check=metric(name="mia.auc", min_n=200))
    assert found.verdict == verdict


def test_members_only_have_no_balanced_accuracy() -> None:
    found = judge(attack(found=Counts(5, 10, 0, 0)), check=metric(min_n=1))
    assert found.verdict is Verdict.INCONCLUSIVE


def test_a_pass_grows_stale_and_a_leak_does_not() -> None:
    assert judge(attack(found=SOUND, age=90)).verdict is Verdict.PASS
    old = judge(attack(found=SOUND, age=90.01))
    assert old.verdict is Verdict.STALE
    assert "older than the 90 days" in old.sentence
    assert judge(attack(found=LEAKING, age=400)).verdict is Verdict.FAIL


def test_a_result_from_the_future_does_not_pass() -> None:
    assert judge(attack(found=SOUND, age=-1)).verdict is Verdict.STALE


@pytest.mark.parametrize("found", [SOUND, LEAKING])
def test_other_weights_make_any_result_stale(found: Counts) -> None:
    assert judge(attack(found=found, artifact_sha256="b" * 64)).verdict is Verdict.STALE
    changed = ModelFact(name="triage", version="1", artifact_sha256="c" * 64)
    assert judge(attack(found=found), model=changed).verdict is Verdict.STALE


def test_a_weaker_attacker_than_the_deployment_invites_cannot_pass_but_can_fail() -> None:
    shown = (deployment("logits"),)
    found = judge(attack(found=SOUND), deployments=shown)
    assert found.verdict is Verdict.NOT_RUN
    assert "deployment api shows (logits)" in found.sentence
    assert judge(attack(found=LEAKING), deployments=shown).verdict is Verdict.FAIL
    stronger = attack(found=SOUND, audited_access=(Access.WEIGHTS,))
    assert judge(stronger, deployments=(deployment("logits", "embeddings"),)).verdict is Verdict.PASS


def test_an_attack_far_below_guessing_is_suspicious_not_safe() -> None:
    found = judge(attack(found=counts(0.2, 0.8)))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "turn round" in found.sentence


def test_a_record_that_contradicts_itself_is_an_error() -> None:
    wrong = {"balanced_accuracy": Estimate(0.5, 0.4, 0.55, 0.95, 2000)}
    assert judge(attack(found=LEAKING, metrics=wrong)).verdict is Verdict.ERROR
    assert judge(attack(found=Counts(11, 10, 0, 10)), check=metric(min_n=1)).verdict is Verdict.ERROR


def auc(low: float, high: float, level: float = 0.95) -> dict[str, Estimate]:
    return {"auc": Estimate((low + high) / 2, low, high, level, 2000, "DeLong")}


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.48, 0.55, Verdict.PASS), (0.61, 0.7, Verdict.FAIL), (0.55, 0.65, Verdict.INCONCLUSIVE)],
)
def test_a_figure_without_counts_is_judged_by_its_stored_interval(low: float, high: float, verdict: Verdict) -> None:
    assert judge(attack(metrics=auc(low, high)), check=metric(name="mia.auc")).verdict is verdict


def test_two_attacks_can_decide_by_an_area_under_the_curve() -> None:
    """Stored at 95 %, asked for at 97.5 %: the arms are widened by (2.2414 / 1.9600) squared, 1.3078."""
    check = metric(name="mia.auc")
    good, bad = auc(0.48, 0.52), auc(0.985, 0.995)
    found = judge(attack(metrics=good), attack("rmia", metrics=good), check=check)
    assert found.verdict is Verdict.PASS
    assert found.measured is not None
    assert (found.measured.low, found.measured.high) == pytest.approx((0.47358, 0.52642), abs=1e-5)
    assert judge(attack(metrics=bad), attack("rmia", metrics=bad), check=check).verdict is Verdict.FAIL
    wide = auc(0.41, 0.59)
    assert judge(attack(metrics=wide), attack("rmia", metrics=wide), check=check).verdict is Verdict.INCONCLUSIVE


@given(seed=st.integers(0, 10_000), shift=st.floats(-1, 4), n=st.integers(5, 60), results=st.integers(2, 20))
def test_a_widened_interval_holds_the_one_computed_anew(seed: int, shift: float, n: int, results: int) -> None:
    rng = np.random.default_rng(seed)
    scores, membership = rng.normal(size=2 * n), np.repeat([True, False], n)
    scores[:n] += shift
    level = 1 - 0.05 / results
    anew = statistics.auc(scores, membership, level)
    widened = _widen(statistics.auc(scores, membership), level)
    assert widened.low <= anew.low + 1e-12
    assert widened.high >= anew.high - 1e-12


def test_a_stored_interval_that_cannot_be_widened_cannot_pass_and_can_fail() -> None:
    def stored(low: float, high: float):
        return attack(metrics={"auc": Estimate((low + high) / 2, low, high, 0.9, 2000, "bootstrap")})

    found = judge(stored(0.48, 0.52), check=metric(name="mia.auc"))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "stored at 90 % confidence" in found.sentence
    assert judge(stored(0.97, 0.99), check=metric(name="mia.auc")).verdict is Verdict.FAIL


def test_a_figure_that_could_not_be_resolved_is_inconclusive() -> None:
    found = judge(attack(found=SOUND), check=metric(name="mia.tpr_at_fpr_0.01"))
    assert found.verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("hits", "verdict"), [(0, Verdict.PASS), (1, Verdict.PASS), (3, Verdict.INCONCLUSIVE), (37, Verdict.FAIL)]
)
def test_reconstructed_people(hits: int, verdict: Verdict) -> None:
    """0 and 1 of 40 have upper bounds 8.8 % and 13.2 % (Clopper-Pearson)."""
    check = metric(0.15, name="inversion.identification_rate", min_n=20)
    found = judge(inversion(hits, audited_access=(Access.WEIGHTS,)), check=check)
    assert found.verdict is verdict
    if verdict is Verdict.FAIL:
        assert (
            "an attacker who holds the model itself reconstructs a recognisable example for about 92 of 100"
            in found.sentence
        )
        assert "guessing gives 2.5" in found.sentence


def test_an_exact_stored_rate_is_recomputed_at_the_level_asked() -> None:
    check = metric(0.15, name="inversion.identification_rate", confidence=0.99)
    exact = judge(inversion(1, audited_access=(Access.WEIGHTS,)), check=check)
    assert exact.measured is not None
    assert exact.measured.confidence_level == pytest.approx(0.99)
    assert exact.verdict is Verdict.INCONCLUSIVE, "1 of 40 reaches 17.4 % at 99 %"
    assert "was stored at 95 %" in judge(inversion(1, method="bootstrap"), check=check).sentence
