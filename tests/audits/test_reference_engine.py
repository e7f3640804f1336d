"""References as a whole: kept as they come, never trained twice, and the same whoever trained them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from audit_worlds import RECIPE, K, draw

from govtool.attacks import persons, signals
from govtool.attacks.interface import AttackData, Records, References
from govtool.audits import control, engine, halves, questions, reference_job
from govtool.audits.engine import Engine
from govtool.audits.questions import Questions
from govtool.audits.recipe import Recipe, train
from govtool.audits.references import Trained, train_references
from govtool.audits.targets import torch_target
from govtool.errors import InputError, WorkError

QUICK = RECIPE.model_copy(update={"epochs": 3})
TREE = Recipe(sklearn="sklearn.tree.DecisionTreeClassifier", params={"max_depth": 3})


@pytest.fixture(scope="module")
def data() -> AttackData:
    return AttackData(*(Records(*draw(group, 41)) for group in ("members", "nonmembers", "population")))


@pytest.fixture(scope="module")
def target(data: AttackData) -> Any:
    return torch_target.TorchTarget(train(QUICK, data.members.features, data.members.labels, K, 1), K)


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Engine]:
    with engine.opened(tmp_path) as found:
        yield found


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many models each training trained."""
    done: list[int] = []
    real = reference_job.train

    def counted(material: Any, stack: Any) -> Any:
        done.append(len(stack.seeds))
        return real(material, stack)

    monkeypatch.setattr(reference_job, "train", counted)
    return done


def go(target: Any, data: AttackData, own: Engine | None, recipe: Recipe = QUICK, **given: Any) -> Trained:
    settled: dict[str, Any] = {
        "count": 4,
        "seed": 5,
        "control": control.plan(len(data.labels), data.labels, K, 5),
        "training_records": 41,
        "progress": lambda _done: None,
        **given,
    }
    return train_references(recipe, target, data, engine=own, **settled)


def arrays(found: References) -> list[np.ndarray]:
    return [found.members, *found.readings.values(), *found.population.values()]


def same(one: Trained, other: Trained) -> bool:
    assert one.control is not None
    assert other.control is not None
    pairs = [*zip(arrays(one.references), arrays(other.references), strict=True)]
    pairs += zip(arrays(one.control), arrays(other.control), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs) and one.references.mismatch == other.references.mismatch


def test_readings_are_those_of_the_models_themselves(target: Any, data: AttackData) -> None:
    """Trained alone and asked at once, without engine, stack, chunk or cache."""
    found = go(target, data, None, TREE)
    (planned, masks) = control.plan(82, data.labels, K, 5), halves.halves(4, 82, 5)
    from govtool.audits.targets.sklearn_target import log_probabilities
    from govtool.audits.training import estimators

    for number, mask in enumerate(masks):
        tree = estimators.train(TREE, data.features[mask], data.labels[mask], found.seeds[number])
        answers = log_probabilities(tree, data.features, K)
        for name, expected in signals.read(answers, data.labels).items():
            assert np.array_equal(found.references.readings[name][number], expected)
        assert found.control is not None
        expected = signals.phi(answers, planned.labels)[planned.order]
        assert np.array_equal(found.control.phi[number], expected)
        assert np.array_equal(found.control.members[number], mask[planned.order])
        outside = log_probabilities(tree, data.population.features, K)
        assert np.array_equal(
            found.references.population_log_probabilities[number],
            signals.label_log_probability(outside, data.population.labels),
        )
    assert np.array_equal(found.references.members, masks)


def test_a_second_run_trains_nothing_and_finds_the_same(
    target: Any, data: AttackData, kept: Engine, trainings: list[int]
) -> None:
    first = go(target, data, kept)
    assert sum(trainings) == 4
    done: list[int] = []
    again = go(target, data, kept, progress=done.append)
    assert sum(trainings) == 4
    assert (first.cached, again.cached) == (0, 4)
    assert done == [4]
    assert same(first, again)


