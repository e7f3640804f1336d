"""Candidates of a sensitive attribute: coded, one-hot, dropped, standardised, continuous; and what goes with them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from govtool.attacks.attribute import encoding, learner, proxies
from govtool.attacks.interface import Features, Sensitive
from govtool.errors import InputError


def table(*columns: list[float]) -> Features:
    return np.repeat(np.column_stack(columns), 5, axis=0).astype(np.float32)


def test_a_coded_column() -> None:
    records = table([0, 1, 2], [7, 8, 9])
    found = encoding.learn(Sensitive("ward", (0,)), records, ())
    assert found.names == ("0", "1", "2")
    assert found.codes(records).tolist() == np.repeat([0, 1, 2], 5).tolist()
    assert found.others(records)[:, 0].tolist() == records[:, 1].tolist()


def test_a_one_hot_group_is_named_by_the_column_that_is_up_even_when_standardised() -> None:
    records = table([1, 0, 0], [0, 1, 0], [3, 4, 5])
    names = ("ward_a", "ward_b", "age")
    plain = encoding.learn(Sensitive("ward", (0, 1)), records, names)
    scaled = encoding.learn(Sensitive("ward", (0, 1)), (records - 0.3) / 0.5, names)
    assert set(plain.names) == set(scaled.names) == {"ward_a", "ward_b", "none of them"}


def test_listed_values_keep_their_names_and_order() -> None:
    found = encoding.learn(Sensitive("sex", (0,), {"male": 1.0, "female": 0.0}), table([0, 1], [2, 3]), ())
    assert found.names == ("male", "female")
    assert found.codes(table([0], [2])).tolist() == [1] * 5


def test_a_continuous_column_is_cut_at_quantiles_and_asked_about_by_medians() -> None:
    records = np.column_stack([np.arange(100), np.zeros(100)]).astype(np.float32)
    found = encoding.learn(Sensitive("income", (0,)), records, ())
    assert np.bincount(found.codes(records)).tolist() == [25, 25, 25, 25]
    assert found.patterns[:, 0].tolist() == [12, 37, 62, 87]
    assert found.names == ("below 25", "25 to 50", "50 to 75", "75 and more")


def test_a_debt_that_nine_in_ten_do_not_have_is_told_from_none() -> None:
    """All three quartiles are the least value: having any is what is left to infer."""
    values = np.concatenate([np.zeros(270), np.arange(1, 31)])
    found = encoding.learn(Sensitive("debt", (0,)), np.column_stack([values, values]).astype(np.float32), ())
    assert found.names == ("0", "more than 0")
    assert found.patterns[:, 0].tolist() == [0, 15.5]


def test_a_bin_above_the_least_value_is_not_named_by_one_record() -> None:
    values = np.concatenate([np.zeros(160), [0.37], np.arange(1, 60), np.arange(1, 81)])
    found = encoding.learn(Sensitive("debt", (0,)), np.column_stack([values, values]).astype(np.float32), ())
    assert found.names == ("0", "more than 0 to 33", "33 and more")


@settings(max_examples=40)
@given(
    st.lists(st.sampled_from([0.0, 0.0, 0.0, 5.0, 5.0, 7.5, 9.0]), max_size=300),
    st.lists(st.floats(0, 100, width=32), min_size=25, max_size=200, unique=True),
    st.integers(2, 20),
)
def test_every_bin_holds_somebody(masses: list[float], others: list[float], bins: int) -> None:
    """However many hold one number; else a bin would be asked about by the median of nobody."""
    values = np.array([*masses, *others])
    records = np.column_stack([values, values]).astype(np.float32)
    found = encoding.learn(Sensitive("gain", (0,), bins=bins), records, ())
    assert 2 <= found.values <= bins
    assert (np.bincount(found.codes(records), minlength=found.values) > 0).all()
    assert np.isfinite(found.patterns).all()


def test_a_value_too_rare_to_learn_is_no_candidate() -> None:
    records = np.column_stack([[0] * 9 + [1] * 9 + [2] * 4, np.zeros(22)]).astype(np.float32)
    found = encoding.learn(Sensitive("ward", (0,)), records, ())
    assert found.names == ("0", "1")
    assert found.codes(records)[-1] == encoding.UNKNOWN


@given(st.integers(0, 2))
def test_what_is_written_is_read_back(code: int) -> None:
    records = table([1, 0, 0], [0, 1, 0], [3, 4, 5])
    found = encoding.learn(Sensitive("ward", (0, 1)), records, ())
    changed = found.with_value(records, code)
    assert (found.codes(changed) == code).all()
    assert (found.others(changed) == found.others(records)).all()


@pytest.mark.parametrize(
    ("sensitive", "message"),
    [
        (Sensitive("a", ()), "one at least"),
        (Sensitive("a", (0, 0)), "each of its columns once"),
        (Sensitive("a", (9,)), "no column 9"),
        (Sensitive("a", (0, 1)), "no other feature"),
        (Sensitive("a", (-1,)), "no column -1"),
    ],
)
def test_columns_that_are_not_there_are_refused(sensitive: Sensitive, message: str) -> None:
    with pytest.raises(InputError, match=message):
        encoding.learn(sensitive, table([0, 1], [2, 3]), ())


def test_a_group_that_is_not_one_attribute_is_refused() -> None:
    records = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    with pytest.raises(InputError, match="more than 20 combinations"):
        encoding.learn(Sensitive("a", (0, 1)), records, ())


def test_association_of_the_same_is_one_and_of_strangers_nought() -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(3, size=600)
    assert proxies.association(codes, codes) == pytest.approx(1)
    assert proxies.association(rng.normal(size=600), codes) < 0.1
    assert proxies.association(np.ones(600), codes) == 0


def test_association_does_not_depend_on_the_names_of_values() -> None:
    rng = np.random.default_rng(1)
    codes = rng.integers(3, size=300)
    values = np.where(rng.random(300) < 0.5, codes, rng.integers(3, size=300))
    renamed = np.array([5.0, -1.0, 2.0])[values]
    assert proxies.association(values, codes) == pytest.approx(proxies.association(renamed, codes))


def test_the_learner_learns_and_knows_every_value_even_those_it_never_saw() -> None:
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(300, 4))
    codes = (inputs[:, 0] > 0).astype(np.int64)
    found = learner.fit(inputs, codes, 3)(inputs)
    assert (found.argmax(axis=1) == codes).mean() > 0.95
    assert found.sum(axis=1) == pytest.approx(1)
    assert (found[:, 2] == 0).all()
    assert (learner.fit(inputs, np.zeros(300, np.int64), 2)(inputs)[:, 0] == 1).all()


def test_cross_fitting_does_not_look_at_the_record_itself() -> None:
    rng = np.random.default_rng(0)
    inputs, codes = rng.normal(size=(300, 30)), rng.integers(2, size=300)
    own = learner.fit(inputs, codes, 2)(inputs).argmax(axis=1)
    crossed = learner.cross_fitted(inputs, codes, 2, rng).argmax(axis=1)
    assert (own == codes).mean() > 0.8
    assert (crossed == codes).mean() < 0.65
