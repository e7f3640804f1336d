from typing import Any

import pytest

from govtool.audits.models import AttackRecord
from govtool.estimate import Estimate
from govtool.reports.attack_view import attack_view, finding
from govtool.reports.attack_words import metric_label
from govtool.reports.coverage import PARAGRAPH_55, coverage, gaps
from govtool.reports.exhibits import audit_exhibits
from govtool.reports.readings import readings


def record(**given: Any) -> AttackRecord:
    base: dict[str, Any] = {
        "id": "atk-1", "run_id": "run-1", "attack": "loss_threshold", "family": "membership_inference", "status": "completed",
        "reason": "", "knowledge": "", "access": ["probabilities"], "metrics": {}, "baselines": {}, "counts": {}, "detail": {},
        "caveats": [], "figures": [], "evidence_sha256": None,
    }  # fmt: skip
    return AttackRecord(**{**base, **given})


def scored(low: float, value: float, high: float) -> AttackRecord:
    estimate = Estimate(value, low, high, 0.95, 2000, "test").to_dict()
    return record(metrics={"balanced_accuracy": estimate}, baselines={"balanced_accuracy": 0.5})


def test_a_leak_is_called_one_only_when_the_whole_interval_beats_guessing() -> None:
    text, leak = finding(scored(0.56, 0.6, 0.64))
    assert leak
    assert text.startswith("The attack worked under access to probabilities: balanced accuracy 60.0")
    assert "no attack at all scores 50" in text


def test_a_quiet_result_claims_only_what_the_interval_allows() -> None:
    text, leak = finding(scored(0.48, 0.51, 0.54))
    assert not leak
    assert text.startswith("No leak was shown: balanced accuracy 51")
    assert "up to 54" in text
    assert "at 95" in text
    assert "under access to probabilities" in text
    assert "nor is anything said about other attacks" in text


def test_a_void_record_shows_its_reason_and_no_figure() -> None:
    row = scored(0.5, 0.51, 0.52)
    row.status, row.reason = "void", "the control failed"
    view = attack_view(row, ())
    assert not view.usable
    assert view.metrics == ()
    assert view.roc is None
    assert view.finding == ""
    assert view.reason == "The control failed."


def test_an_unresolvable_rate_has_no_figure() -> None:
    row = record(
        detail={"tpr_at_fpr": [{"fpr": 0.001, "resolvable": False, "needed_nonmembers": 2995, "estimate": None}]}
    )
    (point,) = attack_view(row, ()).roc_rows
    assert point.tpr == "not resolvable: needs at least 2,995 non-members"


@pytest.mark.parametrize(("passed", "word"), [(True, "passed"), (False, "not passed"), (None, "not run")])
def test_a_control_that_was_not_run_is_not_one_that_failed(passed: bool | None, word: str) -> None:
    view = attack_view(record(detail={"positive_control": {"passed": passed, "auc": None, "how": "not run"}}), ())
    assert view.controls[0].badge.word == word


def test_metric_names_in_words() -> None:
    assert metric_label("tpr_at_fpr_0.01").replace("\N{NO-BREAK SPACE}", " ") == "Members found at 1 % false alarms"
    assert metric_label("some_new_score") == "Some new score"


def test_every_class_of_paragraph_55_has_a_line_even_when_nothing_ran() -> None:
    rows = coverage([], any_run=False)
    assert [row.name for row in rows] == [name for name, _ in PARAGRAPH_55]
    assert {row.badge.word for row in rows} == {"not tested"}
    reasons = {row.name: row.reason for row in rows}
    assert reasons["Membership inference"] == "No audit of this version has been completed."
    assert "has no attack of this class" in reasons["Exfiltration"]


def test_a_void_or_failed_test_is_not_a_test() -> None:
    for status in ("void", "failed", "not_testable", "not_requested"):
        row = next(
            r
            for r in coverage([record(status=status, reason="it broke")], any_run=True)
            if r.name == "Membership inference"
        )
        assert row.badge.word == "not tested"
        assert "It broke." in row.reason


def test_not_applicable_is_said_only_by_a_record() -> None:
    rows = {row.name: row for row in coverage([record(status="not_applicable", reason="labels only")], any_run=True)}
    assert rows["Membership inference"].badge.word == "not applicable"
    assert rows["Exfiltration"].badge.word == "not tested"


