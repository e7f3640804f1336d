"""Defences tried from the command line: what is asked, what comes of it, and what cannot be asked."""

import json
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
import typer
from audit_worlds import RECIPE, D, K
from typer.testing import CliRunner

from govtool.audits.models import AttackRecord
from govtool.cli import audit
from govtool.errors import InputError, UntrustedArtifactError
from govtool.policy.collect import collect
from govtool.registry import service

N = 200
QUICK = RECIPE.model_copy(update={"epochs": 60})
TRAINED = "recipe: {factory_params: {hidden: [32]}, epochs: 60, learning_rate: 0.01}\n"


def draw(seed: int, count: int = N) -> tuple[Any, Any]:
    rng = np.random.default_rng([22, seed])
    return rng.normal(size=(count, D)).astype(np.float32), rng.integers(K, size=count).astype(np.int64)


@pytest.fixture(scope="module")
def weights() -> bytes:
    from safetensors.torch import save

    from govtool.audits.recipe import train

    return save(train(QUICK, *draw(1), K, seed=1).state_dict())


class Opened:
    def __init__(self, ws: Any) -> None:
        self.write, self.read, self.vault = ws.write, ws.read, ws.vault
        self.actor, self.now, self.clock = "tester", ws.now, lambda: ws.now


@pytest.fixture
def world(ws: Any, weights: bytes, monkeypatch: pytest.MonkeyPatch) -> Any:
    from govtool.cli import context

    for index, name in enumerate(("members", "held-out", "others"), start=1):
        ws.dataset(f"{name}@1", *draw(index))
    path = ws.folder / "m.safetensors"
    path.write_bytes(weights)
    ws.model("m@1", artifact=path, factory="mlp", factory_params={"inputs": D, "hidden": [32], "classes": K})
    ws.relate("m@1", "trained_on", "members@1")
    ws.relate("m@1", "tested_on", "held-out@1")
    monkeypatch.setattr(context, "open_workspace", lambda: Opened(ws))
    return ws


def ask(world: Any, text: str) -> Any:
    app = typer.Typer()
    app.add_typer(audit.app, name="audit")
    file = world.folder / "defences.yaml"
    file.write_text("schema: govtool.defences/v1\n" + text)
    return CliRunner().invoke(app, ["audit", "defences", "m@1", "--spec", str(file), "--json"])


def rows(found: Any) -> dict[str, Any]:
    assert found.exit_code == 0, found.output
    data = json.loads(found.stdout)["data"]
    return {f"{one['defence']} {one['setting']}".strip(): one for one in data["detail"]["defences"]}


def test_the_usual_defences_are_measured_against_the_answers_in_full(world: Any) -> None:
    found = rows(ask(world, "defences: {rounding: 2, top_k: [1], labels: true, temperature: 5}\n"))
    assert list(found) == [
        "none answers in full",
        "rounding to 2 decimals",
        "top_k 1 best score",
        "labels the class alone",
        "temperature 5",
    ]
    assert found["none answers in full"]["membership"]["auc"]["low"] > 0.7
    assert found["none answers in full"]["bought"] is None
    assert found["temperature 5"]["bought"]["said"] == "membership: no difference shown"
    assert found["labels the class alone"]["bought"]["membership"]["value"] < 0
    assert {one["inversion"] for one in found.values()} == {None}


def test_a_gate_decides_nothing_by_what_might_be_deployed(world: Any) -> None:
    rows(ask(world, "defences: {labels: true}\n"))
    with world.read() as session:
        (record,) = session.query(AttackRecord).all()
        facts = collect(session, service.model_version(session, "m@1"), world.now)
    assert record.family == "defences"
    assert not [one for one in facts.attacks if one.family != "defences"]


@pytest.mark.slow
def test_defences_in_training_are_trained_and_compared_with_training_alone(world: Any) -> None:
    text = f"{TRAINED}population: others@1\ndefences: {{dp_sgd: 1, weight_decay: 0.1, distillation: true}}\n"
    found = rows(ask(world, text))
    assert list(found)[:2] == ["none trained here by the recipe", "none the same recipe again"]
    assert "no difference shown" in found["none the same recipe again"]["bought"]["said"]
    private = found["dp_sgd epsilon 1, delta 1e-05"]
    assert "membership: less leaks" in private["bought"]["said"]
    assert private["membership"]["auc"]["value"] < 0.65
    student = found["distillation a student of 200 other records"]
    assert student["bought"]["membership"]["high"] < 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("defences: {roundin: 1}\n", "roundin"),
        ("defences: {rounding: -1}\n", "greater than or equal to 0"),
        ("defences: {}\n", "no defence is named"),
        ("defences: {dp_sgd: 1}\n", "needs a 'recipe'"),
        (TRAINED + "defences: {distillation: true}\n", "needs a 'population'"),
        ("members: held-out@1\n", "non-members are also members"),
        ("members: nowhere@1\n", "nowhere"),
        ("shape: [8]\n", "shape"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(world: Any, text: str, said: str) -> None:
    found = ask(world, text)
    assert isinstance(found.exception, InputError) or getattr(found.exception, "exit_code", 0) == 2
    assert said in str(found.exception)


def test_a_factory_of_somebodys_own_is_not_called_unasked(world: Any) -> None:
    own = TRAINED.replace("{factory_params", "{factory: 'our_nets:wide', factory_params")
    assert isinstance(ask(world, own + "defences: {weight_decay: 0.1}\n").exception, UntrustedArtifactError)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("evaluation: members@1\n", "200 evaluation records are also members: the judges would know the answers"),
        ("public: members@1\n", "200 public records are also members"),
        ("evaluation: others@1\npublic: others@1\n", "200 public records are also evaluation"),
        (
            TRAINED + "population: held-out@1\ndefences: {distillation: true}\n",
            "200 population records are also nonmembers",
        ),
        (f"defences: {{top_k: [{K}]}}\n", f"hide nothing of a model with {K} classes"),
        ("shape: [9, 9]\n", "shape 9 x 9 does not fit records"),
        ("defences: {rounding: [1, 1]}\n", "rounding: 1 stands there twice"),
        ("queries: 3\n", "queries: input should be greater than or equal to 50"),
    ],
)
def test_what_would_make_the_figures_worthless_is_refused_before_anything_is_measured(
    world: Any, text: str, said: str
) -> None:
    found = ask(world, text)
    assert isinstance(found.exception, InputError)
    assert said in found.exception.message
    with world.read() as session:
        assert not list(session.scalars(sa.select(AttackRecord)))


def test_of_the_usual_defences_those_are_left_out_that_hide_nothing_of_so_few_classes(world: Any) -> None:
    assert K == 3, "as many as the usual top_k shows"
    assert [name for name in rows(ask(world, "")) if name.startswith("top_k")] == ["top_k 1 best score"]
