"""What a person may write as an instant, and what is refused."""

from datetime import UTC, datetime

import pytest

from govtool.errors import InputError
from govtool.incidents.instants import parse_instant

NINE_IN_PARIS = datetime(2026, 3, 10, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-10T09:00:00+01:00",
        "2026-03-10T09:00+01:00",
        "2026-03-10 09:00+01:00",
        "2026-03-10t08:00:00.000z",
        "2026-03-10T09:00[Europe/Paris]",
        "2026-03-10T09:00+01:00[Europe/Paris]",
    ],
)
def test_an_instant_with_its_offset_or_zone_is_read(text: str) -> None:
    assert parse_instant(text) == NINE_IN_PARIS


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("2026-03-10T09:00", "neither an offset nor a zone"),
        ("2026-03-10", "not an instant"),
        ("yesterday", "not an instant"),
        ("", "not an instant"),
        ("2026-13-10T09:00Z", "not an instant"),
        ("2026-03-10T25:00Z", "not an instant"),
        ("20260310T0900Z", "not an instant"),
        ("0001-01-01T00:00+14:00", "not an instant"),
        ("2026-03-10T09:00[Mars/Olympus]", "unknown time zone"),
        ("2026-03-10T09:00[../../etc/passwd]", "unknown time zone"),
        ("2026-03-10T09:00+05:00[Europe/Paris]", "did not have the offset"),
        ("2026-03-29T02:30[Europe/Berlin]", "does not exist"),
        ("2026-10-25T02:30[Europe/Berlin]", "happened twice"),
    ],
)
def test_anything_that_is_not_one_instant_is_refused_with_a_hint(text: str, says: str) -> None:
    with pytest.raises(InputError, match=says) as refused:
        parse_instant(text)
    assert refused.value.hint


def test_the_repeated_hour_needs_its_pass() -> None:
    first, second = (parse_instant("2026-10-25T02:30[Europe/Berlin]", fold=fold) for fold in (0, 1))
    assert first == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert second == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


def test_an_offset_settles_the_repeated_hour_without_asking() -> None:
    assert parse_instant("2026-10-25T02:30+01:00[Europe/Berlin]") == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
