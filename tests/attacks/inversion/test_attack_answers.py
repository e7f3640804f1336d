"""The parts of inversion through answers, one by one: the bill, the reading of answers, the space, the searches."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from govtool.access import Access
from govtool.attacks import degraded
from govtool.attacks.interface import Features, FloatArray, Records
from govtool.attacks.inversion.answers import evolution, reading, space, surrogate, votes
from govtool.attacks.inversion.answers.ledger import Ledger, Terms
from govtool.attacks.inversion.answers.reading import Precision
from govtool.attacks.inversion.question import Bounds, Question
from govtool.errors import InputError


@dataclass
class Counting:
    """A server of two classes that writes down every record it was asked about."""

    seen: list[tuple[float, ...]] = field(default_factory=list)

    def __call__(self, features: Features) -> FloatArray:
        self.seen += [tuple(map(float, row)) for row in features]
        chance = 1 / (1 + np.exp(-features[:, :1].astype(float)))
        return np.hstack([chance, 1 - chance])


def rows(*values: float) -> Features:
    return np.array([[value] for value in values], dtype=np.float32)


def test_the_ledger_counts_each_different_record_once() -> None:
    """1, 2, 2, 3 is three; 3 and 1 again are known; 4 is new: four queries, of which the server saw four."""
    server = Counting()
    ledger = Ledger(server, Terms(5), classes=2)
    first = ledger(rows(1, 2, 2, 3))
    assert first[1] == pytest.approx(first[2])
    assert ledger(rows(3, 4, 1))[2] == pytest.approx(first[0])
    assert server.seen == [(1,), (2,), (3,), (4,)]
    assert (ledger.spent, ledger.left, ledger.repeated) == (4, 6, 3)
    assert ledger.to_dict() == {
        "total": 4,
        "classes": 2,
        "per_class": 2.0,
        "budget_per_class": 5,
        "repeated": 3,
        "price_per_1000": None,
        "cost": None,
    }


def test_the_budget_is_kept_to_the_last_query_and_not_beyond() -> None:
    server = Counting()
    ledger = Ledger(server, Terms(2), classes=2)
    ledger(rows(1, 2, 3))
    with pytest.raises(ValueError, match="2 queries asked for, 1 of 4 left"):
        ledger(rows(4, 5))
    ledger(rows(4, 1, 2))
    assert len(server.seen) == 4
    assert ledger.left == 0


def test_money_is_counted_at_the_stated_price_and_at_no_other() -> None:
    ledger = Ledger(Counting(), Terms(1000, 1.50), classes=2)
    ledger(np.arange(1200, dtype=np.float32)[:, None])
    assert ledger.to_dict()["cost"] == 1.80  # 1.2 thousands at 1.50
    assert "1,200 different queries for 2 classes, 600 for each" in ledger.sentence()
    assert "At the stated price of 1.5 for a thousand that is 1.80." in ledger.sentence()
    assert "no price was stated" in Ledger(Counting(), Terms(1), 1).sentence()


@pytest.mark.parametrize("queries", [0, 19, -5, 300.0, "300", True, None])
def test_queries_are_a_whole_number_of_at_least_the_fewest(queries: object) -> None:
    with pytest.raises(InputError, match="'queries' is a whole number from 20"):
        Terms.of(queries, None, 20)


@pytest.mark.parametrize("price", [-1, "1.50", float("inf"), float("nan"), True])
def test_a_price_is_a_number(price: object) -> None:
    with pytest.raises(InputError, match="price_per_1000"):
        Terms.of(20, price, 20)
    assert Terms.of(20, 0, 20) == Terms(20, 0.0)


@pytest.mark.parametrize(
    ("values", "step"),
    [
        ([0.1, 0.9, 0.0], 0.1),
        ([0.25, 0.75], 0.01),
        ([1 / 3, 2 / 3], 0.0),
        ([1.0, 5e-324], 0.1),
        ([1 - 1e-12, 1e-12], 0.0),  # a sure model, and not a rounded one
        ([0.5, np.nan], 0.1),
    ],
)
def test_how_finely_answers_are_given_is_seen_from_them(values: list[float], step: float) -> None:
    assert Precision.of(np.array([values])).step == pytest.approx(step)


def test_what_rounding_took_is_shared_evenly_below_half_a_step() -> None:
    """0.9 shown leaves 0.1 for three zeros; 0.5 + 0.3 leaves 0.2 for two, of which no zero can hide more than 0.05."""
    found = reading.whole(np.array([[0.9, 0, 0, 0], [0.5, 0.3, 0, 0]]), Precision(0.1))
    assert found[0] == pytest.approx([0.9, 1 / 30, 1 / 30, 1 / 30])
    assert found[1] == pytest.approx(np.array([0.5, 0.3, 0.05, 0.05]) / 0.9)


def test_a_hidden_score_is_no_larger_than_the_smallest_shown() -> None:
    found = reading.whole(np.array([[0.6, 0.1, np.nan, np.nan, np.nan]]), Precision(0.0))
    assert found[0] == pytest.approx([0.6, 0.1, 0.1, 0.1, 0.1])


@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 2, 6]), st.integers(1, 7))
def test_whatever_is_hidden_the_reading_sums_to_one_and_keeps_the_best(seed: int, decimals: int, k: int) -> None:
    exact = np.random.default_rng(seed).dirichlet(np.full(7, 0.3), 4)
    shown = degraded.best(np.round(exact, decimals), k)
    found = reading.whole(shown, Precision(10.0**-decimals))
    assert found.sum(axis=1) == pytest.approx(1)
    assert (found >= 0).all()
    own = np.arange(4), np.nan_to_num(shown).argmax(axis=1)
    assert (found[own] >= found.max(axis=1) - 1e-12).all()


def test_log_odds_are_no_finer_than_the_answers() -> None:
    found = reading.log_odds(np.array([[0.5, 0.5], [1.0, 0.0]]))
    assert found == pytest.approx(np.array([[0, 0], np.log(0.95 / 0.05) * np.array([1, -1])]))


def question(shape: tuple[int, int, int] | None, features: int, public: Features | None = None) -> Question:
    bounds = Bounds(np.zeros(features, dtype=np.float32), np.ones(features, dtype=np.float32))
    known = None if public is None else Records(public, np.zeros(len(public), dtype=np.int64))
    return Question(np.array([0, 1]), bounds, shape, known)


def test_without_public_records_pictures_are_sought_among_low_frequencies() -> None:
    found = space.of(question((1, 16, 12), 192))
    assert found.size == 100
    unit = found.basis / np.linalg.norm(found.basis, axis=1, keepdims=True)
    assert unit @ unit.T == pytest.approx(np.eye(100), abs=1e-12)
    assert np.ptp(found.basis[0]) == pytest.approx(0)  # the first is the brightness of the whole
    assert (np.diff(found.spread * np.linalg.norm(found.basis, axis=1)) <= 1e-12).all()
    assert found.decode(np.zeros((1, 100))) == pytest.approx(np.full((1, 192), 0.5))
    assert len(found.starts) == 0


def test_colours_have_frequencies_of_their_own() -> None:
    found = space.of(question((3, 4, 4), 48))
    assert found.size == 48
    assert np.linalg.matrix_rank(found.basis) == 48


def test_a_table_is_sought_by_its_features_and_a_wide_one_by_mixtures() -> None:
    narrow, wide = space.of(question(None, 7)), space.of(question(None, 150))
    assert (narrow.size, wide.size) == (7, 100)
    assert np.count_nonzero(narrow.basis) == 7
    assert wide.what == "100 random mixtures of the 150 features"


def test_public_records_are_found_again_in_their_space() -> None:
    public = np.random.default_rng(0).random((12, 30)).astype(np.float32)
    found = space.of(question(None, 30, public))
    assert found.what == "11 principal components of 12 public records"
    assert found.decode(found.starts) == pytest.approx(public, abs=1e-5)
    assert found.starts.std(axis=0, ddof=1) == pytest.approx(found.spread, rel=1e-3)


def test_few_public_pictures_are_doubled_by_their_mirror_images() -> None:
    public = np.random.default_rng(0).random((12, 30)).astype(np.float32)
    found = space.of(question((1, 6, 5), 30, public))
    assert found.what == "23 principal components of 12 public records and their mirror images"
    mirrored = public.reshape(12, 6, 5)[:, :, ::-1].reshape(12, 30)
    assert found.decode(found.starts)[12:] == pytest.approx(mirrored, abs=1e-5)


def test_public_records_that_are_all_alike_say_nothing() -> None:
    found = space.of(question((1, 6, 5), 30, np.full((4, 30), 0.3, dtype=np.float32)))
    assert "frequencies" in found.what


def flat(size: int) -> space.Space:
    return space.Space("", (size,), np.full(size, 0.5), np.eye(size), np.ones(size), np.zeros((0, size)))


WEIGHTS = np.array([[3.0, -3, 0], [0, 0, 3], [0, 0, -3]])


def linear(latents: FloatArray) -> FloatArray:
    """A target of three classes: the first latent speaks for 0 against 1, the second for 2, the third against 2."""
    logits = latents @ WEIGHTS
    raw = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(raw / raw.sum(axis=1, keepdims=True))


def test_the_stand_in_learns_a_linear_target_from_its_probabilities() -> None:
    latents = np.random.default_rng(0).standard_normal((400, 3))
    found = surrogate.fit(latents, linear(latents), decay=1e-5)
    centred = found.weights - found.weights.mean(axis=1, keepdims=True)  # what all classes share means nothing
    assert centred == pytest.approx(WEIGHTS - WEIGHTS.mean(axis=1, keepdims=True), abs=0.1)


@pytest.mark.parametrize("answer", [[0.6, np.nan, np.nan], [0.6, 0.0, 0.0]])
def test_hidden_scores_count_by_their_sum(answer: list[float]) -> None:
    """Where nothing varies only the bias is learnt: 0.6 for the class shown, and the rest shared as nothing speaks against it."""
    found = surrogate.fit(np.zeros((50, 2)), np.tile(answer, (50, 1)))
    chances = np.exp(found.bias) / np.exp(found.bias).sum()
    assert chances == pytest.approx([0.6, 0.2, 0.2], abs=1e-3)


def test_rounded_scores_that_sum_to_more_than_one_are_scaled() -> None:
    shown, hidden, rest = surrogate._known(np.array([[0.6, 0.6, 0.0], [0.7, 0.2, 0.0], [0.5, 0.3, 0.2]]))
    assert shown == pytest.approx(np.array([[0.5, 0.5, 0], [0.7, 0.2, 0], [0.5, 0.3, 0.2]]))
    assert hidden.tolist() == [[False, False, True], [False, False, True], [False, False, False]]
    assert rest[:, 0] == pytest.approx([0, 0.1, 0])


def test_one_score_of_many_is_enough_to_learn_the_others() -> None:
    """Class 2 against 1 is never seen side by side: only the best score is shown, and the two are told apart all the same."""
    latents = np.random.default_rng(0).standard_normal((3000, 3))
    found = surrogate.fit(latents, degraded.best(linear(latents), 1), decay=1e-5)
    centred = found.weights - found.weights.mean(axis=1, keepdims=True)
    assert centred == pytest.approx(WEIGHTS - WEIGHTS.mean(axis=1, keepdims=True), abs=0.3)


def test_what_is_typical_by_hand() -> None:
    """One latent w z for class 1 against class 0: softplus(10 - w z) + 0.05 z^2 is least where w / (1 + e^(w z - 10)) = 0.1 z."""
    model = surrogate.Linear(np.array([[0.0, 4.0]]), np.zeros(2))
    z = float(surrogate.invert(model, np.array([1]))[0, 0])
    assert 4 / (1 + np.exp(4 * z - 10)) == pytest.approx(0.1 * z, rel=1e-3)
    assert float(surrogate.invert(model, np.array([0]))[0, 0]) == pytest.approx(-z, rel=1e-3)


@pytest.mark.parametrize("search", [surrogate.search, evolution.nes, evolution.cma, votes.search])
@pytest.mark.parametrize("budget", [147, 333, 600])
def test_no_search_asks_for_more_than_it_may(search: object, budget: int) -> None:
    asked = []

    def answer(latents: FloatArray) -> FloatArray:
        asked.append(len(latents))
        return linear(latents)

    search(answer, flat(3), np.arange(3), budget, np.random.default_rng(0))  # type: ignore[operator]
    assert budget / 2 < sum(asked) <= budget


@pytest.mark.parametrize("search", [surrogate.search, evolution.nes, evolution.cma])
@pytest.mark.parametrize("worse", [lambda p: p, lambda p: np.round(p, 1)])
def test_a_search_by_scores_finds_what_each_class_is_about(search: object, worse: object) -> None:
    found = search(  # type: ignore[operator]
        lambda z: worse(linear(z)),  # type: ignore[operator]
        flat(3),
        np.arange(3),
        1500,
        np.random.default_rng(0),
    )
    assert (linear(found).argmax(axis=1) == [0, 1, 2]).all()
    assert found[0, 0] > 0.5 > -0.5 > found[1, 0]
    assert found[2, 1] > 0.5 > -0.5 > found[2, 2]


def test_votes_walk_to_the_middle_of_a_class_by_labels_alone() -> None:
    """Class 0 is where the first latent outweighs the others, class 2 where the second less the third does."""

    def answer(latents: FloatArray) -> FloatArray:
        return np.asarray(np.eye(3)[linear(latents).argmax(axis=1)], dtype=np.float64)

    found = votes.search(answer, flat(3), np.arange(3), 3000, np.random.default_rng(0))
    assert found[0, 0] > 1 > -1 > found[1, 0]
    assert found[2, 1] - found[2, 2] > 2
    away = np.random.default_rng(1).standard_normal((500, 3))
    away *= np.sqrt(3) / np.linalg.norm(away, axis=1, keepdims=True)
    kept = [(linear(found[label] + away).argmax(axis=1) == label).mean() for label in range(3)]
    assert min(kept) > 0.8  # a sphere as wide as typical records spread keeps its label


def test_votes_do_not_leave_where_records_lie() -> None:
    """One class everywhere: every sphere is whole, nothing repels, and the centre stays in the middle."""
    found = votes.search(
        lambda z: np.tile([1.0, 0], (len(z), 1)), flat(3), np.array([0]), 2000, np.random.default_rng(0)
    )
    assert np.abs(found).max() < 0.5
    far = votes._within(np.array([[30.0, 0, 0], [0.5, 0, 0]]), flat(3))
    assert far == pytest.approx(np.array([[1.5 * np.sqrt(3), 0, 0], [0.5, 0, 0]]))


def test_the_same_seed_finds_the_same() -> None:
    for search in (surrogate.search, evolution.nes, evolution.cma, votes.search):
        first, again = (search(linear, flat(3), np.arange(3), 300, np.random.default_rng(5)) for _ in range(2))
        assert np.array_equal(first, again)


def test_ranks_by_hand_equals_share() -> None:
    utilities = np.array([0.5, 0.3, -0.2, -0.6])
    found = evolution._by_rank(np.array([[7.0, 1, 1, 9]]), utilities)
    assert found[0] == pytest.approx([-0.2, 0.4, 0.4, -0.6])


@given(st.integers(2, 60))
def test_utilities_sum_to_nothing_and_fall(population: int) -> None:
    found = evolution._utilities(population)
    assert found.sum() == pytest.approx(0, abs=1e-12)
    assert (np.diff(found) <= 1e-15).all()


def test_an_endpoint_that_does_not_count_its_classes_is_read_all_the_same() -> None:
    class Unknown:
        n_classes = 0
        access = frozenset({Access.LABELS})

        def labels(self, features: Features) -> np.ndarray:
            return features[:, 0].astype(np.int64)

    found = reading.of_labels(Unknown(), np.array([0, 2]))(rows(0, 2, 9))  # type: ignore[arg-type]
    assert found.tolist() == [[1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
