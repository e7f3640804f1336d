"""Mock worlds, missing classes, saturated answers, and references larger than memory."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from attack_worlds import TorchTarget, planted
from hypothesis import given
from hypothesis import strategies as st

from govtool.attacks.interface import AttackData, Features, FloatArray, References
from govtool.attacks.membership import moments, worlds
from govtool.attacks.membership.answers import Answers, asked
from govtool.attacks.membership.worlds import World
from govtool.errors import InputError


def world(
    phi: FloatArray, members: FloatArray, labels: list[int] | None = None, target: FloatArray | None = None
) -> World:
    inside = np.asarray(members, dtype=bool)
    classes = np.array(labels or [0] * inside.shape[1])
    own = {"phi": np.zeros(inside.shape[1]) if target is None else target}
    references = {"phi": np.asarray(phi, dtype=float)}
    return World(own, references, inside, classes, worlds.classes_seen(inside, classes), np.arange(len(inside)))


def planted_world() -> World:
    target, data = planted()
    return worlds.real(Answers(target, data), data)


def test_a_mock_targets_complement_is_not_among_its_references() -> None:
    found = worlds.mocks(planted_world(), np.random.default_rng(0))
    assert [mock.pair for mock in found] == [0, 0, 1, 1, 2, 2, 3, 3]
    for mock in found:
        held = mock.world.members[mock.world.rows]
        assert len(held) == 6
        assert not (held == mock.members).all(axis=1).any()
        assert not (held == ~mock.members).all(axis=1).any()
        assert (held.sum(axis=0) == 3).all()  # every record in as many references as out


def test_over_all_mocks_every_record_is_as_often_a_member_as_not() -> None:
    found = worlds.mocks(planted_world(), np.random.default_rng(0))
    assert (np.mean([mock.members for mock in found], axis=0) == 0.5).all()


def test_one_pair_leaves_nobody_to_pose() -> None:
    members = np.array([[1, 0], [0, 1]])
    assert worlds.mocks(world(np.zeros((2, 2)), members), np.random.default_rng(0)) == []


def test_a_reference_that_never_met_the_class_is_missing_and_not_out() -> None:
    """Record 2 is the only one of class 1: reference 1 has never met the class, so nobody is OUT of record 2."""
    found = world(np.array([[0.0, 5, 9], [5, 0, -900]]), np.array([[1, 0, 1], [0, 1, 0]]), [0, 0, 1])
    (block,) = found.blocks("phi")
    assert block.outside.tolist() == [[False, True, False], [True, False, False]]
    assert worlds.unmet(found) == 1
    outside = moments.of(found, "phi")[1]
    assert outside.mean.tolist() == [5, 5, 5]  # the unmet record is expected where the others are
    assert outside.count.tolist() == [1, 1, 0]


def test_answers_of_exactly_one_stand_just_beyond_the_others() -> None:
    """A forest says 1: phi is 744, and a mean over it would be about nothing else. The largest other |phi| is 3."""
    readings = {"phi": np.array([[744.0, 3.0], [-744.0, 1.0]])}
    cap = worlds.resolution(References(readings, np.eye(2, dtype=bool), {}), {"phi": np.array([2.0, -1.0])})
    assert cap == pytest.approx(3 + np.log(2))
    (block,) = replace(world(readings["phi"], np.eye(2)), cap=cap).blocks("phi")
    assert block.references.tolist() == [[cap, 3.0], [-cap, 1.0]]


def test_references_are_read_as_coarsely_as_a_target_that_rounds() -> None:
    held = References({"phi": np.array([[30.0, -12.0]])}, np.array([[True, False]]), {})
    assert worlds.resolution(held, {"phi": np.array([745.0, 4.0])}) == pytest.approx(4 + np.log(2))
    assert worlds.resolution(held, {"phi": np.array([5.0, 4.0])}) == pytest.approx(30 + np.log(2))


@given(st.integers(1, 9), st.integers(0, 2**31))
def test_blocks_of_any_size_give_the_same_moments(width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    whole = world(rng.normal(size=(4, 9)), rng.random((4, 9)) < 0.5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worlds, "_BLOCK_CELLS", 4 * width)
        assert len(list(whole.blocks("phi"))) == -(-9 // width)
        pieces = moments.of(whole, "phi")
    for one, other in zip(moments.of(whole, "phi"), pieces, strict=True):
        assert one.mean == pytest.approx(other.mean)
        assert one.squares == pytest.approx(other.squares)


def test_moments_by_hand() -> None:
    """Record 0: in 1 and 3 (mean 2, squares 2), out 10. Record 1: in 4, out 0 and 6 (mean 3, squares 18)."""
    inside, outside = moments.of(
        world(np.array([[1.0, 0], [3, 6], [10, 4]]), np.array([[1, 0], [1, 0], [0, 1]])), "phi"
    )
    assert (inside.mean.tolist(), outside.mean.tolist()) == ([2, 4], [10, 3])
    assert (inside.squares.tolist(), outside.squares.tolist()) == ([2, 0], [0, 18])
    assert (inside.pooled, outside.pooled) == (2, 18)  # one degree of freedom each
    assert inside.doubt.tolist() == [1.5, 2.0]


def test_references_may_lie_in_a_memory_map(tmp_path: Path) -> None:
    target, data = planted()
    assert data.references is not None
    mapped = {}
    for name, values in data.references.readings.items():
        np.save(tmp_path / f"{name}.npy", values.astype(np.float32))
        mapped[name] = np.load(tmp_path / f"{name}.npy", mmap_mode="r")
    again = replace(data, references=replace(data.references, readings=mapped))
    one, other = planted_world(), worlds.real(Answers(target, again), again)
    assert moments.of(other, "phi")[1].mean == pytest.approx(moments.of(one, "phi")[1].mean, rel=1e-4)
    assert len(worlds.mocks(other, np.random.default_rng(0))) == 8


def test_many_records_are_sampled_for_mocks_and_the_columns_belong_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worlds, "_MOST_MOCK_RECORDS", 50)
    whole = planted_world()
    mock = worlds.mocks(whole, np.random.default_rng(0))[2]
    place = int(np.flatnonzero(whole.references["phi"][2] == mock.world.target["phi"][7])[0])
    assert len(mock.world) == 50
    assert mock.world.labels[7] == whole.labels[place]
    assert mock.members[7] == whole.members[2, place]
    (block,) = mock.world.blocks("phi")
    assert block.references[:, 7] == pytest.approx(whole.references["phi"][mock.world.rows, place])


def test_a_reading_that_the_references_lack_is_refused() -> None:
    with pytest.raises(InputError, match="no reading 'phi'"):
        list(replace(planted_world(), references={}).blocks("phi"))


class Counting(TorchTarget):
    """A target that counts the records it is asked about."""

    asked = 0

    def log_probabilities(self, features: Features) -> FloatArray:
        self.asked += len(features)
        return super().log_probabilities(features)


def test_answers_are_asked_for_once_for_all_attacks() -> None:
    target, data = planted()
    counting = Counting(target.model)
    shared = {"answers": Answers(counting, data)}
    for _attack in range(3):
        assert asked(counting, data, shared).audited["phi"].shape == (len(data.labels),)
    assert counting.asked == len(data.labels)


def test_another_targets_answers_are_never_taken_for_this_ones() -> None:
    """The positive control is attacked with the parameters of the real target."""
    target, data = planted()
    other = Counting(target.model)
    assert asked(other, data, {"answers": Answers(target, data)}).target is other
    moved = AttackData(data.nonmembers, data.members, data.population)
    assert asked(target, moved, {"answers": Answers(target, data)}).data is moved
