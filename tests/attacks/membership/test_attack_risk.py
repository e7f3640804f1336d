import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from govtool.attacks.interface import References
from govtool.attacks.membership import risk


def test_the_p_value_counts_the_member_in() -> None:
    """Non-members score 1, 2, 3; the members 4 (nobody as high), 2 (two as high) and 0 (all three)."""
    scores, membership = np.array([4.0, 2, 0, 1, 2, 3]), np.array([True] * 3 + [False] * 3)
    assert risk.p_values(scores, membership).tolist() == [1 / 4, 3 / 4, 1.0]


def test_without_leakage_no_more_members_are_recognised_than_the_rate_allows() -> None:
    rng = np.random.default_rng(0)
    shares = []
    for _world in range(200):
        values = risk.p_values(rng.normal(size=400), np.repeat([True, False], 200))
        shares.append(np.mean(values <= 0.05))
    assert np.mean(shares) < 0.055


def test_whom_an_attacker_could_name_depends_on_whom_else_they_ask_about() -> None:
    """Half of 100 members have p = 1/1000. Asked among as many others, 9 in 10 of up to 55 may be named."""
    values = np.concatenate([np.full(50, 0.001), np.linspace(0.02, 1, 50)])
    evenly, rarely = risk.named(values, 0.5), risk.named(values, 0.001)
    assert evenly.sum() >= 50
    assert rarely.sum() == 0
    found = evenly.sum() / 100
    assert found / (found + values[evenly].max()) >= 0.9


def test_tied_members_are_named_together_or_not_at_all() -> None:
    chosen = risk.named(np.array([0.01, 0.3, 0.3, 0.3]), 0.5, precision=0.7)
    assert chosen.tolist() in ([True, False, False, False], [True] * 4)


@given(st.lists(st.floats(0.001, 1), max_size=30))
def test_the_more_certain_are_always_named_first(values: list[float]) -> None:
    array = np.array(values)
    chosen = risk.named(array, 0.5)
    if chosen.any() and not chosen.all():
        assert array[chosen].max() < array[~chosen].min()


def references(phi: np.ndarray, members: np.ndarray) -> References:
    return References({"phi": phi}, members, {})


def test_sensitivity_is_the_shift_in_standard_deviations() -> None:
    """Two records over four models. The first moves from 0 to 4, the second not at all; within groups they vary by 1."""
    members = np.array([[1, 1], [1, 1], [0, 0], [0, 0]], dtype=bool)
    phi = np.array([[5.0, 1], [3, -1], [1, 1], [-1, -1]])
    assert risk.sensitivity(references(phi, members)) == pytest.approx([4 / np.sqrt(2), 0.0])


def test_a_record_that_no_reference_saw_has_no_sensitivity() -> None:
    members = np.array([[1, 0], [1, 0], [0, 0], [0, 0]], dtype=bool)
    found = risk.sensitivity(references(np.arange(8.0).reshape(4, 2), members))
    assert np.isfinite(found[0])
    assert np.isnan(found[1])


def test_the_summary_names_nobody_and_leaves_out_small_groups() -> None:
    scores = np.concatenate([np.full(30, 2.0), np.zeros(35), np.linspace(-1, 1, 200)])
    membership = np.repeat([True, False], [65, 200])
    groups = np.concatenate([np.zeros(30), np.ones(30), np.full(5, 2), np.zeros(200)]).astype(int)
    found = risk.summary(scores, membership, groups)
    assert [row["group"] for row in found["groups"]["rows"]] == ["0", "1"]
    assert found["groups"]["left_out"] == 1
    assert found["groups"]["rows"][0]["estimate"]["value"] == 1.0
    assert found["groups"]["rows"][0]["estimate"]["confidence_level"] == pytest.approx(0.975)
    assert [row["fpr"] for row in found["recognised"]] == [0.1, 0.01]  # 0.1 % cannot be told with 200
    assert found["named"][0]["members"] == 30


def test_groups_are_not_reported_where_no_rate_can_be_told() -> None:
    found = risk.summary(np.arange(10.0), np.repeat([True, False], 5), np.zeros(10, dtype=np.int64))
    assert found["recognised"] == []
    assert found["groups"] is None
