"""A planted leak is found, a model that merely learnt how things go together is not accused."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from attack_worlds import FINE, TorchTarget
from attribute_worlds import FAR, GROUP, by_heart, census, honest, leaking

from govtool.access import Access
from govtool.attacks.attribute import csmia, map_inference, planted, white_box
from govtool.attacks.attribute.case import Answers
from govtool.attacks.catalog import ATTACKS
from govtool.attacks.interface import AttackData, AttackResult, NotApplicable, NotTestable, Outcome, Records, Sensitive
from govtool.errors import InputError, WorkError

NAMES = [name for name, attack in ATTACKS.items() if attack.family == "attribute_inference"]
REMEMBERS = ("attribute_bayes", "attribute_csmia")
"""These look for what only training records show; the others learn from records of other people."""


def run(name: str, target: Any, data: AttackData, seed: int = 0, **params: Any) -> Outcome:
    return ATTACKS[name].run(target, data, {"validity": FINE, **params}, np.random.default_rng(seed))


def result(name: str, target: Any, data: AttackData, seed: int = 0, **params: Any) -> AttackResult:
    outcome = run(name, target, data, seed, **params)
    assert isinstance(outcome, AttackResult)
    return outcome


@pytest.mark.parametrize("name", REMEMBERS)
@pytest.mark.parametrize("seed", range(2))
def test_what_a_network_remembers_of_its_members_is_found(name: str, seed: int) -> None:
    found = result(name, *leaking(seed))
    assert found.metrics["excess"].low > 0.05
    assert found.metrics["accuracy_members"].low > found.baselines["accuracy_members"]


@pytest.mark.parametrize("name", NAMES)
def test_a_model_that_knows_the_correlation_is_not_accused(name: str) -> None:
    assert result(name, *honest(0)).metrics["excess"].low <= 0


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_an_overfit_network_on_census_like_records_gives_no_excess_over_imputation(name: str) -> None:
    """Three in four are guessed rightly, with the model and without it; that is marriage, not memory."""
    target, data = census(0)
    assert (target.labels(data.members.features) == data.members.labels).all()
    found = result(name, target, data)
    assert found.metrics["excess"].low <= 0
    assert found.baselines["accuracy_members"] > 0.7


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_two_honest_models_are_not_both_accused(name: str) -> None:
    """Each interval misses once in forty on this side; two of three seeds would be no accident."""
    accused = [seed for seed in range(1, 4) if result(name, *honest(seed)).metrics["excess"].low > 0]
    assert len(accused) <= 1


@pytest.mark.slow
@pytest.mark.parametrize("name", REMEMBERS)
def test_honest_models_are_accused_in_no_more_than_one_of_twenty(name: str) -> None:
    accused = sum(result(name, *honest(100 + seed)).metrics["excess"].low > 0 for seed in range(30))
    assert accused <= 3


@pytest.mark.parametrize("name", NAMES)
def test_every_attack_finds_what_was_planted_for_it(name: str) -> None:
    target, data = honest(0)
    control = planted.control(ATTACKS[name].run, data, 2, target.access, {"validity": FINE}, np.random.default_rng(1))
    assert control["passed"], control["how"]
    assert result(name, target, data, positive_control=control).void == ""


def test_a_failed_control_voids_the_figures() -> None:
    control = {"passed": False, "how": "a model made to leak"}
    assert "did not find a leak" in result("attribute_csmia", *honest(0), positive_control=control).void


def test_attributes_that_almost_everybody_shares_cannot_be_remembered() -> None:
    """Three binary columns make eight different people, so no model can hold the attribute of each: the control says so."""
    rng = np.random.default_rng(0)
    records = [
        Records((rng.random((n, 4)) < 0.5).astype(np.float32), rng.integers(2, size=n)) for n in (200, 200, 3000)
    ]
    data = AttackData(*records, sensitive=(GROUP,))
    control = planted.control(
        ATTACKS["attribute_csmia"].run, data, 2, frozenset({Access.PROBABILITIES}), {"validity": FINE}, rng
    )
    assert not control["passed"]


def test_csmia_by_hand() -> None:
    """Known label 1 throughout. Only the second value is right; both are, the first more surely; none is, the second less surely."""
    labels = np.array([[0, 1], [1, 1], [0, 0]])
    top = np.log([[0.9, 0.6], [0.8, 0.7], [0.9, 0.6]])
    scores = csmia.scores(Answers(labels, top, top), np.array([1, 1, 1]))
    assert scores.argmax(axis=1).tolist() == [1, 0, 1]


def test_confusion_by_hand() -> None:
    """Three members called 0 with labels 0, 0, 1, and one outsider. The first: of the others called 0, one has label 0 of
    two (2/4 with pseudo-counts). The third: none of two has label 1 (1/4). Nobody is called 1 (1/2). The outsider, of
    label 0: two of three (3/5).
    """
    answers, labels = np.array([[0, 1]] * 4), np.array([0, 0, 1, 0])
    shares = map_inference.confusion(answers, labels, np.zeros(3, dtype=np.int64), np.arange(3), 2)
    assert shares.tolist() == [[0.5, 0.5], [0.5, 0.5], [0.25, 0.5], [0.6, 0.5]]


def test_all_records_of_a_person_are_left_out_of_what_they_are_judged_by() -> None:
    """The first two are one person: of the other one called 0, none has label 0 (1/3)."""
    answers, labels = np.array([[0, 1]] * 3), np.array([0, 0, 1])
    shares = map_inference.confusion(answers, labels, np.array([0, 0, -1]), np.array([5, 5, 7]), 2)
    assert shares[:, 0].tolist() == [0.5, 0.5, 0.25]
    known = map_inference.confusion(answers, labels, np.array([0, 0, 0]), np.array([5, 5, 7]), 2)
    assert known[0, 0] == pytest.approx(1 / 3)


def test_many_labels_do_not_tell_the_attack_the_truth() -> None:
    """Labels by the throw of a die with sixty sides: whoever counts a member's own answer for it is right nearly always."""

    class Scattered:
        access, n_classes = frozenset({Access.LABELS}), 60

        def labels(self, features: Any) -> Any:
            return (np.abs(features) * 1e4).sum(axis=1).astype(np.int64) % 60

    rng = np.random.default_rng(0)
    groups = [replace(by_heart(n, rng), labels=rng.integers(60, size=n)) for n in (300, 300, 300)]
    world = AttackData(*groups, sensitive=(GROUP,))
    for group in groups:  # so that the answers differ by more than a shift
        group.features[:, 0] = np.where(group.features[:, 0] > 0, 1.2345, -0.4321)
    found = result("attribute_map", Scattered(), world)
    assert found.metrics["excess"].low <= 0
    assert found.metrics["accuracy_members"].value < 0.65


