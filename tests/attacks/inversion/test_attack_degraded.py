"""Answers made worse on purpose, by hand."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from govtool.access import Access, reachable
from govtool.attacks import degraded
from govtool.attacks.interface import Features, FloatArray, Labels
from govtool.errors import WorkError

CHANCES = np.array([[0.62, 0.26, 0.08, 0.04], [0.1, 0.2, 0.3, 0.4]])
ROWS = np.array([[0.0], [1.0]], dtype=np.float32)


@dataclass(frozen=True)
class Fixed:
    """Answers row i of a table for the record [i]."""

    table: FloatArray
    n_classes: int = 4
    access: frozenset[Access] = reachable(frozenset({Access.WEIGHTS}))

    def log_probabilities(self, features: Features) -> FloatArray:
        return np.log(self.table[features[:, 0].astype(int)])

    def labels(self, features: Features) -> Labels:
        return self.log_probabilities(features).argmax(axis=1)

    def module(self) -> object:
        return self


EXACT = Fixed(CHANCES)


def test_rounding_to_one_decimal() -> None:
    worse = degraded.Rounded(EXACT, 1)
    assert np.exp(worse.log_probabilities(ROWS)) == pytest.approx(
        np.array([[0.6, 0.3, 0.1, 0], [0.1, 0.2, 0.3, 0.4]]), abs=1e-12
    )
    assert np.isfinite(worse.log_probabilities(ROWS)).all()


def test_rounding_keeps_the_exact_label_where_it_makes_scores_equal() -> None:
    worse = degraded.Rounded(Fixed(np.array([[0.24, 0.26, 0.25, 0.25]])), 1)
    assert worse.labels(ROWS[:1]).tolist() == [1]


def test_a_high_temperature_flattens_and_keeps_the_order() -> None:
    worse = np.exp(degraded.Tempered(EXACT, 2.0).log_probabilities(ROWS))
    roots = np.sqrt(CHANCES)
    assert worse == pytest.approx(roots / roots.sum(axis=1, keepdims=True))
    assert (worse.argmax(axis=1) == CHANCES.argmax(axis=1)).all()


def test_noise_is_of_its_size_and_asking_again_does_not_average_it_away() -> None:
    many = Fixed(np.tile([0.25, 0.25, 0.25, 0.25], (1500, 1)))
    rows = np.arange(1500, dtype=np.float32)[:, None]
    worse = degraded.Noisy(many, 0.01)
    first, again = np.exp(worse.log_probabilities(rows)), np.exp(worse.log_probabilities(rows))
    assert np.array_equal(first, again)
    assert first.sum(axis=1) == pytest.approx(1)
    # scaling to 1 takes the mean of the four draws away: a quarter of the variance
    assert first.std() == pytest.approx(0.01 * np.sqrt(3 / 4), rel=0.05)
    assert not np.array_equal(first, np.exp(degraded.Noisy(many, 0.01, seed=1).log_probabilities(rows)))


def test_noise_that_leaves_nothing_leaves_no_opinion() -> None:
    worse = degraded.Noisy(EXACT, 1e3)
    answers = np.exp(worse.log_probabilities(ROWS))
    assert answers.sum(axis=1) == pytest.approx(1)
    assert worse.labels(ROWS).tolist() == answers.argmax(axis=1).tolist()


def test_only_the_best_scores_are_shown_and_no_more_than_are_exposed() -> None:
    worse = degraded.TopK(EXACT, 2)
    shown = worse.top_scores(ROWS, 2)
    assert shown[0][:2] == pytest.approx([0.62, 0.26])
    assert shown[1][2:] == pytest.approx([0.3, 0.4])
    assert np.isnan(shown[0][2:]).all()
    assert np.isnan(shown[1][:2]).all()
    assert np.array_equal(worse.top_scores(ROWS, 4), shown, equal_nan=True)
    with pytest.raises(WorkError):
        worse.log_probabilities(ROWS)


def test_labels_only_says_nothing_else() -> None:
    worse = degraded.LabelsOnly(EXACT)
    assert worse.labels(ROWS).tolist() == [0, 3]
    assert worse.access == {Access.LABELS}
    with pytest.raises(WorkError):
        worse.log_probabilities(ROWS)


@pytest.mark.parametrize(
    "worse",
    [
        degraded.Rounded(EXACT, 1),
        degraded.Tempered(EXACT, 2),
        degraded.Noisy(EXACT, 0.1),
        degraded.TopK(EXACT, 1),
        degraded.LabelsOnly(EXACT),
    ],
)
def test_none_of_them_hands_out_the_weights(worse: degraded.Rounded) -> None:
    assert not {Access.WEIGHTS, Access.GRADIENTS} & reachable(worse.access)
    assert worse.n_classes == 4
    with pytest.raises(WorkError, match="weights"):
        worse.module()


@given(st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_the_best_k_are_the_k_largest(k: int, seed: int) -> None:
    rows = np.random.default_rng(seed).dirichlet(np.ones(5), 3)
    shown = degraded.best(rows, k)
    assert (np.isfinite(shown).sum(axis=1) == min(k, 5)).all()
    smallest = np.nanmin(shown, axis=1, keepdims=True)
    assert (np.where(np.isnan(shown), rows, -1) <= smallest).all()
