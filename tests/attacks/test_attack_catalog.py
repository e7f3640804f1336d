"""What the catalogue says of an attack is what the attack does."""

import ast
import inspect
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import property_worlds
import pytest
from attack_worlds import FINE, digit_softmax, digit_twins, planted

from govtool.access import Access, reachable
from govtool.attacks.catalog import ATTACKS
from govtool.attacks.interface import (
    AttackData,
    AttackResult,
    Canaries,
    Claim,
    Companion,
    NotApplicable,
    Outcome,
    Records,
    Sensitive,
)
from govtool.attacks.inversion import assembly, settings
from govtool.attacks.synthetic.catalog import SYNTHETIC_ATTACKS
from govtool.audits import twins
from govtool.errors import InputError

FAMILIES = {
    "membership_inference",
    "model_inversion",
    "attribute_inference",
    "property_inference",
    "data_reconstruction",
    "training_data_extraction",
    "differential_privacy",
}


def run(name: str, access: frozenset[Access]) -> Outcome:
    if ATTACKS[name].family == "property_inference":
        return run_property(name, access)
    inverts = ATTACKS[name].family == "model_inversion"
    shown: dict[str, dict[str, Any]] = (
        {name: {"shape": [8, 8]}}
        if inverts
        else {
            "augmentation": {"shape": [4, 5]},
            "boundary": {"queries": 8},
            "record_reconstruction": {"known": []},
        }
    )
    target, data = digit_softmax(3) if inverts else planted()
    if ATTACKS[name].needs_public:
        data = replace(data, public=data.nonmembers)
    target = type(target)(target.model, access, target.n_classes)
    if ATTACKS[name].needs_twins:
        data = digit_twins(data)
    if ATTACKS[name].needs_companions:
        data = replace(data, companions=(Companion("second@1", target, np.arange(10)),))
        shown[name] |= {"steps": 5}
    if ATTACKS[name].family == "attribute_inference":
        data = replace(data, sensitive=(Sensitive("first", (0,)),))
    if ATTACKS[name].family == "differential_privacy":
        included = np.random.default_rng(1).random(len(data.labels)) < 0.5
        canaries = Canaries(Records(data.features, data.labels), included, "fair_coin")
        data = replace(data, canaries=canaries, claim=Claim(1.0, 1e-5))
    return ATTACKS[name].run(
        target,
        data,
        {"validity": FINE, **shown.get(name, {})},
        np.random.default_rng(0),
    )


def run_property(name: str, access: frozenset[Access]) -> Outcome:
    found = property_worlds.worlds(1.0, tests=16, shadows=16, weights=True, poison=1.0)
    asked = property_worlds.target(found)
    asked.access = access
    _, data = planted()
    return ATTACKS[name].run(
        asked, AttackData(data.members, data.nonmembers, worlds=found), {}, np.random.default_rng(0)
    )


@pytest.mark.parametrize("name", ATTACKS)
def test_an_entry_is_filed_under_its_own_name_and_a_known_family(name: str) -> None:
    attack = ATTACKS[name]
    assert attack.name == name
    assert attack.family in FAMILIES
    assert attack.taxonomy.startswith("NISTAML.03")
    assert attack.summary
    assert "20" in attack.reference


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_runs_with_just_what_it_needs_and_signs_its_result(name: str) -> None:
    outcome = run(name, frozenset({ATTACKS[name].needs}))
    assert isinstance(outcome, AttackResult)
    assert (outcome.attack, outcome.family) == (name, ATTACKS[name].family)
    assert outcome.access == {ATTACKS[name].needs}
    assert outcome.knowledge.endswith(".")
    assert set(outcome.metrics) == set(outcome.baselines)


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_does_not_apply_to_whatever_does_not_reach_its_need(name: str) -> None:
    for exposed in Access:
        if ATTACKS[name].needs not in reachable(frozenset({exposed})):
            assert isinstance(run(name, frozenset({exposed})), NotApplicable)
    assert isinstance(run(name, frozenset()), NotApplicable)


FILLED_IN_BY_THE_AUDIT = {"validity", "positive_control", "device"}


