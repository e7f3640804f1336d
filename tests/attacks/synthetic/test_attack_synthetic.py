"""A synthetic table with copies of originals in it is found; fresh draws of the same people are not accused."""

import ast
import inspect
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from synthetic_worlds import NAMES, people, tables

from govtool.attacks.interface import AttackResult, NotTestable
from govtool.attacks.synthetic import comparable
from govtool.attacks.synthetic.catalog import SYNTHETIC_ATTACKS, positive_control
from govtool.attacks.synthetic.interface import Tables, guess_kinds
from govtool.errors import InputError

RISKS = ("singling_out", "linkability", "inference")


def run(name: str, world: Tables, seed: int = 0, **params: Any) -> Any:
    return SYNTHETIC_ATTACKS[name].run(world, params, np.random.default_rng(seed))


def accused(name: str, found: AttackResult) -> bool:
    headline = SYNTHETIC_ATTACKS[name].headline
    return headline in found.metrics and found.metrics[headline].low > found.baselines[headline]


@pytest.mark.parametrize("name", SYNTHETIC_ATTACKS)
@pytest.mark.parametrize("noise", [0.0, 0.03])
def test_copies_and_near_copies_are_found(name: str, noise: float) -> None:
    found = run(name, tables(1, 0.3, noise=noise))
    assert not found.void
    assert accused(name, found)


@pytest.mark.parametrize("name", RISKS)
def test_the_risk_is_the_share_of_people_who_were_copied(name: str) -> None:
    estimate = run(name, tables(2, 0.3)).metrics[f"{name}_risk"]
    assert estimate.low <= 0.3 <= estimate.high
    assert abs(estimate.value - 0.3) < 0.1


@pytest.mark.parametrize("name", SYNTHETIC_ATTACKS)
def test_fresh_draws_are_not_accused(name: str) -> None:
    assert sum(accused(name, run(name, tables(seed, count=300, control=300))) for seed in range(8)) <= 1


@pytest.mark.slow
@pytest.mark.parametrize("name", SYNTHETIC_ATTACKS)
def test_fresh_draws_are_accused_no_more_often_than_the_intervals_promise(name: str) -> None:
    wrong = sum(accused(name, run(name, tables(100 + seed, count=250, control=150))) for seed in range(60))
    assert wrong <= 6  # 5 % of 60 is 3; more than 6 has a chance of 3 %


@pytest.mark.parametrize("name", SYNTHETIC_ATTACKS)
def test_a_table_of_nothing_but_originals_does_not_break_it(name: str) -> None:
    found = run(name, tables(3, 1.0))
    assert accused(name, found)
    assert not found.void


@pytest.mark.parametrize("name", SYNTHETIC_ATTACKS)
def test_row_order_changes_nothing(name: str) -> None:
    world = tables(4, 0.2, count=120, control=120)
    turned = replace(
        world,
        synthetic=world.synthetic[::-1].copy(),
        originals=world.originals[::-1].copy(),
        control=world.control[::-1],
    )
    assert run(name, world).metrics == run(name, turned).metrics


@pytest.mark.parametrize("name", SYNTHETIC_ATTACKS)
def test_the_positive_control_passes_where_the_table_itself_is_clean(name: str) -> None:
    found = positive_control(SYNTHETIC_ATTACKS[name], tables(5), {}, np.random.default_rng(0))
    assert found["passed"], found


@pytest.mark.parametrize("name", RISKS)
def test_a_table_that_tells_nothing_is_void_and_never_a_pass(name: str) -> None:
    world = tables(6)
    rng = np.random.default_rng(6)
    nonsense = np.column_stack([rng.uniform(50, 60, size=(500, 4)), np.full(500, 7.0), np.full(500, 9.0)])
    found = run(name, replace(world, synthetic=nonsense))
    assert isinstance(found, NotTestable) or (found.void and f"{name}_risk" not in found.metrics)


