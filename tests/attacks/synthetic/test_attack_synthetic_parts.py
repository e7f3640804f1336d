"""The pieces of the attacks on synthetic tables, by hand."""

import math
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic_worlds import NAMES, tables

from govtool.attacks.synthetic import inference, linkability, singling_out
from govtool.attacks.synthetic.copies import clustered_share
from govtool.attacks.synthetic.interface import Tables
from govtool.attacks.synthetic.neighbours import Metric, metric_of
from govtool.attacks.synthetic.risk import Part, worst
from govtool.estimate import Counts


def test_the_risk_by_hand() -> None:
    found = Counts(60, 100, 20, 100).excess_risk()
    assert found.value == pytest.approx((0.6 - 0.2) / 0.8)
    assert found.low < found.value < found.high


@given(st.integers(1, 200), st.integers(1, 200), st.data())
def test_the_risk_is_a_share_inside_its_interval(members: int, others: int, data: st.DataObject) -> None:
    counts = Counts(data.draw(st.integers(0, members)), members, data.draw(st.integers(0, others)), others)
    scale = data.draw(st.floats(1, 20))
    found = counts.excess_risk(0.95, scale)
    assert 0 <= found.low <= found.value <= found.high <= 1
    wider = counts.excess_risk(0.99, scale)
    assert wider.low <= found.low
    assert wider.high >= found.high


def test_success_always_is_a_risk_of_one_and_breaks_nothing() -> None:
    assert Counts(50, 50, 0, 50).excess_risk().value == 1
    nothing_left = Counts(50, 50, 50, 50).excess_risk()
    assert (nothing_left.value, nothing_left.low, nothing_left.high) == (0, 0, 1)


def test_the_interval_of_the_risk_holds_what_it_promises() -> None:
    rng = np.random.default_rng(5)
    truth = (0.3 - 0.1) / 0.9
    drawn = [Counts(int(rng.binomial(200, 0.3)), 200, int(rng.binomial(150, 0.1)), 150) for _ in range(300)]
    inside = [found.low <= truth <= found.high for found in (counts.excess_risk() for counts in drawn)]
    assert np.mean(inside) >= 0.95


def test_a_part_says_why_it_is_of_no_use() -> None:
    assert Part("p", Counts(30, 100, 10, 100), 0.05).unusable == ""
    assert "no better than guessing" in Part("p", Counts(5, 100, 0, 100), 0.05).unusable
    assert "nothing is left" in Part("p", Counts(99, 100, 97, 100), 0.05).unusable
    assert "not of one kind" in Part("p", Counts(20, 100, 60, 100), 0.05).unusable


def test_the_worst_of_several_pays_for_all_looks() -> None:
    parts = [Part("a", Counts(30, 100, 10, 100), 0), Part("b", Counts(50, 100, 10, 100), 0)]
    found = worst(parts, looks=4)
    assert found.value == parts[1].risk(0.95).value
    assert found.low == parts[1].risk(1 - 0.05 / 4).low
    assert found.low < worst(parts, looks=1).low


def test_nearest_rows_agree_with_counting_by_hand() -> None:
    metric = Metric(np.array([2.0, 1.0]), np.array([False, True]))
    table = np.array([[0.0, 1.0], [1.0, 1.0], [9.0, 2.0]])
    distances, rows = metric.nearest(np.array([[0.5, 2.0]]), table, 2, [0, 1], np.random.default_rng(0))
    assert distances.tolist() == [[1.25, 1.25]]  # a quarter spread away and another category
    assert set(rows[0]) == {0, 1}
    _, by_category = metric.nearest(np.array([[0.5, 2.0]]), table, 1, [1], np.random.default_rng(0))
    assert by_category.tolist() == [[2]]


def test_blocks_do_not_change_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    world = tables(0, count=60, control=60)
    metric = metric_of(world)
    whole = metric.nearest(world.originals, world.synthetic, 3, range(6), np.random.default_rng(0))
    monkeypatch.setattr("govtool.attacks.synthetic.neighbours._BLOCK", 130)
    pieces = metric.nearest(world.originals, world.synthetic, 3, range(6), np.random.default_rng(0))
    assert all(np.array_equal(a, b) for a, b in zip(whole, pieces, strict=True))


@pytest.mark.parametrize(("size", "k"), [(6, 2), (7, 1), (5, 2), (4, 3)])
def test_the_chance_that_two_blind_picks_meet(size: int, k: int) -> None:
    picks = list(combinations(range(size), k))
    meeting = sum(bool(set(a) & set(b)) for a in picks for b in picks)
    assert linkability.chance(size, k) == pytest.approx(meeting / len(picks) ** 2)


def test_the_chance_of_a_random_value_being_right() -> None:
    answers, truth = np.array([0.0, 0.0, 1.0, 5.0]), np.array([0.0, 1.0])
    assert inference.chance(answers, truth, 0.0) == pytest.approx((2 / 4 + 1 / 4) / 2)
    assert inference.chance(answers, truth, 1.0) == pytest.approx(3 / 4)


def test_every_guess_fits_one_synthetic_row_and_that_is_its_own() -> None:
    world = tables(1, count=150, control=150)
    guesses, rows, asked = singling_out.guess(world, 150, np.random.default_rng(0))
    assert (guesses.matches(world.synthetic) == 1).all()
    assert (asked.sum(axis=1) >= 1).all()
    own = world.synthetic[rows]
    assert ((own >= guesses.low) & (own <= guesses.high)).all()


def test_a_window_at_the_end_of_a_column_is_open() -> None:
    world = tables(1, count=100, control=100)
    top = world.synthetic[[int(world.synthetic[:, 0].argmax())]]
    low, high = singling_out.windows(world, top)
    assert math.isinf(high[0, 0])
    assert low[0, 0] < top[0, 0]
    assert low[0, 4] == high[0, 4] == top[0, 4]
    assert NAMES[4] == "sex"


def test_many_rows_by_one_record_are_one_draw() -> None:
    one_cluster = clustered_share(np.ones(1000, dtype=bool), np.zeros(1000, dtype=np.int64))
    assert (one_cluster.value, one_cluster.n) == (1.0, 1000)
    assert one_cluster.low < 0.1
    spread = clustered_share(np.tile([True, False], 500), np.arange(1000))
    assert spread.high - spread.low < 0.08


def test_a_category_of_thousands_of_values_takes_no_column_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    from govtool.attacks import validity
    from govtool.attacks.interface import AttackData
    from govtool.attacks.synthetic import comparable

    rng = np.random.default_rng(0)
    codes = rng.permutation(9000).reshape(3, 3000)
    rows = [np.column_stack([code, rng.integers(3, size=3000)]).astype(float) for code in codes]
    found = Tables(rows[0], rows[1], rows[2], ("postcode", "sex"), np.array([True, True]))
    widths: list[int] = []
    honest = validity.blind_baseline

    def watched(data: AttackData, rng: np.random.Generator) -> Any:
        widths.append(data.features.shape[1])
        return honest(data, rng)

    monkeypatch.setattr(validity, "blind_baseline", watched)
    assert comparable.void(found, rng) == ""
    assert widths == [53]
