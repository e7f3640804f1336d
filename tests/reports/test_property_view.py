"""What the report shows of property inference: worlds, models, the target, and on every line that it is about a group."""

from typing import Any

from govtool.audits.models import AttackRecord
from govtool.estimate import clopper_pearson
from govtool.reports.attack_view import attack_view, finding
from govtool.reports.readings import readings

DETAIL = {
    "property": {
        "name": "sex equals 1", "worlds": [0.3, 0.7], "existence": False, "records": 1000, "shadow_models": 64,
        "test_models": 200, "queries": 150, "pools": {"shadow": 2300, "test": 2000},
    },
    "target": {"looks_like": 0.7, "chance": 0.9, "odds": 9.0, "true_fraction": 0.671, "outside": False},
    "conclusion": "inconclusive: needs 150 more test models",
    "positive_control": {"passed": True, "auc": None, "how": "labels moved"},
}  # fmt: skip


def record(right: int = 150, models: int = 200, **detail: Any) -> AttackRecord:
    return AttackRecord(
        id="atk-1", run_id="run-1", attack="property_answers", family="property_inference", status="completed", reason="",
        knowledge="", access=["probabilities"], metrics={"world_accuracy": clopper_pearson(right, models).to_dict()},
        baselines={"world_accuracy": 0.5}, counts={}, detail={**DETAIL, **detail}, caveats=[], figures=[],
        evidence_sha256=None,
    )  # fmt: skip


def shown(**detail: Any) -> dict[str, str]:
    return {
        fact.label: fact.text.replace("\N{NO-BREAK SPACE}", " ") for fact in attack_view(record(**detail), ()).facts
    }


def test_a_finding_ends_by_saying_that_it_is_about_a_group() -> None:
    for right, leak in ((150, True), (100, False)):
        text, found = finding(record(right))
        assert found is leak
        assert text.endswith("This is a risk about the group as a whole, not about personal data of one person.")


def test_the_facts_state_worlds_models_queries_and_risk() -> None:
    facts = shown()
    assert facts["Risk"].startswith("group level")
    assert facts["Worlds"] == "30 % or 70 % of the training records have the property"
    assert facts["Models trained for it"].startswith("64 shadow and 200 test models of 1,000 training records each")
    assert facts["Queries to each model"] == "150"
    assert facts["Conclusion"] == "Inconclusive: needs 150 more test models."


def test_the_target_is_shown_with_its_chance_and_what_only_the_auditor_knows() -> None:
    text = shown()["The target looks like"]
    assert text.startswith("70 %; at even prior odds this is right with a chance of 90 % (9 to 1)")
    assert "which the auditor knows, is 67.1 %" in text


def test_a_test_that_does_not_count_points_nowhere() -> None:
    found = record()
    found.status = "void"
    assert "The target looks like" not in {fact.label for fact in attack_view(found, ()).facts}


def test_a_target_like_neither_is_not_put_into_a_world() -> None:
    facts = shown(target={**DETAIL["target"], "chance": 0.51, "odds": 1.04, "true_fraction": None})
    assert facts["The target looks like"].startswith("neither clearly, rather 70 %")
    assert "auditor" not in facts["The target looks like"]


def test_existence_is_said_as_none() -> None:
    facts = shown(property={**DETAIL["property"], "worlds": [0, 0.1], "existence": True})
    assert facts["Worlds"].startswith("none or 10 %")


def test_added_rows_are_shown() -> None:
    assert shown(poison={"share": 0.006})["Rows the attacker adds"] == "0.6 % of the training records"
    assert "Rows the attacker adds" not in shown()


def test_the_figure_is_explained_in_its_own_numbers() -> None:
    (text,) = [found.text for found in readings([record()]) if found.figure == "Models whose world is named correctly"]
    assert "200 models were trained" in text
    assert "nothing about whether any one person was in it" in text


def test_other_families_are_not_marked() -> None:
    other = record()
    other.family, other.detail = "membership_inference", {}
    assert "group as a whole" not in finding(other)[0]
    assert all(fact.label != "Risk" for fact in attack_view(other, ()).facts)
