"""A budget chooses how many references are trained, says so before it starts, and never invents what more would show."""

from typing import Any

import pytest
from audit_worlds import RECIPE_YAML, D, K, draw
from hypothesis import given
from hypothesis import strategies as st
from test_audit_runner import rows

from govtool.audits import budget, calibration, engine
from govtool.audits import spec as specs
from govtool.audits.budget import Choice
from govtool.audits.halves import halves
from govtool.audits.models import AttackRecord, AuditRun
from govtool.audits.recipe import Recipe
from govtool.errors import InputError

SPEC = "population: population@1\nattacks: [rmia, loss_threshold]\npositive_control: false\n" + RECIPE_YAML


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("10m", 600), ("2h", 7200)])
def test_times(text: str, seconds: int) -> None:
    assert budget.parse(text) == seconds
    assert budget.parse(budget.written(seconds)) == seconds


@pytest.mark.parametrize("text", ["", "10", "m", "-1m", "0s", "1.5h", "10 m", "1d", "9999999s"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time"):
        budget.parse(text)
    with pytest.raises(InputError, match="is not a time"):
        specs.parse(f"schema: govtool.audit/v1\nbudget: '{text}'\n".encode(), "audit.yaml", {})


@given(st.floats(min_value=0.1, max_value=1e6))
def test_a_written_time_is_never_too_short(seconds: float) -> None:
    assert seconds <= budget.parse(budget.written(seconds)) <= max(1 + seconds, 1.34 * seconds)


def choose(seconds: int, each: float, kept: int = 0, most: int = 256) -> Choice:
    return budget.choose(seconds, lambda count: max(0, count - kept) * each, lambda count: min(kept, count), most)


def test_the_most_that_fits_is_chosen_and_the_next_is_named() -> None:
    found = choose(100, each=4.0)
    assert (found.references, found.takes_s, found.next_references) == (16, 64.0, 32)
    assert found.next_budget_s == pytest.approx(128 / budget.SHARE)
    assert str(found) == "within 100s: 16 reference models, about 64s; 32 would be run with --budget 4m"
    assert choose(183, each=4.0).references == 32


def test_what_is_kept_costs_nothing() -> None:
    assert choose(100, each=4.0, kept=32).references == 32
    assert choose(1, each=1e9, kept=32).references == 32
    found = choose(100, each=4.0, kept=8)
    assert (found.references, found.cached, found.takes_s) == (16, 8, 32.0)
    assert "16 reference models, 8 of them there already, about 32s" in str(found)


def test_no_more_than_the_spec_names() -> None:
    found = choose(10_000, each=1.0, most=12)
    assert (found.references, found.next_references) == (12, None)
    assert "--budget" not in str(found)
    assert choose(10, each=1.0, most=12).references == 4
    assert choose(10, each=1.0, most=0).references == 0


def test_where_none_fits_the_attacks_that_are_lost_are_named() -> None:
    found = choose(10, each=100.0)
    assert (found.references, found.next_references) == (0, 2)
    assert "no reference models, and so without: nothing" in str(found)
    assert found.to_dict()["next"] == {"references": 2, "budget_s": round(200 / budget.SHARE)}


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(factory="mlp", factory_params={"hidden": [16]}, epochs=50),
        Recipe(estimator="sklearn.tree.DecisionTreeClassifier"),
    ],
)
def test_a_calibration_measures_something(recipe: Recipe) -> None:
    features, labels = draw("members", 80)
    pace = calibration.measure(recipe, features, labels, halves(4, 80, 1), K, 1, "cpu")
    assert pace.models == (4 if recipe.by_epochs else 1)
    assert 0 < pace.stack_s < 60


@pytest.fixture
def pace(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds per stack that the calibration will measure, whatever the machine."""
    measured = [1.0]
    monkeypatch.setattr(calibration, "measure", lambda *_given: calibration.Pace(measured[0], 8))
    return measured


def test_the_plan_is_in_the_record_before_the_work_starts(registered: Any, pace: list[float]) -> None:
    told: list[str] = []

    def progress(step: str, _done: int, _total: int) -> None:
        if step == "reference models":
            (run,) = rows(registered, AuditRun)
            assert run.resolved["references"] == 4
            told.append(step)

    registered.audit("leaky@1", SPEC + "references: 4\nbudget: 60s\n", progress=progress, tell=told.append)
    (run,) = rows(registered, AuditRun)
    assert run.resolved["budget"]["references"] == 4
    assert told[0].startswith("within 60s: 4 reference models, about 1s")
    assert "reference models" in told
    record = next(row for row in rows(registered, AttackRecord) if row.attack == "rmia")
    assert record.detail["references"] == 4


def test_too_little_time_leaves_out_what_needs_references_and_says_so(registered: Any, pace: list[float]) -> None:
    pace[0] = 1000.0
    registered.audit("leaky@1", SPEC + "budget: 60s\n")
    (run,) = rows(registered, AuditRun)
    assert (run.resolved["references"], run.resolved["budget"]["left_out"]) == (0, ["rmia"])
    by_name = {row.attack: row for row in rows(registered, AttackRecord)}
    assert by_name["rmia"].status == "not_requested"
    assert by_name["rmia"].reason == "the budget of 60s leaves no time for reference models"
    assert by_name["loss_threshold"].status == "completed"


def test_a_second_run_within_little_time_uses_what_the_first_kept(registered: Any, pace: list[float]) -> None:
    with engine.opened(registered.folder / "cache") as own:
        registered.audit("leaky@1", SPEC + "references: 8\n", engine=own)
        pace[0] = 1000.0
        registered.audit("leaky@1", SPEC + "budget: 5s\n", engine=own)
    last = rows(registered, AuditRun)[-1].resolved
    assert (last["references"], last["budget"]["references_cached"]) == (8, 8)
    assert last["budget"]["next"]["references"] == 16


def test_a_budget_without_a_recipe_decides_nothing_and_says_so(registered: Any) -> None:
    told: list[str] = []
    registered.audit("leaky@1", "attacks: [loss_threshold]\npositive_control: false\nbudget: 5s\n", tell=told.append)
    assert "decides nothing" in told[0]
    assert rows(registered, AuditRun)[0].resolved["budget"] is None


def test_a_target_that_does_not_open_is_a_recorded_failure_with_a_budget_too(
    registered: Any, pace: list[float]
) -> None:
    registered.dataset("narrow@1", draw("members")[0][:, : D - 1], draw("members")[1])
    with pytest.raises(InputError):
        registered.audit("leaky@1", SPEC + "members: narrow@1\nbudget: 5s\n")
    (run,) = rows(registered, AuditRun)
    assert run.resolved["budget"] is None
