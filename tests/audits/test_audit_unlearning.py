"""Unlearning audited from the command line: nothing changed, retrained, relabelled; and what does not fit is refused."""

import json
from io import BytesIO
from typing import Any

import numpy as np
import pytest
import typer
from audit_worlds import RECIPE, D, K
from typer.testing import CliRunner

from govtool.audits import service as audits
from govtool.audits.models import AuditRun
from govtool.cli import audit
from govtool.errors import InputError, NotFoundError, UntrustedArtifactError
from govtool.policy.collect import collect
from govtool.registry import service

FORGET, ALL, OTHERS = 200, 400, 300
QUICK = RECIPE.model_copy(update={"epochs": 60})


def draw(seed: int, count: int) -> tuple[Any, Any]:
    rng = np.random.default_rng([21, seed])
    return rng.normal(size=(count, D)).astype(np.float32), rng.integers(K, size=count).astype(np.int64)


@pytest.fixture(scope="module")
def weights() -> dict[str, bytes]:
    """before knew all, retrained and good only what was kept, relabelled was taught wrong labels for the forget set."""
    from safetensors.torch import save

    from govtool.audits.recipe import train

    x, y = draw(1, ALL)
    wrong = np.where(np.arange(ALL) < FORGET, (y + 1) % K, y)
    made = {"before": (x, y, 1), "relabelled": (x, wrong, 4)}
    made |= {name: (x[FORGET:], y[FORGET:], seed) for name, seed in (("retrained", 2), ("good", 3))}
    return {name: save(train(QUICK, a, b, K, seed=s).state_dict()) for name, (a, b, s) in made.items()}


class Opened:
    def __init__(self, ws: Any) -> None:
        self.write, self.read, self.vault = ws.write, ws.read, ws.vault
        self.actor, self.now, self.clock = "tester", ws.now, lambda: ws.now
        self.cache = ws.folder / "cache"


@pytest.fixture
def world(ws: Any, weights: dict[str, bytes]) -> Any:
    x, y = draw(1, ALL)
    for name, (features, labels) in {
        "all": (x, y),
        "leavers": (x[:FORGET], y[:FORGET]),
        "kept": (x[FORGET:], y[FORGET:]),
        "held-out": draw(2, OTHERS),
        "others": draw(3, OTHERS),
    }.items():
        ws.dataset(f"{name}@1", features, labels)
    for name, artifact in {**weights, "noop": weights["before"]}.items():
        path = ws.folder / f"{name}.safetensors"
        path.write_bytes(artifact)
        ws.model(f"{name}@1", artifact=path, factory="mlp", factory_params={"inputs": D, "hidden": [32], "classes": K})
    ws.relate("before@1", "trained_on", "all@1")
    ws.relate("before@1", "tested_on", "held-out@1")
    ws.relate("retrained@1", "trained_on", "kept@1")
    return ws


