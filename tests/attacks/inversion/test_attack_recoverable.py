"""The finding by hand: 40 people, chance 2.5 %, limit 12.5 %."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govtool.attacks.inversion.recoverable import Heard, Limit, find
from govtool.estimate import clopper_pearson


def verdict(hits: list[int], classes: int = 40, *, control: bool | None = True, void: str = "") -> str:
    return find(Heard(hits, classes), control=control, void=void)["verdict"]


@pytest.mark.parametrize(
    ("hits", "answer"),
    [
        ([39, 38, 36], "FAIL"),
        ([10, 10, 0], "FAIL"),  # two families agree
        ([9, 10, 0], "INCONCLUSIVE"),  # and here only one surely does
        ([40, 0, 0], "INCONCLUSIVE"),  # one judge may be seeing things, but it rules out a pass
        ([40, 2], "INCONCLUSIVE"),  # of two judges the median is the more generous, and one family is not two
        ([12, 11], "FAIL"),
        ([1, 1, 1], "PASS"),
        ([0, 0, 0], "PASS"),
        ([2, 0, 0], "INCONCLUSIVE"),  # up to 15.2 %
    ],
)
def test_the_finding_follows_the_judges(hits: list[int], answer: str) -> None:
    assert verdict(hits) == answer


def test_without_a_planted_leak_that_was_found_nothing_passes() -> None:
    assert verdict([0, 0, 0], control=None) == "INCONCLUSIVE"
    assert verdict([0, 0, 0], control=False) == "INCONCLUSIVE"
    assert verdict([39, 38, 36], control=None) == "FAIL"


def test_figures_that_do_not_count_say_nothing_either_way() -> None:
    found = find(Heard([40], 40), control=True, void="fewer than 2 judges")
    assert found["verdict"] == "INCONCLUSIVE"
    assert "fewer than 2 judges" in found["reason"]
    assert found["figures"] == {}


@pytest.mark.parametrize("classes", [2, 3, 4, 5, 6])
def test_of_few_classes_nothing_can_fail_so_nothing_passes(classes: int) -> None:
    assert verdict([classes] * 3, classes) == verdict([0] * 3, classes) == "INCONCLUSIVE"


def test_from_seven_classes_on_there_is_an_answer() -> None:
    assert verdict([7, 7, 7], 7) == "FAIL"
    assert verdict([0, 0, 0], 7) == "PASS"


def test_the_limit_is_five_times_chance_or_half_way_to_certainty() -> None:
    assert Limit.of(40).rate == 0.125
    assert Limit.of(10).rate == 0.5
    assert Limit.of(5).rate == pytest.approx(0.6)
    assert Limit.of(40, times_chance=2).rate == 0.05


def test_the_finding_carries_its_figures_its_limit_and_what_it_weighs() -> None:
    found = find(Heard([39, 30, 36], 40), control=True)
    json.dumps(found, allow_nan=False)
    assert found["question"] == "class_recoverable"
    assert found["figures"]["median"] == clopper_pearson(36, 40).to_dict()
    assert found["figures"]["two_families"] == clopper_pearson(36, 40).to_dict()
    assert found["figures"]["most_generous"] == clopper_pearson(39, 40, 0.90).to_dict()
    assert found["limit"] == {"rate": 0.125, "times_chance": 5.0, "chance": 0.025}
    assert "one person" in found["legal_weight"]
    assert "90.0 % of 40 classes" in found["reason"]


@given(st.lists(st.integers(0, 40), min_size=2, max_size=5), st.integers(0, 4))
def test_one_more_hit_never_makes_it_better(hits: list[int], which: int) -> None:
    order = ["PASS", "INCONCLUSIVE", "FAIL"]
    more = list(hits)
    more[which % len(hits)] = min(40, more[which % len(hits)] + 1)
    assert order.index(verdict(more)) >= order.index(verdict(hits))
