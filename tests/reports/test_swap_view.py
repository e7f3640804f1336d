"""What the report shows of the split-swap test: the answer with its legal weight, and what drawings are read against."""

from typing import Any

from govtool.attacks.inversion.split_swap import judge
from govtool.audits.models import AttackRecord
from govtool.estimate import Estimate
from govtool.reports.attack_view import attack_view, finding
from govtool.reports.readings import readings

LOUD = Estimate(0.16, 0.13, 0.19, 0.95, 40), Estimate(0.97, 0.91, 0.99, 0.95, 40)
QUIET = Estimate(0.004, 0.002, 0.006, 0.95, 40), Estimate(0.5, 0.42, 0.58, 0.95, 160)


def record(advantage: Estimate, nearest: Estimate, *, passed: bool | None = True, **detail: Any) -> AttackRecord:
    ratio = Estimate(0.98, 0.96, 1.01, 0.95, 40).to_dict()
    given = {
        "findings": [judge(advantage, nearest, passed=passed).to_dict()],
        "splits": 2,
        "likeness": "structural similarity",
        "beside": [{"row": "the drawing", "training": 0.7, "other": 0.54, "advantage": 0.16}],
        "single_model": {"note": "weaker evidence", "classes": 40, "ratios": {"drawn": ratio, "class mean": ratio}},
        "positive_control": {"passed": passed, "how": "one record of each class"},
    }
    return AttackRecord(
        id="atk-1", run_id="run-1", attack="inversion_split_swap", family="model_inversion", status="completed", reason="",
        knowledge="The attacker holds the weights.", access=["gradients"],
        metrics={"swap_advantage": advantage.to_dict(), "nearest_is_training": nearest.to_dict()},
        baselines={"swap_advantage": 0.0, "nearest_is_training": 0.5}, counts={}, detail={**given, **detail}, caveats=[],
        figures=[], evidence_sha256=None,
    )  # fmt: skip


def test_a_leak_is_said_to_be_about_records() -> None:
    text, leak = finding(record(*LOUD))
    assert leak
    assert "shows records they were trained on, beyond their class" in text
    assert "16.0 %" in text.replace("\N{NO-BREAK SPACE}", " ")


def test_an_advantage_above_nothing_is_no_leak_and_an_open_question_is_open() -> None:
    text, leak = finding(record(*QUIET))
    assert not leak
    assert "Nothing is said about other attacks" in text
    text, leak = finding(record(*QUIET, passed=None))
    assert not leak
    assert "was not decided" in text


def test_the_answer_carries_its_legal_weight() -> None:
    view = attack_view(record(*LOUD), ())
    (answer,) = view.answers
    assert (answer.verdict, answer.badge.word) == ("FAIL", "leak shown")
    assert "Art. 4(1)" in answer.weight
    assert "may be personal data" in answer.weight
    assert answer.question.startswith("Does what is drawn")
    assert "nothing of whether a class can be recognised" in answer.apart
    (beside, single) = view.grids
    assert beside.rows == (("The drawing", "0.700", "0.540", "0.160"),)
    assert single.rows[0] == ("Drawn", "0.980 (0.960–1.010)")


def test_older_records_have_no_such_tables() -> None:
    bare = record(*LOUD)
    bare.detail = {}
    assert attack_view(bare, ()).grids == ()
    assert finding(bare)[1] is True, "then the figure alone speaks"


def test_how_to_read_it_uses_its_own_numbers() -> None:
    texts = [one.text for one in readings([record(*LOUD)])]
    assert any("40 classes" in text and "16.0" in text for text in texts)
    assert any("about 97 of 100 (91.0–99.0" in text for text in texts)