@pytest.fixture
def invoke(world: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    from govtool.cli import context

    monkeypatch.setattr(context, "open_workspace", lambda: Opened(world))

    def call(after: str, *words: str, spec: str = "") -> Any:
        if spec:
            path = world.folder / "unlearning.yaml"
            path.write_text(spec)
            words = (*words, "--spec", str(path))
        result = CliRunner().invoke(audit.app, ["unlearning", "before@1", f"{after}@1", *words])
        if result.exception and not isinstance(result.exception, SystemExit | typer.Exit):
            raise result.exception
        return result

    return call


YARDSTICK = ("--forget", "leavers@1", "--retrained", "retrained@1")
WIDE = "schema: govtool.unlearning/v1\nmargin: 0.1\n"


@pytest.mark.parametrize(
    ("after", "finding", "code", "words"),
    [
        ("noop", "not forgotten", 3, "NOT FORGOTTEN: the forget set is still recognised"),
        ("good", "forgotten", 0, "Forgotten"),
        ("relabelled", "overshot", 3, "stands out by being less known"),
    ],
)
def test_what_came_of_unlearning(invoke: Any, after: str, finding: str, code: int, words: str) -> None:
    done = invoke(after, *YARDSTICK, spec=WIDE if after == "good" else "")
    assert (done.exit_code, words in done.stdout, finding in done.stdout) == (code, True, True), done.stdout
    assert ("same bytes" in done.stdout) == (after == "noop")
    assert ("margin of 0.1 is wider than the usual 0.05" in " ".join(done.stdout.split())) == (after == "good")


def test_the_run_is_evidence_about_the_model_after(invoke: Any, world: Any) -> None:
    run = json.loads(invoke("noop", *YARDSTICK, "--json").stdout)["data"]["run_id"]
    shown = CliRunner().invoke(audit.app, ["show", run]).stdout
    assert "of noop@1 (unlearning from before@1, against retrained@1): completed" in shown
    assert "finding: not forgotten, at a margin of 0.05" in shown
    assert "200 forget, 300 nonmembers" in shown
    with world.read() as session:
        row = session.get_one(AuditRun, run)
        version = service.model_version(session, "noop@1")
        assert row.model_version_id == version.id
        assert b"leavers@1" in world.vault.read(row.spec_sha256)
        (record,) = audits.records(session, run)
        assert record.evidence_sha256
        (fact,) = collect(session, version, world.now).attacks
        assert (fact.family, fact.status, fact.control) == ("unlearning", "completed", "passed")


def test_rows_of_a_dataset_can_be_named_instead(invoke: Any) -> None:
    named = invoke("noop", *YARDSTICK, "--json")
    rows = invoke("noop", "--forget", "all@1", "--rows", f"0:{FORGET}", "--retrained", "retrained@1", "--json")
    first, second = (json.loads(done.stdout)["data"]["metrics"] for done in (named, rows))
    assert first == second


def test_too_few_records_are_undecided_and_it_says_how_many_more(invoke: Any) -> None:
    done = invoke("good", "--forget", "all@1", "--rows", "0:20", "--retrained", "retrained@1")
    assert done.exit_code == 4
    assert "Undecided" in done.stdout


def test_the_yardstick_and_references_can_be_trained_here(invoke: Any, world: Any) -> None:
    spec = (
        "schema: govtool.unlearning/v1\nforget: leavers@1\npopulation: others@1\nreferences: 4\nseed: 3\n"
        "recipe: {factory_params: {hidden: [32]}, epochs: 60, learning_rate: 0.01, batch_size: 64}\n"
        "attacks: [loss_threshold, rmia]\n"
    )
    done = invoke("noop", "--json", spec=spec)
    assert done.exit_code == 3
    assert list((world.folder / "cache").rglob("*.references"))
    digest = json.loads(done.stdout)["data"]["references_sha256"]
    with np.load(BytesIO(world.vault.read(digest))) as kept:
        assert len(kept["reference_members"]) == 4
    again = invoke("noop", "--json", "--no-cache", spec=spec)
    assert json.loads(again.stdout)["data"]["references_sha256"] == digest
    found = json.loads(done.stdout)["data"]["detail"]["attacks"]
    assert {name: one["finding"] for name, one in found.items()} == dict.fromkeys(found, "not_forgotten")
    assert set(found) == {"loss_threshold", "rmia"}


REFUSED: list[tuple[str, tuple[str, ...], str, Any, str]] = [
    ("before", YARDSTICK, "", InputError, "three different versions"),
    ("nobody", YARDSTICK, "", NotFoundError, "no model version"),
    ("good", YARDSTICK[:2], "", InputError, "nothing says what retraining"),
    ("good", YARDSTICK[2:], "", InputError, "nothing says what was to be forgotten"),
    ("good", (*YARDSTICK, "--rows", "x"), "", InputError, "not a range of rows"),
    ("good", ("--rows", "0:5"), "", InputError, "belongs to --forget"),
    ("good", YARDSTICK, "schema: govtool.unlearning/v1\nforget: all@1\n", InputError, "both the spec"),
    ("good", YARDSTICK, "margin: 0.1\n", InputError, "does not say what it is"),
    ("good", YARDSTICK, "schema: govtool.unlearning/v1\nattacks: [mi_face]\n", InputError, "unknown attack"),
    ("good", YARDSTICK, "schema: govtool.unlearning/v1\nattacks: {}\n", InputError, "no attack is named"),
    ("good", YARDSTICK, "schema: govtool.unlearning/v1\nmargin: 0.7\n", InputError, "margin"),
    ("good", ("--forget", "others@1", "--retrained", "retrained@1"), "", InputError, "are not in what before@1"),
    ("good", ("--forget", "all@1", "--retrained", "retrained@1"), "", InputError, "is no yardstick"),
    ("good", YARDSTICK, "schema: govtool.unlearning/v1\nnonmembers: kept@1\n", InputError, "are in what before@1"),
    ("good", YARDSTICK, "schema: govtool.unlearning/v1\nnonmembers: leavers@1\n", InputError, "of the forget set"),
    (
        "good",
        YARDSTICK[:2],
        "schema: govtool.unlearning/v1\nrecipe: {factory: 'os:system'}\n",
        UntrustedArtifactError,
        "code outside",
    ),
    (
        "good",
        YARDSTICK[:2],
        "schema: govtool.unlearning/v1\nrecipe: {estimator: sklearn.ensemble.RandomForestClassifier}\n",
        InputError,
        "only torch recipes",
    ),
]


def test_what_does_not_fit_is_refused(invoke: Any) -> None:
    for after, words, spec, error, message in REFUSED:  # one world for all of them: it takes longer than they do
        with pytest.raises(error, match=message):
            invoke(after, *words, spec=spec)


def test_nonmembers_that_a_later_model_learnt_are_refused(invoke: Any, world: Any) -> None:
    """A model after that was also taught the test set looks as if it had forgotten."""
    world.relate("good@1", "trained_on", "held-out@1")
    with pytest.raises(InputError, match="300 of the non-members are in what good@1"):
        invoke("good", *YARDSTICK)
    world.relate("retrained@1", "trained_on", "others@1")
    with pytest.raises(InputError, match="300 of the non-members are in what retrained@1"):
        invoke("relabelled", *YARDSTICK, spec="schema: govtool.unlearning/v1\nnonmembers: others@1\n")
    with pytest.raises(InputError, match="300 of the non-members are among the records that were to be kept"):
        invoke("noop", *YARDSTICK, spec="schema: govtool.unlearning/v1\nretained: held-out@1\n")


def test_a_model_is_not_its_own_yardstick(invoke: Any, world: Any, weights: dict[str, bytes]) -> None:
    """Its difference from itself is zero, whatever it remembers."""
    path = world.folder / "relabelled.safetensors"
    world.model("twin@1", artifact=path, factory="mlp", factory_params={"inputs": D, "hidden": [32], "classes": K})
    with pytest.raises(InputError, match=r"the very weights of relabelled@1"):
        invoke("relabelled", "--forget", "leavers@1", "--retrained", "twin@1")


def test_a_yardstick_that_learnt_less_is_told(invoke: Any, world: Any) -> None:
    path = world.folder / "good.safetensors"
    world.model("part@1", artifact=path, factory="mlp", factory_params={"inputs": D, "hidden": [32], "classes": K})
    x, y = draw(1, ALL)
    world.dataset("some@1", x[FORGET : FORGET + 50], y[FORGET : FORGET + 50])
    world.relate("part@1", "trained_on", "some@1")
    done = invoke("noop", "--forget", "leavers@1", "--retrained", "part@1")
    assert "not trained on 150 of 200 records that were kept" in " ".join(done.stdout.split())


def test_models_with_other_classes_are_refused(invoke: Any, world: Any) -> None:
    from safetensors.torch import save

    from govtool.audits.recipe import train

    x, y = draw(1, 50)
    path = world.folder / "fewer.safetensors"
    path.write_bytes(save(train(QUICK.model_copy(update={"epochs": 1}), x, y % 2, 2, seed=1).state_dict()))
    world.model("fewer@1", artifact=path, factory="mlp", factory_params={"inputs": D, "hidden": [32], "classes": 2})
    with pytest.raises(InputError, match="only models with the same classes"):
        invoke("fewer", *YARDSTICK)


def test_models_that_cannot_be_opened_are_refused(invoke: Any, world: Any) -> None:
    world.model("remote@1", endpoint="https://models.example/")
    with pytest.raises(InputError, match="registered as endpoint"):
        invoke("remote", *YARDSTICK)


def test_without_lineage_it_says_what_is_taken_on_trust(invoke: Any, world: Any) -> None:
    spec = "schema: govtool.unlearning/v1\nnonmembers: held-out@1\n"
    result = CliRunner().invoke(
        audit.app,
        [
            "unlearning",
            "relabelled@1",
            "good@1",
            "--forget",
            "leavers@1",
            "--retrained",
            "noop@1",
            "--spec",
            _file(world, spec),
        ],
    )
    assert "does not say what relabelled@1 was trained on" in result.stdout
    assert "that is taken on trust" in result.stdout


def _file(world: Any, text: str) -> str:
    path = world.folder / "u.yaml"
    path.write_text(text)
    return str(path)


def test_records_that_equal_the_forget_set_are_left_out_of_what_was_kept(world: Any) -> None:
    from govtool.attacks.interface import Records
    from govtool.audits.unlearning import _without

    x, y = draw(1, 10)
    kept, twins = _without(Records(np.concatenate([x, x[:2]]), np.concatenate([y, y[:2]])), Records(x[:3], y[:3]))
    assert (len(kept), twins) == (7, 2)
