"""Two halves share the classes and nothing else; people stay whole where a class has several."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from govtool.attacks.interface import Records
from govtool.attacks.inversion.halving import halved


def members(labels: list[int], people: list[str] | None = None) -> Records:
    return Records(
        np.zeros((len(labels), 1), np.float32), np.array(labels), None if people is None else np.array(people)
    )


def cut(records: Records, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    return halved(records, np.random.default_rng(seed))


def test_an_odd_record_is_left_out_and_another_one_next_time() -> None:
    records = members([0, 0, 0, 1, 1])
    first, second = cut(records)
    assert (np.bincount(records.labels[first]) == [1, 1]).all()
    assert (np.bincount(records.labels[second]) == [1, 1]).all()
    left = {tuple(np.setdiff1d(np.arange(5), np.concatenate(cut(records, seed)))) for seed in range(20)}
    assert left == {(0,), (1,), (2,)}


def test_a_class_of_one_record_is_in_neither_half() -> None:
    assert set(np.concatenate(cut(members([0, 0, 1])))) == {0, 1}


def test_a_class_of_one_person_is_cut_record_by_record() -> None:
    first, second = cut(members([0, 0, 1, 1], ["ann", "ann", "bob", "bob"]))
    assert len(first) == len(second) == 2


def test_no_name_is_nobody_and_not_one_person() -> None:
    first, second = cut(members([0] * 4, ["", "", "", ""]))
    assert len(first) == len(second) == 2


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), min_size=1, max_size=40), st.integers(0, 5))
def test_halves_are_disjoint_alike_and_keep_people_whole(rows: list[tuple[int, int]], seed: int) -> None:
    records = members([label for label, _ in rows], [f"p{person}" for _, person in rows])
    assert records.subjects is not None
    first, second = cut(records, seed)
    assert not set(first) & set(second)
    assert (np.bincount(records.labels[first], minlength=4) == np.bincount(records.labels[second], minlength=4)).all()
    for label in range(4):
        own = records.labels == label
        if len(set(records.subjects[own])) > 1:
            sides = [set(records.subjects[half[records.labels[half] == label]]) for half in (first, second)]
            assert not sides[0] & sides[1]
            assert sides[0]
        elif own.sum() > 1:
            assert (records.labels[first] == label).sum() == own.sum() // 2
