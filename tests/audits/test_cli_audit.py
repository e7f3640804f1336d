"""The audit commands: what they print and the codes they leave with."""

import json
import re
from typing import Any

import pytest
import typer
from audit_worlds import RECIPE_YAML
from typer.testing import CliRunner

from govtool.attacks.catalog import ATTACKS
from govtool.cli import audit
from govtool.errors import InputError, UntrustedArtifactError, WorkError


class Opened:
    """What the commands use of a workspace, on the test's database."""

    def __init__(self, ws: Any) -> None:
        self.write, self.read, self.vault, self.cache = ws.write, ws.read, ws.vault, ws.folder / "cache"
        self.actor, self.now, self.clock = "tester", ws.now, lambda: ws.now


@pytest.fixture
def invoke(registered: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    from govtool.cli import context

    monkeypatch.setattr(context, "open_workspace", lambda: Opened(registered))

    def call(*words: str) -> Any:
        result = CliRunner().invoke(audit.app, list(words))
        if result.exception and not isinstance(result.exception, SystemExit | typer.Exit):
            raise result.exception
        return result

    return call


@pytest.fixture
def spec(registered: Any) -> str:
    path = registered.folder / "audit.yaml"
    path.write_text("schema: govtool.audit/v1\nattacks: [loss_threshold]\npositive_control: false\n")
    return str(path)


def test_run_then_show_then_list(invoke: Any, spec: str) -> None:
    done = invoke("run", "leaky@1", "--spec", spec, "--json")
    assert done.exit_code == 0
    answer = json.loads(done.stdout)
    assert answer["schema"] == "govtool.audit.run/1"
    run = answer["data"]["run_id"]
    assert {item["attack"]: item["status"] for item in answer["data"]["attacks"]} == {
        name: "superseded" if "loss_threshold" in attack.yields_to else "not_requested"
        for name, attack in ATTACKS.items()
    } | {"loss_threshold": "completed"}
    shown = invoke("show", run.removeprefix("run-")[:6])
    assert "auc: 0." in shown.stdout
    assert "positive control: not run" in shown.stdout
    assert "not_requested  rmia, lira" in shown.stdout, "those that nobody asked for are told together"
    assert shown.stdout.count("the spec did not ask for it") == 1
    whole = json.loads(invoke("show", run, "--json").stdout)["data"]
    assert whole["run"]["id"] == run
    assert whole["outcome"]["status"] == "completed"
    listed = invoke("list", "--model", "leaky@1")
    assert run in listed.stdout
    assert "completed" in listed.stdout


def test_run_prints_figures_to_stdout_and_progress_to_stderr(invoke: Any, spec: str) -> None:
    done = invoke("run", "leaky@1", "--spec", spec)
    assert re.search(r"loss_threshold +completed", done.stdout)
    assert "open the target ..." in done.stderr
    assert "open the target" not in done.stdout
    assert "next: govtool audit show run-" in done.stderr


def test_what_was_not_run_is_said_once_for_each_reason(invoke: Any, spec: str) -> None:
    shown = invoke("run", "leaky@1", "--spec", spec).stdout
    assert shown.count("the spec did not ask for it") == 1
    assert shown.count("loss_threshold is run") == 1
    words = shown.replace(",", " ").replace(":", " ").split()
    assert all(name in words for name in ATTACKS)


def test_a_run_whose_attacks_all_failed_leaves_6(invoke: Any, spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    def breaks(*_given: Any) -> Any:
        raise WorkError("gone")

    monkeypatch.setitem(ATTACKS, "loss_threshold", replace(ATTACKS["loss_threshold"], run=breaks))
    done = invoke("run", "leaky@1", "--spec", spec)
    assert done.exit_code == 6
    assert "gone" in done.stdout


def test_a_bad_spec_names_file_and_line(invoke: Any, registered: Any) -> None:
    path = registered.folder / "bad.yaml"
    path.write_text("schema: govtool.audit/v1\nattacks: [nothing]\n")
    with pytest.raises(InputError) as caught:
        invoke("run", "leaky@1", "--spec", str(path))
    assert caught.value.where == f"{path}:2"


def test_the_command_may_say_where_references_train(
    invoke: Any, registered: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    path = registered.folder / "audit.yaml"
    path.write_text("schema: govtool.audit/v1\ndevice: cpu\nattacks: [rmia]\nreferences: 2\n" + RECIPE_YAML)
    with pytest.raises(WorkError, match="no CUDA device"):
        invoke("run", "leaky@1", "--spec", str(path), "--device", "cuda")


def test_a_digest_that_is_none_is_refused(invoke: Any, spec: str) -> None:
    with pytest.raises(InputError, match="not a SHA-256 digest"):
        invoke("run", "leaky@1", "--spec", spec, "--trust-pickle", "yes")


def test_a_factory_of_somebody_s_own_runs_only_when_the_command_names_it(invoke: Any, registered: Any) -> None:
    path = registered.folder / "audit.yaml"
    recipe = "recipe: {factory: 'os:system', factory_params: {command: 'false'}}\n"
    path.write_text("schema: govtool.audit/v1\nattacks: [rmia]\nreferences: 2\n" + recipe)
    with pytest.raises(UntrustedArtifactError, match="code outside this tool"):
        invoke("run", "leaky@1", "--spec", str(path))
    with pytest.raises(InputError, match="neither a function nor a class"):  # vouched for, and still no factory
        invoke("run", "leaky@1", "--spec", str(path), "--trust-factory", "os:system")


def test_nothing_run_yet_says_so(invoke: Any) -> None:
    assert "no audit was run yet" in invoke("list").stdout
    assert json.loads(invoke("list", "--json").stdout)["data"] == []


def test_the_catalogue_is_listed_with_what_each_needs(invoke: Any) -> None:
    text = invoke("attacks").stdout
    for name, attack in ATTACKS.items():
        assert name in text
        assert attack.reference.split(",")[0] in text  # a narrow terminal wraps the rest
    found = json.loads(invoke("attacks", "--json").stdout)["data"]
    assert [item["name"] for item in found] == list(ATTACKS)


def test_a_recipe_without_a_factory_takes_the_registered_one(invoke: Any, registered: Any) -> None:
    path = registered.folder / "audit.yaml"
    path.write_text(
        "schema: govtool.audit/v1\nattacks: [loss_threshold]\nreferences: 2\npositive_control: false\n" + RECIPE_YAML
    )
    run = json.loads(invoke("run", "leaky@1", "--spec", str(path), "--json").stdout)["data"]["run_id"]
    recipe = json.loads(invoke("show", run, "--json").stdout)["data"]["run"]["resolved"]["recipe"]
    assert recipe["factory"] == "mlp"
    assert recipe["factory_params"] == {"inputs": 12, "hidden": [32], "classes": 3}
