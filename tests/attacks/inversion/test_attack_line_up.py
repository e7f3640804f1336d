"""Line-ups with answers that can be counted by hand."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from govtool.attacks.inversion import line_up
from govtool.attacks.inversion.judges import Judge


def photos(classes: int, each: int = 2, seed: int = 0) -> np.ndarray:
    """Every class lies along a direction of its own, with a little noise."""
    rng = np.random.default_rng(seed)
    return np.eye(classes, 12)[:, None] + 0.05 * rng.standard_normal((classes, each, 12))


def held(drawn: np.ndarray, gallery: np.ndarray) -> line_up.LineUp:
    (found,) = line_up.hold(drawn, np.arange(len(drawn)) * 10, gallery, [], np.random.default_rng(0))
    return found


def test_good_likenesses_are_picked_from_the_gallery_and_from_every_five() -> None:
    found = held(np.eye(8, 12), photos(8))
    assert found.nearest.tolist() == [0, 10, 20, 30, 40, 50, 60, 70]
    assert found.whole.value == 1
    assert found.of_five is not None
    assert found.of_five.value == 1
    assert found.p_value < 0.001


def test_likenesses_of_somebody_else_are_never_picked() -> None:
    found = held(np.roll(np.eye(8, 12), 1, axis=0), photos(8))
    assert found.whole.value == 0
    assert found.p_value == 1


def test_brightness_and_contrast_do_not_count() -> None:
    assert held(0.3 + 0.01 * np.eye(8, 12), photos(8)).whole.value == 1


def test_pictures_that_say_nothing_are_picked_by_chance() -> None:
    rng = np.random.default_rng(1)
    found = held(rng.standard_normal((200, 12)), rng.standard_normal((200, 3, 12)))
    assert found.of_five is not None
    assert found.of_five.low < 0.2 < found.of_five.high
    assert found.whole.low < 1 / 200 < found.whole.high
    assert found.p_value > 0.01


def test_plain_pictures_are_a_tie_and_a_tie_is_no_pick() -> None:
    found = held(np.full((8, 12), 0.5), photos(8))
    assert found.of_five is not None
    assert found.of_five.value == 0
    assert found.whole.value == 1 / 8  # the same answer for all is right once
    assert found.p_value == 1


def test_the_p_value_by_hand() -> None:
    """Three classes, all found: one of six ways to deal out three labels is right."""
    found = held(np.eye(3, 12), photos(3))
    assert found.p_value == pytest.approx(1 / 6, abs=0.02)
    assert found.of_five is None


def test_each_judge_that_has_features_of_its_own_holds_one() -> None:
    seen = Judge("half", "", np.arange(8), lambda rows: rows, lambda rows: rows[:, :6])
    plain = Judge("plain", "", np.arange(8), lambda rows: rows)
    found = line_up.hold(np.eye(8, 12), np.arange(8), photos(8), [seen, plain], np.random.default_rng(0))
    assert [one.space for one in found] == ["correlation of values", "features of judge half"]
    assert found[1].whole.value >= 6 / 8  # the last two look like nothing in the first six places


def test_a_gallery_has_as_many_of_each_class() -> None:
    labels = np.repeat([3, 1, 2], [4, 30, 12])
    found = line_up.gallery(np.column_stack([labels, np.arange(46)]), labels, np.random.default_rng(0))
    assert found.shape == (3, 4, 2)
    assert (found[:, :, 0] == [[1], [2], [3]]).all()
    assert len(np.unique(found[:, :, 1])) == 12
    assert line_up.gallery(np.zeros((60, 2)), np.repeat([0, 1], 30), np.random.default_rng(0)).shape == (2, 10, 2)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(5, 8))
def test_the_line_ups_of_five_are_all_those_that_can_be_put_together(seed: int, classes: int) -> None:
    alike = np.random.default_rng(seed).integers(5, size=(classes, classes, 2)).astype(float)  # few values: with ties
    wanted = []
    for own in range(classes):
        others = [other for other in range(classes) if other != own]
        wins = [
            all(alike[own, other, p] < alike[own, own, photo] for other, p in zip(four, picked, strict=True))
            for photo in range(2)
            for four in combinations(others, 4)
            for picked in np.ndindex(2, 2, 2, 2)
        ]
        wanted.append(np.mean(wins))
    assert line_up.picked_of_five(alike) == pytest.approx(np.array(wanted))