def test_a_model_that_ignores_the_attribute_leaves_the_commonest_value() -> None:
    class Deaf(TorchTarget):
        def log_probabilities(self, features: Any) -> Any:
            return np.log(np.full((len(features), 2), 0.5))

    target, data = honest(0)
    members = Records(data.members.features.copy(), data.members.labels)
    found = result("attribute_csmia", Deaf(target.model, n_classes=2), replace(data, members=members))
    assert len(np.unique(found.arrays["guessed_0"])) == 1


def test_the_table_has_every_guesser_on_both_groups() -> None:
    (about,) = result("attribute_bayes", *leaking(0)).detail["attributes"]
    assert [row["guesser"] for row in about["rows"]] == ["majority", "imputation", "attack", "imputation_with_target"]
    assert all(row[group]["n"] == 300 for row in about["rows"] for group in ("members", "nonmembers"))
    assert {row["value"] for row in about["by_value"]} == {f"{-FAR:g}", f"{FAR:g}"}
    assert all(row["recall_members"]["low"] > 0.5 for row in about["by_value"])


def test_proxies_are_named() -> None:
    target, data = honest(0)
    names = tuple(f"c{column}" for column in range(10))
    data = replace(data, members=replace(data.members, columns=names))
    found = result("attribute_csmia", target, data)
    listed = {one["column"] for one in found.detail["attributes"][0]["proxies"]}
    assert {"c1", "the label"} <= listed
    assert "c0" not in listed
    assert any("without any model: " in caveat and "c1" in caveat for caveat in found.caveats)


def test_values_that_few_have_get_no_figures() -> None:
    target, data = leaking(0)
    members = data.members.features.copy()
    members[:5, 0], members[5:, 0] = FAR, -FAR
    found = result("attribute_csmia", target, replace(data, members=Records(members, data.members.labels)))
    rare = next(row for row in found.detail["attributes"][0]["by_value"] if row["value"] == f"{FAR:g}")
    assert rare == {"value": "2", "members": 5, "nonmembers": rare["nonmembers"]}


def test_several_attributes_share_the_doubt() -> None:
    target, data = leaking(0)
    alone = result("attribute_csmia", target, data).metrics["excess"]
    both = replace(data, sensitive=(GROUP, replace(GROUP, name="again")))
    found = result("attribute_csmia", target, both)
    assert found.metrics["excess"].value == alone.value
    assert found.metrics["excess"].low < alone.low
    assert [about["name"] for about in found.detail["attributes"]] == ["group", "again"]
    assert "largest of 2 attributes" in found.metrics["excess"].method


