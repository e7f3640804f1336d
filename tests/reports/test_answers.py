"""Showing a class and showing somebody's record: two answers, two weights, never one sentence for both."""

from typing import Any

import pytest

from govtool.attacks.inversion import recoverable
from govtool.attacks.inversion.weight import LEGAL_WEIGHT
from govtool.audits.models import AttackRecord
from govtool.estimate import clopper_pearson
from govtool.reports.answers import ANSWERS, QUESTIONS, answers
from govtool.reports.attack_view import attack_view, finding


def drawn(hits: int, *, control: bool | None = True, **given: Any) -> AttackRecord:
    """An inversion of 40 classes of which all three judges name `hits`; chance names one."""
    base: dict[str, Any] = {
        "id": "atk-1", "run_id": "run-1", "attack": "mi_face", "family": "model_inversion", "status": "completed", "reason": "",
        "knowledge": "", "access": ["gradients"], "metrics": {"identification_rate": clopper_pearson(hits, 40).to_dict()},
        "baselines": {"identification_rate": 0.025}, "counts": {}, "caveats": [], "figures": [], "evidence_sha256": None,
        "detail": {"findings": [recoverable.find(recoverable.Heard([hits] * 3, 40), control=control)]},
    }  # fmt: skip
    return AttackRecord(**{**base, **given})


@pytest.mark.parametrize(
    ("hits", "leak", "head"),
    [
        (30, True, "Classes can be recognised in what is drawn from the model."),
        (6, True, "More classes were named than by chance, but whether classes can be recognised was not decided."),
        (3, False, "Whether classes can be recognised was not decided."),
        (0, False, "Classes were not recognised, by a test that finds them where they were planted."),
    ],
)
def test_what_is_said_follows_the_answer_and_more_than_chance_is_a_leak(hits: int, leak: bool, head: str) -> None:
    text, found = finding(drawn(hits))
    assert (found, text.startswith(head)) == (leak, True), text
    assert (
        f"of 40 classes ({clopper_pearson(hits, 40).low * 100:.1f}" in text.replace("\N{NO-BREAK SPACE}", " ")
        or not hits
    )
    assert text.endswith("Access used: gradients.")


def test_a_recognised_class_is_not_a_record_and_says_so() -> None:
    (answer,) = answers(drawn(30), "one person")
    assert answer.weight.startswith(LEGAL_WEIGHT["class_recoverable"])
    assert answer.weight.endswith("By the register, one class here is: one person.")
    assert "says nothing of single records" in answer.apart
    assert "By the register" not in answers(drawn(30))[0].weight, "nothing is said of what is not known"


def test_every_verdict_has_its_word_and_its_outline() -> None:
    shown = {answers(drawn(hits))[0].verdict: answers(drawn(hits))[0].badge for hits in (0, 3, 30)}
    assert shown == ANSWERS
    assert len({badge.shape for badge in shown.values()}) == 3


def test_a_question_of_tomorrow_reads_by_its_own_name_and_a_void_result_answers_nothing() -> None:
    strange = drawn(3, detail={"findings": [{"question": "moon_visible", "verdict": "FAIL", "reason": "It is night."}]})
    (answer,) = answers(strange)
    assert (answer.question, answer.weight, answer.apart) == ("Moon visible", "", "")
    assert finding(strange)[0].startswith("No leak was shown"), "only the figure speaks of it"
    assert attack_view(drawn(30, status="void"), ()).answers == ()
    assert answers(drawn(3, detail={})) == ()


def test_each_question_that_attacks_ask_has_words() -> None:
    from govtool.attacks.gradient import result
    from govtool.attacks.inversion import weight

    assert {weight.CLASS_RECOVERABLE, weight.RECORD_MEMORISED, result.QUESTION} <= set(QUESTIONS)
