"""Page one is signed: attacks of one answer share a line there, and another answer never hides in it."""

from test_answers import drawn

from govtool.reports.attack_view import attack_view
from govtool.reports.front_page import findings


def lines(*records):  # type: ignore[no-untyped-def]
    return findings([(record, attack_view(record, ())) for record in records])


def test_ways_to_the_same_answer_share_a_line_with_a_figure_each() -> None:
    one, other = drawn(30), drawn(40, id="atk-2", attack="inversion_black_box", access=["probabilities"])
    (line,) = lines(one, other)
    text = line.text.replace("\N{NO-BREAK SPACE}", " ")
    assert line.title == "Model inversion, 2 ways"
    assert text.startswith(
        "Classes can be recognised in what is drawn from the model. The median judge names (by chance 2.5 %): "
    )
    assert "(by chance 2.5 %): by gradient descent (MI-FACE), 75.0 % (58.8–87.3 %, n = 40), with gradients" in text
    assert "; through scores (black box), 100.0 % (91.2–100.0 %, n = 40), with probabilities." in text
    assert (line.leak, line.source) == (True, "atk-1, atk-2")


def test_other_answers_void_results_and_other_questions_stand_alone() -> None:
    found = lines(drawn(30), drawn(0, id="atk-2"), drawn(30, id="atk-3", status="void", reason="it broke"))
    assert [line.source for line in found] == ["atk-1", "atk-2", "atk-3"]
    assert found[2].text == "Void, not to be used. It broke."
    assert [line.leak for line in found] == [True, False, False]