def test_one_completed_test_makes_its_class_tested() -> None:
    both = [record(status="failed", reason="x", id="atk-0"), record(id="atk-9")]
    row = next(r for r in coverage(both, any_run=True) if r.name == "Membership inference")
    assert row.badge.word == "tested"
    assert row.sources == ("atk-9",)
    assert [gap.sources for gap in gaps(both)] == [("atk-0",)]


def test_the_worked_example_counts_right_answers_by_hand() -> None:
    row = scored(0.6, 0.7, 0.8)
    row.counts = {"true_positives": 71, "members": 100, "false_positives": 32, "nonmembers": 100}
    text = next(reading.text for reading in readings([row]) if reading.figure == "Balanced accuracy")
    assert "about 71 of the first hundred" in text
    assert "139 right answers in 200" in text


@pytest.mark.parametrize(("passed", "said"), [(True, "Here it passed."), (False, "and failed there"), (None, None)])
def test_a_control_is_spoken_of_only_where_it_was_run(passed: bool | None, said: str | None) -> None:
    row = record(detail={"positive_control": {"passed": passed, "auc": None, "how": "a planted copy"}})
    texts = [reading.text for reading in readings([row]) if reading.figure == "Positive control"]
    assert len(texts) == (said is not None)
    assert said is None or said in texts[0]


def test_a_rate_of_false_alarms_is_not_sold_as_certainty_about_each_member() -> None:
    point = {
        "fpr": 0.01,
        "resolvable": True,
        "needed_nonmembers": 100,
        "estimate": scored(0.2, 0.3, 0.4).metrics["balanced_accuracy"],
    }
    [reading] = [each for each in readings([record(detail={"tpr_at_fpr": [point]})]) if "false alarms" in each.figure]
    assert "certainty" not in reading.text
    assert "most of them may be false alarms" in reading.text


def test_no_example_for_a_figure_that_is_not_there() -> None:
    assert readings([record()]) == ()
    assert readings([record(status="void", metrics=scored(0.4, 0.5, 0.6).metrics)]) == ()


def risk_of(unit: str, groups: int) -> dict[str, Any]:
    rate = Estimate(0.25, 0.1, 0.4, 0.95, 40, "test").to_dict()
    return {
        "unit": unit, "members": 40, "nonmembers": 400, "finest_rate": 1 / 401, "precision": 0.9,
        "recognised": [{"fpr": 0.01, "estimate": rate}],
        "named": [{"prior": 0.5, "members": 12}, {"prior": 0.01, "members": 0}],
        "groups": {"fpr": 0.01, "left_out": 2, "smallest": 20, "rows": [{"group": str(i), "estimate": rate} for i in range(groups)]},
    }  # fmt: skip


def test_those_who_stand_out_are_counted_and_never_named() -> None:
    stand_out, named, groups = attack_view(record(detail={"risk": risk_of("person", 3)}), ()).grids
    assert stand_out.title == "People in the training data that stand out"
    assert "With 400 non-members, rates below 0.2\xa0% cannot be told." in stand_out.note
    assert named.rows == (("50\xa0%", "12 of 40"), ("1\xa0%", "0 of 40"))
    assert "2 with fewer than 20 members are left out." in groups.note
    assert [row[0] for row in groups.rows] == ["0", "1", "2"]


def test_a_long_table_of_groups_says_how_many_it_does_not_show() -> None:
    groups = attack_view(record(detail={"risk": risk_of("record", 30)}), ()).grids[2]
    assert len(groups.rows) == 12
    assert "18 more exist" in groups.note


def test_what_references_answered_is_named_once_for_all_attacks_of_a_run() -> None:
    records = [record(id=name, run_id="run-1", references_sha256="a" * 64) for name in ("atk-1", "atk-2")]
    (found,) = audit_exhibits([], records)
    assert (found.what, found.sha256, found.source) == ("Answers of the reference models", "a" * 64, "run-1")


def test_attacks_that_were_not_run_for_one_reason_are_told_together_and_after_those_that_failed() -> None:
    rows = [
        record(id=f"atk-{i}", attack=name, status="not_requested", reason="nobody asked")
        for i, name in enumerate(("lira", "rmia"))
    ]
    rows.append(record(id="atk-9", attack="combined", status="failed", reason="it broke"))
    first, second = gaps(rows)
    assert first.sources == ("atk-9",)
    assert second.sources == ("atk-0", "atk-1")
    assert second.reason == "Nobody asked."