@pytest.mark.parametrize("name", SYNTHETIC_ATTACKS)
def test_results_are_signed_and_explained(name: str) -> None:
    found = run(name, tables(7, 0.1, count=100, control=100))
    assert (found.attack, found.family) == (name, "synthetic_data")
    assert set(found.metrics) == set(found.baselines)
    assert found.knowledge.endswith(".")
    assert found.caveats


@pytest.mark.parametrize("name", SYNTHETIC_ATTACKS)
def test_an_attack_lists_every_parameter_it_reads(name: str) -> None:
    read = set()
    for node in ast.walk(ast.parse(inspect.getsource(sys.modules[SYNTHETIC_ATTACKS[name].run.__module__]))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
            read.add(node.args[0].value if isinstance(node.args[0], ast.Constant) else "")
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "whole":
            read.add(node.args[1].value)
        elif isinstance(node, ast.Compare) and isinstance(node.left, ast.Constant) and isinstance(node.left.value, str):
            read.add(node.left.value)
    assert SYNTHETIC_ATTACKS[name].params == read - {"validity", "positive_control"}


def test_one_column_cannot_be_linked_or_inferred() -> None:
    one = np.arange(100.0)[:, None]
    world = Tables(one, one + 0.5, one + 0.2, ("age",), np.array([False]))
    assert isinstance(run("linkability", world), NotTestable)
    assert isinstance(run("inference", world), NotTestable)


def test_rows_that_are_all_alike_single_nobody_out() -> None:
    world = tables(8, count=60, control=60)
    assert isinstance(run("singling_out", replace(world, synthetic=np.ones((60, 6)))), NotTestable)


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("linkability", {"views": [["age"]]}, "two lists"),
        ("linkability", {"views": [["age"], ["age", "sex"]]}, "both halves"),
        ("linkability", {"views": [["age"], ["shoe"]]}, "no column 'shoe'"),
        ("inference", {"secrets": []}, "list of column names"),
        ("inference", {"secrets": ["ward", "ward"]}, "named twice"),
        ("singling_out", {"guesses": 0}, "whole number"),
        ("copies", {"rows": "all"}, "whole number"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(name: str, params: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        run(name, tables(9, count=60, control=60), **params)


def test_what_is_known_and_secret_can_be_said() -> None:
    found = run("inference", tables(10, 0.5, count=200, control=200), secrets=["ward"], known=["age", "bmi", "ward"])
    assert found.detail["secrets"] == ["ward"]
    assert "age, bmi" in found.knowledge
    assert any("Not tried as secrets" in caveat for caveat in found.caveats)


def test_tables_that_do_not_fit_are_refused() -> None:
    rows = people(np.random.default_rng(0), 50)
    kinds = guess_kinds(rows)
    with pytest.raises(InputError, match="is not a table of 6 columns"):
        Tables(rows[:, :5], rows, rows, NAMES, kinds)
    with pytest.raises(InputError, match="too few"):
        Tables(rows[:5], rows, rows, NAMES, kinds)
    broken = rows.copy()
    broken[0, 0] = np.nan
    with pytest.raises(InputError, match="missing"):
        Tables(rows, broken, rows, NAMES, kinds)


def test_whole_numbers_with_few_values_are_categories() -> None:
    assert guess_kinds(people(np.random.default_rng(0), 200)).tolist() == [False] * 4 + [True, True]
    assert guess_kinds(np.arange(30.0)[:, None]).tolist() == [False]


def test_control_records_of_another_kind_void_everything() -> None:
    world = tables(11)
    assert comparable.void(world, np.random.default_rng(0)) == ""
    assert "tells them apart" in comparable.void(replace(world, control=world.control + 1.5), np.random.default_rng(0))
    found = run("linkability", world, validity="they differ")
    assert found.void == "they differ"


def test_control_records_that_the_synthesiser_saw_void_everything() -> None:
    world = tables(12)
    mixed = np.concatenate([world.control[:300], world.originals[:200]])
    assert "they are no control" in comparable.void(replace(world, control=mixed), np.random.default_rng(0))
