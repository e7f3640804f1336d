from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govtool.estimate import Estimate
from govtool.reports import format as f

NB = "\N{NO-BREAK SPACE}"


def plain(text: str) -> str:
    return text.replace(NB, " ")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 %"),
        (1, "100 %"),
        (0.6, "60 %"),
        (0.7412, "74.1 %"),
        (0.0003, "0.03 %"),
        (0.9997, "99.97 %"),
        (1e-12, "< 0.00000001 %"),
    ],
)
def test_shares_by_hand(value: float, text: str) -> None:
    assert plain(f.percent(value)) == text


@given(st.floats(0, 1))
def test_only_zero_prints_as_zero_and_only_one_as_all(value: float) -> None:
    assert (plain(f.percent(value)) == "0 %") == (value == 0)
    assert (plain(f.percent(value)) == "100 %") == (value == 1) or value > 1 - 1e-9


def test_a_rate_carries_its_interval_and_n() -> None:
    assert plain(f.rate(Estimate(0.78, 0.741, 0.82, 0.95, 1200))) == "78.0 % (74.1–82.0 %, n = 1,200)"


def test_an_area_is_a_number_and_a_rate_is_a_share() -> None:
    estimate = Estimate(0.757, 0.74, 0.774, 0.95, 3000)
    assert f.figure("auc", estimate) == "0.757"
    assert plain(f.figure("balanced_accuracy", estimate)) == "75.7 %"


def test_unknown_is_not_zero() -> None:
    assert f.count(None) == "unknown"
    assert f.count(0) == "0"
    assert f.instant(None) == "unknown"
    assert f.words([]) == "unknown"


def test_an_instant_shows_its_zone_with_the_offset_of_that_day() -> None:
    winter, summer = datetime(2026, 3, 10, 9, tzinfo=UTC), datetime(2026, 6, 10, 9, tzinfo=UTC)
    assert plain(f.instant(winter, "Europe/Paris")) == "10 March 2026, 10:00:00 Europe/Paris (UTC+01:00)"
    assert plain(f.instant(summer, "Europe/Paris")) == "10 June 2026, 11:00:00 Europe/Paris (UTC+02:00)"
    assert plain(f.instant(winter)) == "10 March 2026, 09:00:00 UTC"


def test_durations_stay_in_hours() -> None:
    assert plain(f.duration(timedelta(hours=71, minutes=12, seconds=50))) == "71 h 12 min"
    assert plain(f.duration(-timedelta(hours=18))) == "18 h 0 min"


def test_text_that_would_reorder_or_hide_is_shown() -> None:
    assert f.tidy("invoice\u202efdp.exe\x00") == "invoice[U+202E]fdp.exe[U+0000]"
    assert f.tidy("a\u2028b\u200bc") == "a[U+2028]b[U+200B]c"


def test_text_that_is_too_long_is_cut_and_says_so() -> None:
    assert f.tidy("x" * 10_240, 5) == "xxxxx … [cut: 10,240 characters]"


def test_stacked_marks_do_not_climb_over_the_page() -> None:
    assert f.tidy("Z" + "\u0301" * 500) == "Z" + "\u0301" * 3


@given(st.text(max_size=900))
def test_tidy_text_holds_no_control_character_and_is_stable_enough(text: str) -> None:
    import unicodedata

    shown = f.tidy(text)
    assert not any(unicodedata.category(character)[0] == "C" for character in shown)
    assert "\n" not in shown


def test_sentences_get_a_capital_and_a_stop() -> None:
    assert f.sentence("the attack failed") == "The attack failed."
    assert f.sentence("Done!") == "Done!"
    assert f.sentence("") == ""


def test_sizes_and_short_digests() -> None:
    assert plain(f.size(999)) == "999 bytes"
    assert plain(f.size(8_412_337)) == "8.4 MB"
    assert f.short("a" * 64) == "a" * 12 + "…"
    assert f.short(None) == "unknown"
