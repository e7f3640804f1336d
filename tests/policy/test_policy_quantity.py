from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govtool.policy.quantity import duration_text, duration_words, parse_duration, parse_fraction


@pytest.mark.parametrize(
    ("written", "meant"), [("60%", 0.6), ("57.3%", 0.573), (0.6, 0.6), (" 5 % ", 0.05), ("0.1%", 0.001)]
)
def test_a_share_is_written_either_way(written: object, meant: float) -> None:
    assert parse_fraction(written) == meant


@pytest.mark.parametrize("written", [60, 1, 0, "60", "0.6", True, None, "100%", "0%", 1.5, -0.1, "-5%", "60%%", [0.6]])
def test_an_ambiguous_or_impossible_share_is_refused(written: object) -> None:
    with pytest.raises(ValueError):
        parse_fraction(written)


@given(st.integers(1, 999))
def test_per_mille_as_percent_and_as_fraction_are_the_same_float(n: int) -> None:
    assert parse_fraction(f"{n / 10}%") == parse_fraction(float(f"{n / 1000}"))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("90d", timedelta(days=90)),
        ("2w", timedelta(days=14)),
        ("12h", timedelta(hours=12)),
        ("30m", timedelta(minutes=30)),
    ],
)
def test_durations(written: str, meant: timedelta) -> None:
    assert parse_duration(written) == meant


@pytest.mark.parametrize("written", [90, "90", "0d", "-1d", "90 days", "1.5d", "99999999999999w", None])
def test_a_duration_without_unit_or_meaning_is_refused(written: object) -> None:
    with pytest.raises(ValueError):
        parse_duration(written)


@given(st.integers(1, 10**9))
def test_each_length_has_one_canonical_text(seconds: int) -> None:
    length = timedelta(seconds=seconds)
    assert parse_duration(duration_text(length)) == length


def test_durations_in_words() -> None:
    assert duration_words(timedelta(days=90)) == "90 days"
    assert duration_words(timedelta(days=1)) == "1 day"
    assert duration_words(timedelta(hours=36)) == "36 hours"
