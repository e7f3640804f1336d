import pytest

from govtool.reports.withhold import principal, withhold


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("from jane.roe@example.org today", "from [withheld: e-mail address] today"),
        ("client 10.1.2.3 asked", "client [withheld: network address] asked"),
        ("client 2001:db8::ff00:42:8329 asked", "client [withheld: network address] asked"),
        ("call +33 1 00 00 00 00 now", "call [withheld: number of a person or account] now"),
        ("IBAN 3704004405320130 used", "IBAN [withheld: number of a person or account] used"),
    ],
)
def test_what_points_at_a_person_is_withheld(text: str, shown: str) -> None:
    assert withhold(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "812 of 6,034 records",
        "on 2026-03-10T09:00:00Z at the latest",
        "version 1.2.3 of triage",
        "at 09:41:12",
        "mv-triage12000",
        "AML.T0024",
    ],
)
def test_counts_dates_and_versions_stay(text: str) -> None:
    assert withhold(text) == text


def test_a_keyed_digest_is_shown_and_any_other_name_is_numbered() -> None:
    assert principal("key:1f3a9c0d2b4e", 1) == "key:1f3a9c0d2b4e"
    assert principal("dr.house", 2) == "client 2 (identifier withheld)"
    assert principal("key:alice", 3) == "client 3 (identifier withheld)"
