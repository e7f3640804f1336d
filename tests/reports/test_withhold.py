import pytest

from govtool.reports.withhold import principal, withhold


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("from jane.roe@example.org today", "from [withheld: e-mail address] today"),
        ("client 10.1.2.3 asked", "client [withheld: network address] asked"),
        ("client 2001:db8::ff00:42:8329 asked", "client [withheld: network address] asked"),
        ("call +33 1 00 00 00 00 now", "call [withheld: number of a person or account] now"),
        ("2026-03-10 09:00,jane.doe@hospital.org wrote", "2026-03-10 09:00,[withheld: e-mail address] wrote"),
        ("2026-03-10T09:00:00Z;10.1.2.3", "2026-03-10T09:00:00Z;[withheld: network address]"),
        ("2026-03-10 09:00 +33 1 00 00 00 00", "2026-03-10 09:00 [withheld: number of a person or account]"),
        ("record MRN12345678 came back", "record [withheld: number of a person or account] came back"),
        ("record MRN-7654321.", "record [withheld: number of a person or account]."),
        ("NHS_9434765919, twice", "[withheld: number of a person or account], twice"),
        ("insured as AB123456C", "insured as [withheld: number of a person or account]"),
        ("from fe80::1 at night", "from [withheld: network address] at night"),
        ("from fe80::1: it asked", "from [withheld: network address]: it asked"),
        ("from ::1", "from [withheld: network address]"),
        ("o'neil@example.org", "[withheld: e-mail address]"),
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
        "on 2026-03-10 09:00+01:00, and on 2026-03-11",
        "CVE-2026-123456",
        "std::vector",
        "mv-triage12000",
        "AML.T0024",
    ],
)
def test_counts_dates_and_versions_stay(text: str) -> None:
    assert withhold(text) == text


def test_a_keyed_digest_is_shown_and_any_other_name_is_numbered() -> None:
    assert principal("key:1f3a9c0d2b4e", 1) == "key:1f3a9c0d2b4e"
    assert principal("dr.house", 2) == "client 2 (identifier withheld)"
    assert principal("patient:19560412", 1) == "client 1 (identifier withheld)"
    assert principal("key:195604121234", 1) == "client 1 (identifier withheld)"
    assert principal("key:1f3a9c0d", 1) == "client 1 (identifier withheld)"
    assert principal("key:alice", 3) == "client 3 (identifier withheld)"
