"""What a result tells: figures of a panel of stub judges that can be counted, on ten tiny pictures."""

import json

import numpy as np
import pytest

from govtool.attacks.inversion import account
from govtool.attacks.inversion.account import Hearing
from govtool.attacks.inversion.calibration import Known
from govtool.attacks.inversion.judges import Judge
from govtool.attacks.inversion.panel import Case, Opinion
from govtool.attacks.inversion.resemblance import Compared
from govtool.estimate import clopper_pearson

N, SHAPE = 10, (1, 4, 5)
LABELS = np.arange(N)
PASSED = {"passed": True, "how": "planted"}


def pictures(contrast: float = 0.4) -> np.ndarray:
    """Class c has two bright pixels of its own."""
    return 0.3 + contrast * np.repeat(np.eye(N), 2, axis=1)


def opinion(name: str, hits: int, *, excluded: str = "", blind: bool = False, near: int | None = None) -> Opinion:
    """A judge that names the first `hits` classes rightly, and all others as the class after."""
    named = np.where(hits > LABELS, LABELS, (LABELS + 1) % N)
    rate = clopper_pearson(hits, N)
    return Opinion(
        judge=Judge(name, "stub", LABELS, lambda rows: np.zeros((len(rows), N)), lambda rows: rows),
        real=Known(clopper_pearson(95, 100), "stub records"),
        rate=rate,
        top=clopper_pearson(N if near is None else near, N),
        hits=hits,
        named=named,
        excluded=excluded,
        calibration={},
        blind=blind,
        stretched=rate,
    )


def hearing(opinions: list[Opinion], drawn: np.ndarray | None = None, control: dict | None = PASSED) -> Hearing:
    drawn = pictures() if drawn is None else drawn
    records = np.repeat(pictures(), 2, axis=0)
    compared = Compared(records, np.repeat(LABELS, 2))
    case = Case(LABELS, drawn, pictures(), pictures(), records.mean(axis=0), compared, start=None)
    case.__dict__["calibration"] = {}
    return Hearing(case, opinions, records.reshape(N, 2, -1), SHAPE, control)


def told(given: Hearing) -> dict:
    return account.of(given, np.full(N, 0.9), np.random.default_rng(0))


def test_the_detail_can_be_stored_and_says_why_others_judge() -> None:
    found = told(hearing([opinion("cnn", 10), opinion("lda", 9), opinion("gradients", 3)]))
    json.dumps(found, allow_nan=False)
    assert "sure of any picture" in found["why_judges"]
    assert found["findings"][0]["verdict"] == "FAIL"


def test_the_panel_is_those_that_are_heard() -> None:
    given = hearing([opinion("cnn", 10, near=10), opinion("lda", 7, near=8), opinion("gradients", 0, excluded="blind")])
    found = told(given)
    assert (found["panel"]["lowest"], found["panel"]["highest"]) == (0.7, 1.0)
    assert found["panel"]["top_five"] == clopper_pearson(10, N).to_dict()  # of two, the more generous
    assert found["panel"]["top_five_chance"] == 0.5
    assert [one["named_by"] for one in found["classes"]] == [2] * 7 + [1] * 3


def test_how_many_hits_are_more_than_chance_and_what_none_leaves_possible() -> None:
    found = told(hearing([opinion("cnn", 0), opinion("lda", 0)]))
    assert found["fewest_hits"] == 4
    assert found["smallest_detectable"] == pytest.approx(1 - 0.05**0.1)
    assert found["findings"][0]["verdict"] == "PASS"


def test_one_judge_is_no_panel() -> None:
    given = hearing(
        [opinion("cnn", 10), opinion("lda", 9, excluded="names only 60%"), opinion("gradients", 9, excluded="x")]
    )
    assert given.void == "fewer than 2 judges can be heard: lda names only 60%; gradients x"
    assert told(given)["findings"][0]["verdict"] == "INCONCLUSIVE"


def test_where_nobody_is_heard_the_figures_are_shown_beside_why_they_do_not_count() -> None:
    given = hearing([opinion("cnn", 10, excluded="x"), opinion("lda", 9, excluded="y")])
    assert given.hits == [10, 9]
    assert told(given)["panel"]["lowest"] is None
    assert [one["named_by"] for one in told(given)["classes"]] == [0] * N


def test_a_failed_control_leaves_the_question_open() -> None:
    given = hearing([opinion("cnn", 10), opinion("lda", 10)], control={"passed": False, "how": "planted"})
    assert "made to leak (planted)" in given.void
    assert told(given)["findings"][0]["verdict"] == "INCONCLUSIVE"


def test_faint_pictures_are_marked_with_the_judges_that_do_not_mind() -> None:
    given = hearing([opinion("cnn", 0), opinion("lda", 0), opinion("gradients", 9, blind=True)], pictures(0.02))
    found = told(given)
    assert found["contrast"]["faint"] == N
    assert found["contrast"]["median"] == pytest.approx(0.05)
    (said,) = account.caveats(given, found)
    assert "10 of 10 reconstructions" in said
    assert "gradients" in said


def test_pictures_that_only_machines_read_are_marked() -> None:
    """Upside down they are nothing like their records, and yet the judges name them."""
    given = hearing([opinion("cnn", 10), opinion("lda", 10)], 1 - pictures())
    found = told(given)
    assert found["ssim_gain"]["high"] < 0
    (said,) = account.caveats(given, found)
    assert "look at the pictures" in said


def test_pictures_like_their_records_need_no_mark_and_neither_do_those_that_nobody_names() -> None:
    plain = hearing([opinion("cnn", 10), opinion("lda", 10)])
    assert told(plain)["ssim_gain"]["low"] > 0
    assert account.caveats(plain, told(plain)) == []
    unnamed = hearing([opinion("cnn", 1), opinion("lda", 0)], 1 - pictures())
    assert account.caveats(unnamed, told(unnamed)) == []