def test_population_records_that_are_audited_too_are_left_out() -> None:
    target, data = honest(0)
    population = Records(
        np.concatenate([data.population.features, data.members.features[:7]]),
        np.concatenate([data.population.labels, data.members.labels[:7]]),
    )
    found = result("attribute_csmia", target, replace(data, population=population))
    assert found.detail["attributes"][0]["auxiliary"] == 600
    assert any(caveat.startswith("7 population records") for caveat in found.caveats)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"sensitive": ()}, "names no sensitive column"),
        ({"population": None}, "no population"),
        ({"population": by_heart(50, np.random.default_rng(0))}, "at least 100"),
    ],
)
def test_what_is_missing_makes_it_not_testable(change: dict[str, Any], reason: str) -> None:
    target, data = honest(0)
    outcome = run("attribute_csmia", target, replace(data, **change))
    assert isinstance(outcome, NotTestable)
    assert reason in outcome.reason


def test_one_value_in_the_population_is_no_question() -> None:
    target, data = honest(0)
    features = data.population.features.copy()
    features[:, 0] = 1
    outcome = run("attribute_map", target, replace(data, population=Records(features, data.population.labels)))
    assert isinstance(outcome, NotTestable)
    assert "only one value" in outcome.reason


def test_a_population_encoded_otherwise_is_not_compared_with() -> None:
    """All right answers would be impossible, for the attack and the imputation alike: an excess of exactly nothing."""
    target, data = honest(0)
    members = Records(data.members.features.copy(), data.members.labels)
    members.features[:100, 0] = 7
    outcome = run("attribute_map", target, replace(data, members=members))
    assert isinstance(outcome, NotTestable)
    assert "17% of the audited records" in outcome.reason


def test_a_rare_value_leaves_no_room_and_that_is_said() -> None:
    target, data = honest(0)
    rare = [Records(part.features.copy(), part.labels) for part in (data.members, data.nonmembers, data.population)]
    for part in rare:
        part.features[:, 0] = np.arange(len(part.labels)) % 30 == 0
    found = result("attribute_map", target, AttackData(*rare, sensitive=(GROUP,)))
    assert found.detail["ceiling"] == pytest.approx(1 / 30)
    assert any("no excess above 3.3% is possible" in caveat for caveat in found.caveats)


def test_labels_alone_allow_only_the_attack_that_reads_labels() -> None:
    target, data = leaking(0)
    deaf = TorchTarget(target.model, frozenset({Access.LABELS}), 2)
    assert isinstance(run("attribute_map", deaf, data), AttackResult)
    assert isinstance(run("attribute_csmia", deaf, data), NotApplicable)


def test_weights_without_neurons_are_not_testable() -> None:
    class Forest(TorchTarget):
        def module(self) -> Any:
            raise WorkError("a forest has no neurons")

    target, data = leaking(0)
    outcome = run("attribute_white_box", Forest(target.model, n_classes=2), data)
    assert isinstance(outcome, NotTestable)
    assert "no neurons" in outcome.reason


def test_activations_are_of_every_innermost_layer() -> None:
    target, data = leaking(0)
    assert white_box.activations(target.model, data.members.features[:3]).shape == (3, 256 + 256 + 2)


def test_the_order_of_the_members_changes_no_figure() -> None:
    target, data = leaking(0)
    turned = Records(data.members.features[::-1].copy(), data.members.labels[::-1].copy())
    found = result("attribute_bayes", target, replace(data, members=turned))
    assert found.metrics == result("attribute_bayes", target, data).metrics


def test_people_with_many_records_widen_the_interval() -> None:
    target, data = leaking(0)
    once = result("attribute_csmia", target, data).metrics["excess"]
    doubled = [
        Records(np.repeat(part.features, 4, axis=0), np.repeat(part.labels, 4), np.repeat(np.arange(300), 4))
        for part in (data.members, data.nonmembers)
    ]
    four = result("attribute_csmia", target, replace(data, members=doubled[0], nonmembers=doubled[1]))
    assert four.metrics["excess"].low <= once.low + 0.001
    assert four.metrics["excess"].n == 598
    assert any(caveat.startswith("Some people have several records") for caveat in four.caveats)


def test_values_that_the_spec_does_not_list_are_refused() -> None:
    target, data = leaking(0)
    with pytest.raises(InputError, match="a value that the spec does not list"):
        run("attribute_csmia", target, replace(data, sensitive=(Sensitive("group", (0,), {"a": 0.0, "b": 1.0}),)))
