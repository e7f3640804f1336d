"""The arithmetic of the swap, by hand on records of one number each, and of its weaker stand-in."""

import numpy as np
import pytest

from govtool.attacks.inversion import single_model, swap
from govtool.attacks.inversion.likeness import Likeness, distance, typical_distance

PLAIN = Likeness(None, 1.0)
"""Likeness is 1 less the distance."""


def column(*values: float) -> np.ndarray:
    return np.array(values, dtype=float)[:, None]


def two_classes() -> swap.Case:
    """Half A: 0.0 and 0.5; half B: 0.2 and 0.9; a record of each class."""
    units, labels = column(0.0, 0.5, 0.2, 0.9), np.array([0, 1, 0, 1])
    return swap.Case.of(units, labels, (np.array([0, 1]), np.array([2, 3])), np.random.default_rng(0))


def test_by_hand() -> None:
    """Class 0: A draws 0.05 and B draws 0.2. s(A,A) = 0.95, s(A,B) = 0.85, s(B,A) = 0.8, s(B,B) = 1: advantage 0.15.
    Class 1: both draw 0.7: s(., A) = 0.8, s(., B) = 0.8: advantage 0, and the tie is half a hit for both.
    """
    drawn = np.stack([column(0.05, 0.7), column(0.2, 0.7)])
    found = swap.compare(drawn, two_classes(), PLAIN)
    assert found.likeness[0] == pytest.approx(np.array([[0.95, 0.85], [0.8, 1.0]]))
    assert found.advantage == pytest.approx([0.15, 0.0])
    assert found.hits.tolist() == [[1.0, 1.0], [0.5, 0.5]]
    # class 0: (B's drawing to A: 0.8, less to A's class 1: 0.7) and (A's to B: 0.85, less to B's class 1: 0.15)
    assert found.identity[0] == pytest.approx(((0.8 - 0.7) + (0.85 - 0.15)) / 2)


def test_the_same_drawing_from_both_shows_no_record() -> None:
    drawn = np.stack([column(0.3, 0.6)] * 2)
    found = swap.compare(drawn, two_classes(), PLAIN)
    assert found.advantage == pytest.approx([0, 0])
    assert found.hits.sum(axis=1) == pytest.approx([1, 1])


def test_the_record_itself_shows_everything_and_a_swap_of_both_the_opposite() -> None:
    case = two_classes()
    copied = swap.compare(case.means, case, PLAIN)
    assert copied.advantage == pytest.approx([0.2, 0.4])
    assert copied.hits.min() == 1
    exchanged = swap.compare(case.means[::-1], case, PLAIN)
    assert exchanged.advantage == pytest.approx([-0.2, -0.4])
    assert exchanged.hits.max() == 0


def test_only_classes_in_both_halves_are_compared_and_of_many_records_some() -> None:
    units, labels = np.random.default_rng(0).random((600, 3)), np.repeat([0, 1, 2], 200)
    halves = (np.arange(0, 400, 2), np.arange(1, 600, 2))
    case = swap.Case.of(units, labels, halves, np.random.default_rng(0))
    assert case.classes.tolist() == [0, 1]
    assert {len(records) for half in case.records for records in half} == {swap.MOST}


def test_likeness_in_a_table_is_measured_by_how_far_records_of_a_class_lie_apart() -> None:
    """Two records 0.4 apart in one feature of four: 0.2 in the root mean square."""
    left, right = np.array([[0.1, 0, 0, 0]]), np.array([[0.5, 0, 0, 0]])
    assert distance(left, right) == pytest.approx([0.2])
    typical = typical_distance([(left, right)])
    assert typical == pytest.approx(0.2)
    table = Likeness(None, typical).table(left, np.concatenate([left, right, right + 0.2]))
    assert table[0, :2] == pytest.approx([1, 0], abs=1e-9)
    assert table[0, 2] < 0


def test_pictures_are_compared_block_by_block_as_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.random.default_rng(0).random((7, 64))
    likeness = Likeness((1, 8, 8))
    whole = likeness.table(rows[:2], rows)
    monkeypatch.setattr("govtool.attacks.inversion.likeness._AT_ONCE", 256)
    assert likeness.table(rows[:2], rows) == pytest.approx(whole)


def groups(seed: int) -> tuple[single_model.Group, single_model.Group]:
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(6), 4)
    return tuple(single_model.Group(rng.random((24, 5)), labels) for _ in range(2))


def test_a_copy_of_a_training_record_is_nearer_than_its_class_mean_and_grey_is_not() -> None:
    trained, held = groups(0)
    found = single_model.distance_ratio(trained.units[::4], np.arange(6), trained, held, np.random.default_rng(0))
    assert found is not None
    ratios = {name: data["value"] for name, data in found["ratios"].items()}
    assert ratios["drawn"] == pytest.approx(0, abs=1e-9)
    assert ratios["class mean"] < 1
    assert 0.8 < ratios["plain grey"] < 1.2
    assert "weaker" in found["note"]


def test_without_held_out_records_of_the_classes_there_is_no_ratio() -> None:
    trained, held = groups(0)
    others = single_model.Group(held.units, held.labels + 10)
    assert (
        single_model.distance_ratio(trained.units[::4], np.arange(6), trained, others, np.random.default_rng(0)) is None
    )
