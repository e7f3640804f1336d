from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from govtool.attacks.interface import AttackData, Records
from govtool.attacks.membership import people
from govtool.errors import InputError


def records(subjects: list[str] | None, count: int = 4) -> Records:
    return Records(
        np.zeros((count, 2), dtype=np.float32),
        np.zeros(count, dtype=np.int64),
        None if subjects is None else np.array(subjects),
    )


FAMILIES = AttackData(records(["ann", "ann", "bo", "cy"]), records(["di", "di", "di", "ed"]))


def test_somebody_with_several_records_makes_the_unit_a_person() -> None:
    found = people.units(FAMILIES)
    assert (found.person, found.count) == (True, 5)
    assert sorted(found.sizes.tolist()) == [1, 1, 1, 2, 3]


def test_a_persons_score_is_the_mean_of_their_records() -> None:
    found = people.units(FAMILIES)
    scores = np.array([1.0, 3.0, 5.0, 6.0, 0.0, 1.0, 2.0, 9.0])
    judged = people.judged(found, scores, FAMILIES.membership)
    by_person = dict(zip(found.of[[0, 2, 3, 4, 7]].tolist(), [2.0, 5.0, 6.0, 1.0, 9.0], strict=True))
    assert judged.scores.tolist() == [by_person[unit] for unit in judged.chosen.tolist()]
    assert judged.membership.sum() == 3
    assert judged.mixed == 0


def test_a_person_on_both_sides_is_neither_member_nor_non_member() -> None:
    data = AttackData(records(["ann", "ann", "bo", "cy"]), records(["ann", "di", "ed", "flo"]))
    judged = people.judged(people.units(data), np.arange(8.0), data.membership)
    assert judged.mixed == 1
    assert len(judged.scores) == 5


def test_one_record_each_stays_by_record_unless_people_are_asked_for() -> None:
    data = AttackData(records(list("abcd")), records(list("efgh")))
    assert not people.units(data).person
    assert people.units(replace(data, unit="person")).person
    assert not people.units(replace(FAMILIES, unit="record")).person


def test_records_that_name_nobody_are_people_of_their_own() -> None:
    data = AttackData(records(["", " ", "ann", "ann"]), records(["", "bo", "cy", "di"]))
    assert people.units(data).count == 7


def test_people_cannot_be_asked_for_where_nobody_is_named() -> None:
    nameless = replace(FAMILIES, nonmembers=records(None))
    assert not people.units(nameless).person
    with pytest.raises(InputError, match="do not say whose they are"):
        people.units(replace(nameless, unit="person"))


@given(st.lists(st.integers(0, 3), min_size=4, max_size=12), st.randoms(use_true_random=False))
def test_the_order_of_records_changes_no_persons_score(owners: list[int], draw: object) -> None:
    names = [f"p{owner}" for owner in owners] + ["p0", "p0"]
    data = AttackData(records(names, len(names)), records(["x", "x"], 2))
    scores = np.arange(len(names) + 2, dtype=float)
    order = list(range(len(names)))
    draw.shuffle(order)  # type: ignore[attr-defined]
    turned = AttackData(records([names[i] for i in order], len(names)), records(["x", "x"], 2))
    one = people.judged(people.units(data), scores, data.membership)
    two = people.judged(people.units(turned), scores[[*order, *range(len(names), len(names) + 2)]], data.membership)
    assert sorted(one.scores.tolist()) == pytest.approx(sorted(two.scores.tolist()))