def names_read(source: str) -> set[str]:
    """The keys that a module takes from a mapping called params, by `params.get("key")` or `params["key"]`."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        taken, key = None, None
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
            taken, key = node.func.value, node.args[0]
        elif isinstance(node, ast.Subscript):
            taken, key = node.value, node.slice
        if isinstance(taken, ast.Name) and taken.id == "params" and isinstance(key, ast.Constant):
            found.add(key.value)
    return found


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_lists_every_parameter_it_reads_and_no_other(name: str) -> None:
    """So that a spec with {shapee: [8, 8]} can be refused instead of being run as a table."""
    source = inspect.getsource(sys.modules[ATTACKS[name].run.__module__])
    if ATTACKS[name].needs_twins:
        source += inspect.getsource(assembly.picture_shape) + inspect.getsource(
            twins
        )  # as many as asked are trained there
    elif ATTACKS[name].family == "model_inversion":
        source += inspect.getsource(assembly)
    if name == "mi_face":
        source += inspect.getsource(settings)
    assert ATTACKS[name].params == names_read(source) - FILLED_IN_BY_THE_AUDIT


def test_the_parameters_by_name() -> None:
    assert ATTACKS["loss_threshold"].params == frozenset()
    assert ATTACKS["rmia"].params == {"mode", "gamma"}
    assert ATTACKS["lira"].params == {"mode", "variance"}
    assert ATTACKS["boundary"].params == {"queries", "budget"}
    assert ATTACKS["combined"].params == frozenset()


def test_an_attack_gives_way_to_others_of_its_family_that_need_no_less() -> None:
    for attack in ATTACKS.values():
        for name in attack.yields_to:
            assert ATTACKS[name].family == attack.family
            assert attack.name not in ATTACKS[name].yields_to
            assert ATTACKS[name].yields_to <= attack.yields_to, "so that who gives way does not depend on the order"
    assert ATTACKS["mi_face"].params == {"shape", "pictures"} | settings.PARAMS


def nonsense(attacks: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name, param) for name, attack in attacks.items() for param in sorted(attack.params)]


@pytest.mark.parametrize(("name", "param"), nonsense(ATTACKS) + nonsense(SYNTHETIC_ATTACKS))
def test_every_parameter_is_checked_before_any_work(name: str, param: str) -> None:
    """A wrong value that only the search itself refused would cost the hours before it."""
    attack: Any = {**SYNTHETIC_ATTACKS, **ATTACKS}[name]
    attack.check({})
    for value in ({"no": "such"}, -3, "nonsense", 10**15, [[]]):
        with pytest.raises(InputError):
            attack.check({param: value})


WRONG = [
    ("mi_face", {"prior": "blurred", "process": 3}, "cannot go with"),
    ("mi_face", {"shape": [8, -8]}, "in whole pixels"),
    ("inversion_ensemble", {"steps": -3}, "'steps' is a whole number from 1"),
    ("inversion_black_box", {"queries": 0}, "'queries' is a whole number from"),
    ("inversion_black_box", {"price_per_1000": "1,50"}, "what a thousand queries cost"),
    ("inversion_split_swap", {"splits": 65}, "from 1 to 64"),
    ("canary_epsilon", {"guesses": [5]}, "two whole numbers"),
    ("record_reconstruction", {"known": "age"}, "list of columns"),
]


@pytest.mark.parametrize(("name", "params", "said"), WRONG)
def test_a_wrong_value_is_told_in_words(name: str, params: Mapping[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        ATTACKS[name].check(params)


UNFIT = [
    ("mi_face", {"shape": [4, 6]}, "4 x 6 does not fit records of 20 features"),
    ("inversion_labels", {"shape": [2, 2, 5]}, "2 channels"),
    ("augmentation", {"shape": [4, 6]}, "does not hold the 20 features"),
    ("record_reconstruction", {"known": [20]}, "no column 20"),
    ("record_reconstruction", {"known": ["age"]}, "no column 'age'"),
]


@pytest.mark.parametrize(("name", "params", "said"), UNFIT)
def test_a_value_that_these_records_cannot_have_is_told_too(name: str, params: Mapping[str, Any], said: str) -> None:
    _, data = planted()
    ATTACKS[name].check(params)
    with pytest.raises(InputError, match=said):
        ATTACKS[name].fits(data, params)
