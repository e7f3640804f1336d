"""Property inference from a spec to its record: pools that do not overlap, worlds as asked for, and what it says of the target."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from govtool.attacks.catalog import ATTACKS
from govtool.attacks.interface import AttackData, Records
from govtool.audits import engine, fanout, reference_job, world_design, world_job, worlds
from govtool.audits import spec as specs
from govtool.audits.engine import Engine
from govtool.audits.models import AttackRecord
from govtool.audits.property_spec import Condition, Property
from govtool.audits.recipe import Recipe, train
from govtool.errors import InputError, WorkError

SEX = 3
RECIPE = Recipe(factory="softmax", epochs=5, learning_rate=0.05, batch_size=64)
RECIPE_YAML = "recipe: {epochs: 5, learning_rate: 0.05, batch_size: 64}\n"
PROPERTY = "property: {column: 3, value: 1, worlds: [0.2, 0.8], shadows: 16, tests: 24, records: 100, queries: 60"


def people(count: int, seed: int, share: float = 0.5) -> Records:
    """The label follows the property and another feature."""
    rng = np.random.default_rng(seed)
    has = rng.random(count) < share
    features = rng.normal(size=(count, 4)).astype(np.float32)
    features[:, SEX] = has
    labels = (features[:, 0] + 2 * has + rng.normal(size=count) > 1).astype(np.int64)
    return Records(features, labels)


def records(share: float = 0.5) -> AttackData:
    return AttackData(people(300, 1, share), people(300, 2, share), people(700, 3, share))


def asked(**given: Any) -> Property:
    return Property.model_validate({"column": SEX, "value": 1, "worlds": [0.2, 0.8], "records": 100, **given})


def designed(**given: Any) -> world_design.Design:
    found = world_design.design(asked(**given), records(), 7)
    assert isinstance(found, world_design.Design), found
    return found


def trained(made: world_design.Design, **given: Any) -> Any:
    arguments: dict[str, Any] = {"seed": 7, "control": False, "weights": False, "target_records": 300}
    arguments["progress"] = lambda _done, _total: None
    with engine.opened(None) as own:
        return worlds.train(made, RECIPE, records().members, 2, **({"engine": own} | arguments | given))


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Engine]:
    with engine.opened(tmp_path) as found:
        yield found


def test_queries_are_set_aside_half_with_the_property() -> None:
    made = designed(queries=60)
    assert (len(made.queries), int(made.queries.has.sum())) == (60, 30)
    assert len(made.shadow.labels) == 640
    inside = {row.tobytes() for row in made.shadow.features}
    assert not inside & {row.tobytes() for row in made.queries.features}


def test_shadow_models_never_meet_members_or_nonmembers() -> None:
    made = designed()
    assert len(made.test.labels) == 600
    assert not {row.tobytes() for row in made.shadow.features} & {row.tobytes() for row in made.test.features}


def test_each_model_has_exactly_the_share_of_its_world(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def spy(_recipe: Any, features: Any, _labels: Any, halves: Any, *rest: Any, **_how: Any) -> Any:
        seen.extend((len(np.unique(rows)), float(features[rows, SEX].mean())) for rows in halves)
        return iter((i, np.zeros(len(rest[2]))) for i in range(len(halves)))

    monkeypatch.setattr(worlds.ensemble, "train_and_ask", spy)
    trained(designed(shadows=16, tests=16))
    assert seen == [(100, pytest.approx(0.2)), (100, pytest.approx(0.8))] * 16


def test_a_recipe_that_shows_the_property_is_caught() -> None:
    found = trained(designed(shadows=32, tests=40), control=True)
    assert len(found.control[0]) == worlds.CONTROL
    assert found.members_with == pytest.approx(float(people(300, 1).features[:, SEX].mean()))
    outcome = attacked(found, "property_answers")
    assert outcome.metrics["world_accuracy"].low > 0.6
    assert outcome.detail["positive_control"]["passed"]


def attacked(found: Any, name: str) -> Any:
    from govtool.audits.targets.torch_target import from_module

    module = train(RECIPE, *_arrays(records().members), 2, 5)
    return ATTACKS[name].run(from_module(module, 4), replace(records(), worlds=found), {}, np.random.default_rng(0))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["property_answers", "property_weights"])
def test_nobody_against_everybody_is_told_apart(name: str) -> None:
    outcome = attacked(trained(designed(worlds=[0, 1], shadows=32, tests=40), weights=True), name)
    assert outcome.metrics["world_accuracy"].low > 0.6
    assert outcome.detail["property"]["existence"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["property_answers", "property_weights", "property_snap"])
def test_one_world_twice_is_told_apart_no_oftener_than_the_interval_allows(name: str) -> None:
    """3 or more of 12 come with a probability below 1 %, where one in 27 is allowed. A spec cannot ask for equal worlds."""
    accused = 0
    for seed in range(12):
        near = asked(shadows=32, tests=60, poison=0.05, worlds=[0.49, 0.5])
        made = world_design.design(near, records(), seed)
        assert isinstance(made, world_design.Design)
        same = replace(made, asked=near.model_copy(update={"worlds": [0.5, 0.5]}))
        outcome = attacked(trained(same, seed=seed, weights=True), name)
        accused += outcome.metrics["world_accuracy"].low > 0.5
    assert accused < 3


def _arrays(found: Records) -> tuple[Any, Any]:
    return found.features, found.labels


def test_weights_are_kept_only_where_they_are_attacked() -> None:
    made = designed(shadows=16, tests=16)
    assert trained(made).shadows.layers is None
    layers = trained(made, weights=True).shadows.layers
    assert [layer.shape for layer in layers] == [(16, 2, 5)]


def test_the_same_seed_gives_the_same_worlds() -> None:
    made = designed(shadows=16, tests=16)
    assert np.array_equal(trained(made).tests.answers, trained(made).tests.answers)
    assert not np.array_equal(trained(made).tests.answers, trained(made, seed=8).tests.answers)


def test_worlds_are_trained_once_and_the_same_whether_kept_or_not(kept: Engine, monkeypatch: Any) -> None:
    made, told = designed(shadows=16, tests=16, poison=0.05), list[tuple[int, int]]()
    first = trained(made, engine=kept)
    monkeypatch.setattr(world_job, "_trained", lambda *_given: pytest.fail("trained again"))
    again = trained(made, engine=kept, progress=lambda *step: told.append(step))
    for found in (again.shadows, again.tests, again.poisoned.shadows):
        assert len(found.answers) == 16
    assert np.array_equal(again.tests.answers, first.tests.answers)
    assert np.array_equal(again.poisoned.target, first.poisoned.target)
    assert told[-1] == (65, 65)


@pytest.mark.parametrize("given", [{"seed": 8}, {"device": "cuda"}])
def test_what_decides_the_answers_decides_where_they_are_kept(kept: Engine, monkeypatch: Any, given: Any) -> None:
    made = designed(shadows=16, tests=16)
    trained(made, engine=kept)
    monkeypatch.setattr(world_job, "_trained", lambda *_given: (_ for _ in ()).throw(LookupError("trained again")))
    with pytest.raises(LookupError, match="trained again"):
        trained(made, engine=kept, **given)


@pytest.fixture
def elsewhere(kept: Engine, monkeypatch: Any) -> Engine:
    """A cluster that does the last piece first."""

    def results(work: Any, material: Any, jobs: Any) -> Any:
        return (fanout.attempt(work, material, number, job) for number, job in reversed(jobs))

    @contextmanager
    def backend(_cluster: Any, material: Any, _workers: int) -> Iterator[Any]:
        yield lambda work, jobs: results(work, material, jobs)

    monkeypatch.setitem(fanout._BACKENDS, "dask", backend)
    return replace(kept, cluster=fanout.Cluster("dask", "host:1"))


def test_a_cluster_finds_the_same_worlds(elsewhere: Engine) -> None:
    made = designed(shadows=16, tests=16)
    assert np.array_equal(trained(made, engine=elsewhere).shadows.answers, trained(made).shadows.answers)


def test_a_cluster_with_other_code_is_refused(elsewhere: Engine, monkeypatch: Any) -> None:
    real, asked = reference_job.origin, list[str]()

    def changing(*names: str) -> Any:
        asked.extend(names)
        return real(*names) if len(asked) <= 4 else "0" * 64

    monkeypatch.setattr(reference_job, "origin", changing)
    with pytest.raises(WorkError, match="another version"):
        trained(designed(shadows=16, tests=16), engine=elsewhere)


def test_poisoned_rows_have_the_property_and_the_rarest_label() -> None:
    made = designed(shadows=16, tests=16, poison=0.05)
    assert made.poison is not None
    assert made.poison.label == 0  # the property raises the label's odds
    assert made.shadow.has[made.poison.rows].all()
    assert made.poison.queries.has.all()
    assert (made.poison.queries.labels == 1).all()
    found = trained(made)
    assert len(found.poisoned.tests) == 16
    assert found.poisoned.target.shape == (len(made.poison.queries),)
    assert trained(made, weights=True).poisoned.shadows.layers is None
    assert found.poisoned.shadows.answers.mean() < found.shadows.answers[:, made.queries.has].mean()


def test_progress_ends_where_it_said_it_would() -> None:
    steps: list[tuple[int, int]] = []
    trained(designed(shadows=16, tests=16, poison=0.05), control=True, progress=lambda *step: steps.append(step))
    assert steps[-1] == (16 + 16 + 2 * worlds.CONTROL + 16 + 16 + 1,) * 2


def test_a_property_may_be_two_things_at_once() -> None:
    found = world_design.design(asked(also=[Condition(column=1, value=0)], worlds=[0, 0.1]), records(), 7)
    assert isinstance(found, str)
    assert "0 of 600 records of members and non-members have the property" in found
    assert asked(also=[{"column": 1, "value": 0}]).name == "feature 3 equals 1 and feature 1 equals 0"


def test_existence_is_asked_with_a_share_of_none() -> None:
    made = designed(worlds=[0, 0.3], shadows=16, tests=16)
    assert trained(made).fractions == (0, 0.3)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"records": 500}, "can have at most"),
        ({"column": 4}, "records have features 0 to 3"),
        ({"value": 9}, "can have even 20 training records: 0 of 600 records"),
        ({"worlds": [0.3, 0.304]}, "differ in none of them"),
        ({"worlds": [0, 0.004]}, "differ in none of them"),
    ],
)
def test_what_the_records_cannot_supply_is_said(given: dict[str, Any], reason: str) -> None:
    found = world_design.design(asked(**given), records(), 7)
    assert isinstance(found, str)
    assert reason in found


def test_a_feature_may_be_named() -> None:
    names = ("age", "visits", "weight", "sex")
    found = replace(records(), members=replace(records().members, columns=names))
    by_name = world_design.design(asked(column="sex"), found, 7)
    assert isinstance(by_name, world_design.Design)
    assert np.array_equal(by_name.test.has, designed().test.has)
    assert by_name.asked.name == "sex equals 1"
    assert "the features are: age, visits" in str(world_design.design(asked(column="gender"), found, 7))
    assert "the data have no names" in str(world_design.design(asked(column="sex"), records(), 7))


def test_without_a_population_there_is_no_attacker_to_imitate() -> None:
    found = world_design.design(asked(), replace(records(), population=None), 7)
    assert isinstance(found, str)
    assert "population" in found


def test_the_default_size_leaves_room_between_the_models() -> None:
    made = designed(records=None)
    assert 20 <= made.records <= min(made.test.has.sum(), (~made.test.has).sum()) / 0.8 / 2


def test_a_population_with_nobody_to_poison_says_so() -> None:
    few = replace(records(), population=people(60, 3, 0.27))
    reason = world_design.design(asked(poison=0.05, records=20, worlds=[0.1, 0.3]), few, 7)
    assert isinstance(reason, str)
    assert reason.endswith("without 'poison' the other attacks can run")


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("{column: 3, value: 1, worlds: [0.7, 0.3]}", "the lower one first"),
        ("{column: 3, value: 1, worlds: [0.3]}", "the lower one first"),
        ("{column: 3, value: 1, worlds: [0.5, 0.5]}", "the lower one first"),
        ("{column: 3, value: 1, worlds: [0.3, 1.2]}", "the lower one first"),
        ("{column: -1, value: 1, worlds: [0.3, 0.7]}", "its number counted from 0"),
        ("{column: true, value: 1, worlds: [0.3, 0.7]}", "property.column: must be a column's name"),
        ("{column: 3, value: 1, worlds: [0.3, 0.7], tests: 31}", "must be even"),
        ("{column: 3, value: 1, worlds: [0.3, 0.7], tests: 2}", "greater than or equal to 16"),
        ("{column: 3, value: 1, worlds: [0.3, 0.7], poison: 0.9}", "less than or equal to 0.2"),
        ("{column: 3, value: 1, worlds: [0.3, 0.7], record: 9}", "record"),
        ("{column: 3, value: 1, worlds: [0.3, 0.7], tests: 90000, queries: 1000}", "at most 50,000,000 answers"),
        ("{column: 3, worlds: [0.3, 0.7]}", "value"),
        ("3", "property"),
    ],
)
def test_a_section_that_means_nothing_is_refused_with_its_line(section: str, message: str) -> None:
    text = f"schema: govtool.audit/v1\nproperty: {section}\n".encode()
    with pytest.raises(InputError, match=message) as refused:
        specs.parse(text, "audit.yaml", ATTACKS)
    assert str(refused.value.where).startswith("audit.yaml:")


@pytest.fixture
def census(ws: Any) -> Any:
    """census@1, a linear model of 300 people of whom 80 % have the property."""
    from safetensors.torch import save

    members = people(300, 1, 0.8)
    for name, found in (("members", members), ("nonmembers", people(300, 2, 0.8)), ("population", people(700, 3))):
        ws.dataset(f"{name}@1", found.features, found.labels)
    path = ws.folder / "census.safetensors"
    path.write_bytes(save(train(RECIPE, members.features, members.labels, 2, 5).state_dict()))
    ws.model("census@1", artifact=path, factory="softmax", factory_params={"inputs": 4, "classes": 2})
    ws.relate("model:census@1", "trained_on", "dataset:members@1")
    ws.relate("model:census@1", "tested_on", "dataset:nonmembers@1")
    return ws


def rows(ws: Any) -> dict[str, AttackRecord]:
    with ws.read() as session:
        return {row.attack: row for row in session.scalars(sa.select(AttackRecord))}


NAMES = "attacks: [property_answers, property_weights, property_snap]\n"
SPEC = RECIPE_YAML + "population: population@1\nseed: 7\n"


def test_an_audit_with_a_property_answers_it(census: Any) -> None:
    done = census.audit("census@1", SPEC + PROPERTY + ", poison: 0.05}\n" + NAMES)
    found = rows(census)
    assert done.status == "completed"
    for name in ("property_answers", "property_weights", "property_snap"):
        assert found[name].status == "completed", found[name].reason
        assert found[name].metrics["world_accuracy"]["n"] == 24
        assert found[name].detail["property"]["pools"] == {"shadow": 640, "test": 600}
        assert "under the GDPR" in found[name].caveats[0]
        assert found[name].evidence_sha256
    assert found["property_answers"].metrics["world_accuracy"]["low"] > 0.6
    assert found["property_answers"].detail["target"]["looks_like"] == 0.8
    assert found["property_answers"].detail["target"]["true_fraction"] == pytest.approx(0.8, abs=0.05)


def test_without_a_section_property_inference_is_not_requested_and_nothing_else_changes(census: Any) -> None:
    census.audit("census@1", SPEC + "positive_control: false\nreferences: 0\n")
    found = rows(census)
    assert found["loss_threshold"].status == "completed"
    for name in ("property_answers", "property_weights", "property_snap"):
        assert found[name].status == "not_requested"
        assert "no section 'property'" in found[name].reason


def test_an_attack_named_without_the_section_could_not_be_tested(census: Any) -> None:
    census.audit("census@1", SPEC + "attacks: [property_answers]\n")
    assert rows(census)["property_answers"].status == "not_testable"


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("seed: 7\npopulation: population@1\n" + PROPERTY + "}\n", "no recipe"),
        (RECIPE_YAML + PROPERTY + "}\n", "no population"),
        (SPEC + PROPERTY.replace("100", "590") + "}\n", "can have at most"),
    ],
)
def test_what_is_missing_is_recorded_as_not_testable(census: Any, spec: str, reason: str) -> None:
    census.audit("census@1", spec + NAMES)
    record = rows(census)["property_answers"]
    assert record.status == "not_testable"
    assert reason in record.reason


def test_a_recipe_that_fails_fails_the_attack_and_not_the_run(census: Any) -> None:
    spec = SPEC.replace("epochs: 5", "epochs: 5, factory: mlp, factory_params: {hidden: wide}")
    census.audit(
        "census@1",
        spec + PROPERTY + "}\nattacks: [loss_threshold, property_answers]\nreferences: 0\npositive_control: false\n",
    )
    found = rows(census)
    assert found["property_answers"].status == "failed"
    assert "hidden" in found["property_answers"].reason


def test_who_assumes_no_poisoner_is_told_that_snap_does_not_apply(census: Any) -> None:
    census.audit("census@1", SPEC + PROPERTY + "}\npositive_control: false\nattacks: [property_snap]\n")
    record = rows(census)["property_snap"]
    assert record.status == "not_applicable"
    assert "poison" in record.reason