def test_a_run_that_was_stopped_trains_only_the_rest(
    target: Any, data: AttackData, kept: Engine, trainings: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = go(target, data, None, TREE, count=8)
    trainings.clear()
    counted = reference_job.train

    def stops(material: Any, stack: Any) -> Any:
        if len(trainings) == 5:
            raise KeyboardInterrupt
        return counted(material, stack)

    with monkeypatch.context() as patch:
        patch.setattr(reference_job, "train", stops)
        with pytest.raises(KeyboardInterrupt):
            go(target, data, kept, TREE, count=8)
    assert sum(trainings) == 5
    resumed = go(target, data, kept, TREE, count=8)
    assert sum(trainings) == 8
    assert resumed.cached == 5
    assert same(whole, resumed)


def test_a_damaged_entry_is_trained_again_to_the_same_answers(
    target: Any, data: AttackData, kept: Engine, trainings: list[int]
) -> None:
    first = go(target, data, kept, TREE)
    entries = sorted(kept.cache.folder.rglob("*.references"))
    assert len(entries) == 4
    entries[0].write_bytes(entries[0].read_bytes()[:-50])
    broken = bytearray(entries[1].read_bytes())
    broken[-100] ^= 255
    entries[1].write_bytes(broken)
    entries[2].write_bytes(entries[3].read_bytes())
    again = go(target, data, kept, TREE)
    assert sum(trainings) == 4 + 3
    assert again.cached == 1
    assert same(first, again)


def test_more_references_keep_those_that_are_there(
    target: Any, data: AttackData, kept: Engine, trainings: list[int]
) -> None:
    few = go(target, data, kept, TREE)
    many = go(target, data, kept, TREE, count=6)
    assert sum(trainings) == 6
    assert np.array_equal(many.references.phi[:4], few.references.phi)


@pytest.mark.parametrize(
    "change", ["recipe", "seed", "features", "label", "population", "control", "code", "device", "classes"]
)
def test_whatever_decides_the_answers_is_in_the_key(
    change: str, target: Any, data: AttackData, kept: Engine, trainings: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    go(target, data, kept, TREE)
    recipe, given = TREE, {}
    if change == "recipe":
        recipe = TREE.model_copy(update={"params": {"max_depth": 4}})
    elif change == "seed":
        given["seed"] = 6
    elif change == "control":
        given["control"] = None
    elif change == "features":
        moved = data.members.features.copy()
        moved[0, 0] += 1
        data = replace(data, members=Records(moved, data.members.labels))
    elif change == "label":
        other = data.members.labels.copy()
        other[0] = (other[0] + 1) % K
        data = replace(data, members=Records(data.members.features, other))
    elif change == "population":
        data = replace(data, population=None)
    elif change == "code":
        monkeypatch.setattr(reference_job, "origin", lambda *_names: "0" * 64)
    elif change == "device":
        given["device"] = "cuda"
    else:
        target = replace(target, n_classes=K + 1)
        monkeypatch.setattr(type(target), "labels", lambda _self, rows: np.zeros(len(rows), dtype=np.int64))
    go(target, data, kept, recipe, **given)
    assert sum(trainings) == 8


def test_a_factory_of_ones_own_that_was_edited_is_trained_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "edited_net.py"
    monkeypatch.syspath_prepend(str(tmp_path))
    found = []
    for body in ("def build(): ...", "def build(): return 1"):
        source.write_text(body)
        reference_job.origin.cache_clear()
        found.append(reference_job.origin("edited_net:build"))
    assert found[0] != found[1]
    for name in ("not_there_at_all:build", "sys:exit", "os:system", ":build"):
        reference_job.origin(name)


def test_answers_are_read_in_pieces_and_the_pieces_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(0)
    rows = draw.normal(size=(57, 4)).astype(np.float32)
    asked: list[int] = []

    def ask(features: Any) -> Any:
        asked.append(len(features))
        logits = np.asarray(features[:, :3], dtype=np.float64)
        return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))

    own = Questions(Records(rows, draw.integers(3, size=57)), None, Records(rows[:20], draw.integers(3, size=20)))
    whole = own.read(ask, 3)
    assert asked == [57, 20]
    monkeypatch.setattr(questions, "CHUNK_BYTES", 10 * 8 * 3)
    pieces = own.read(ask, 3)
    assert max(asked[2:]) == 10
    assert all(np.array_equal(whole[name], pieces[name]) for name in own.rows())


def test_halves_by_person_never_part_a_person() -> None:
    draw = np.random.default_rng(0)
    people = persons.numbered(draw.integers(30, size=200).astype(str))
    masks = halves.by_person(8, people, seed=3)
    for person in range(people.max() + 1):
        inside = masks[:, people == person]
        assert (inside == inside[:, :1]).all()
    assert masks.sum(axis=0).tolist() == [4] * 200
    assert np.array_equal(masks[0], ~masks[1])
    assert np.array_equal(masks[:2], halves.by_person(2, people, seed=3))


def test_a_diverged_reference_is_an_error_and_leaves_nothing(target: Any, data: AttackData, kept: Engine) -> None:
    wild = QUICK.model_copy(update={"learning_rate": 1e30, "optimizer": "sgd"})
    with pytest.raises(WorkError):
        go(target, data, kept, wild)
    assert [path for path in kept.cache.folder.rglob("*") if path.is_file()] == []


def test_a_cache_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cache").touch()
    with pytest.raises(InputError, match="is a file"), engine.opened(tmp_path / "cache"):
        pass


def test_records_that_name_nobody_are_halved_one_by_one() -> None:
    """Were they one person, all of them would be in or out together, and on both sides of the audit."""
    draw = np.random.default_rng(2)
    names = np.array(["", "  ", *(f"p{row // 3}" for row in range(58))])
    inside, outside = (
        Records(draw.normal(size=(60, 2)).astype(np.float32), np.zeros(60, np.int64), s)
        for s in (names, np.char.add("q", names))
    )
    outside = replace(outside, subjects=np.where(np.arange(60) < 2, "", outside.subjects))
    masks, caveats = halves.drawn(16, AttackData(inside, outside), halves.PERSON, None, seed=1)
    assert caveats == []
    assert len({masks[:, column].tobytes() for column in (0, 1, 60, 61)}) == 4
    assert np.array_equal(masks[:, 2], masks[:, 3])
