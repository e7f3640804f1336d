"""FAIL on what is sure, PASS only on what is low and was shown to be findable, otherwise undecided with the reason."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govtool.attacks.finding import Limited, decide
from govtool.estimate import Estimate
from govtool.verdict import Verdict


def figure(low: float, high: float) -> Limited:
    return Limited("members less others", Estimate((low + high) / 2, low, high, 0.95, 100), 0.10, 0.10)


def test_one_sure_leak_fails_whatever_the_others_say() -> None:
    found = decide("attribute", [figure(-0.1, 0.0), figure(0.2, 0.3)], control=False)
    assert found.verdict is Verdict.FAIL
    assert "25.0 % (20.0 % to 30.0 %, n = 100), above 10.0 %" in found.reason


def test_low_figures_pass_only_where_a_planted_leak_was_found() -> None:
    low = [figure(-0.1, 0.05)]
    assert decide("attribute", low, control=True).verdict is Verdict.PASS
    for control, word in ((None, "not run"), (False, "failed")):
        found = decide("attribute", low, control=control)
        assert found.verdict is Verdict.INCONCLUSIVE
        assert word in found.reason


def test_what_could_not_be_measured_is_no_pass() -> None:
    found = decide("attribute", [Limited("the gap", None, 0.1, 0.1, "7 decisions")], control=True)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.reason == "The gap could not be measured: 7 decisions."


def test_void_figures_decide_nothing() -> None:
    found = decide("attribute", [figure(0.2, 0.3)], control=True, void="the groups differ")
    assert (found.verdict, found.reason) == (Verdict.INCONCLUSIVE, "The figures do not count: the groups differ.")


def test_no_figures_are_no_finding() -> None:
    with pytest.raises(ValueError, match="rest on"):
        decide("attribute", [], control=True)


@given(st.floats(-1, 1), st.floats(0, 1))
def test_a_wider_interval_never_decides_what_a_narrower_one_left_open(low: float, width: float) -> None:
    narrow, wide = figure(low, low + width), figure(low - 0.1, low + width + 0.1)
    if decide("q", [narrow], control=True).verdict is Verdict.INCONCLUSIVE:
        assert decide("q", [wide], control=True).verdict is Verdict.INCONCLUSIVE
