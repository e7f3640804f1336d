import pytest
from hypothesis import given
from hypothesis import strategies as st

from govtool.verdict import GateOutcome, Verdict, combine, gate_outcome

verdicts = st.lists(st.sampled_from(Verdict), min_size=1)


def test_no_rules_at_all_fail() -> None:
    assert combine([]) is Verdict.FAIL
    assert gate_outcome([]) is GateOutcome.NO_GO


@pytest.mark.parametrize(
    ("verdict", "outcome"),
    [
        (Verdict.PASS, GateOutcome.GO),
        (Verdict.WARN, GateOutcome.GO_WITH_CONDITIONS),
        (Verdict.WAIVED, GateOutcome.GO_WITH_CONDITIONS),
        (Verdict.INCONCLUSIVE, GateOutcome.UNDECIDED),
        (Verdict.STALE, GateOutcome.UNDECIDED),
        (Verdict.NOT_RUN, GateOutcome.UNDECIDED),
        (Verdict.ERROR, GateOutcome.UNDECIDED),
        (Verdict.FAIL, GateOutcome.NO_GO),
    ],
)
def test_one_rule_decides_alone(verdict: Verdict, outcome: GateOutcome) -> None:
    assert gate_outcome([verdict]) is outcome
    assert gate_outcome([Verdict.PASS, verdict, Verdict.PASS]) is outcome


def test_a_missing_attack_does_not_hide_a_failed_one() -> None:
    assert gate_outcome([Verdict.NOT_RUN, Verdict.FAIL, Verdict.ERROR]) is GateOutcome.NO_GO


def test_a_waiver_does_not_cover_another_rule() -> None:
    assert gate_outcome([Verdict.WAIVED, Verdict.STALE]) is GateOutcome.UNDECIDED


@pytest.mark.parametrize(
    ("outcome", "code"),
    [(GateOutcome.GO, 0), (GateOutcome.GO_WITH_CONDITIONS, 0), (GateOutcome.NO_GO, 3), (GateOutcome.UNDECIDED, 4)],
)
def test_exit_codes_are_what_scripts_were_promised(outcome: GateOutcome, code: int) -> None:
    assert outcome.exit_code == code


@given(verdicts)
def test_only_passes_combine_to_pass(found: list[Verdict]) -> None:
    assert (combine(found) is Verdict.PASS) == all(verdict is Verdict.PASS for verdict in found)


@given(verdicts, st.sampled_from(Verdict))
def test_another_rule_never_improves_the_worst(found: list[Verdict], more: Verdict) -> None:
    assert list(Verdict).index(combine([*found, more])) >= list(Verdict).index(combine(found))


@given(verdicts, verdicts)
def test_grouping_does_not_change_the_verdict(one: list[Verdict], other: list[Verdict]) -> None:
    assert combine([combine(one), combine(other)]) is combine(other + one)
