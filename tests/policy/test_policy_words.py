import pytest
from hypothesis import given
from hypothesis import strategies as st

from govtool import resources
from govtool.access import Access
from govtool.policy import words
from govtool.policy.document import load
from govtool.policy.explain import explain


def test_whole_numbers_from_ten_up() -> None:
    assert [words.hundred(value) for value in (0.775, 0.5, 0.025, 0.03, 1.0)] == ["78", "50", "2.5", "3", "100"]


@pytest.mark.parametrize(
    ("value", "up", "text"),
    [
        (0.741, False, "74"),
        (0.549, True, "55"),
        (0.596, True, "59.6"),
        (0.55, True, "55"),
        (0.6, False, "60"),
        (0.6001, True, "61"),
    ],
)
def test_bounds_are_rounded_outward_but_never_across_the_limit(value: float, up: bool, text: str) -> None:
    assert words.bound(value, 0.6, up=up) == text


@given(value=st.floats(0, 1), limit=st.floats(0.01, 0.99), up=st.booleans())
def test_a_printed_bound_is_on_the_true_side_of_the_limit(value: float, limit: float, up: bool) -> None:
    shown = float(words.bound(value, limit, up=up)) / 100
    if abs(value - limit) > 1e-6:
        assert shown < limit + 1e-9 if value < limit else shown >= limit - 1e-9
    assert shown >= value - 1e-6 if up else shown <= value + 1e-6


def test_who_attacks() -> None:
    assert "answers" in words.attacker([Access.LABELS])
    assert "holds the model" in words.attacker([Access.LABELS, Access.WEIGHTS])


def test_the_forecast_is_rounded_up() -> None:
    assert "about 2,300 records" in words.outlook(2251)
    assert "about 99 records" in words.outlook(99)
    assert "no reasonable number" in words.outlook(None)


def test_every_shipped_rule_can_be_explained() -> None:
    shipped = load(resources.find("policies"))
    texts = [explain(policy, rule, shipped.levels) for policy in shipped.policies for rule in policy.rules]
    assert len(texts) >= 8
    first = texts[0]
    assert "fewer than 60 of 100" in first
    assert "level 2 (personal) or higher, or of unknown level" in first
    assert "GDPR Art. 32(1)(b) and (d)" in first
