"""Updates attacked from the command line: made here, intercepted with and without the truth, and files that do not fit."""

import json
from io import BytesIO
from typing import Any

import numpy as np
import pytest
import torch
import typer
from gradient_worlds import PIXELS, dense, digits, sent, some
from safetensors.torch import save
from typer.testing import CliRunner

from govtool.audits import service as audits
from govtool.audits.models import AuditRun
from govtool.cli import audit
from govtool.errors import InputError, NotFoundError
from govtool.policy.collect import collect
from govtool.registry import service

BEHIND = [5, 7, 9, 11]


class Opened:
    def __init__(self, ws: Any) -> None:
        self.write, self.read, self.vault = ws.write, ws.read, ws.vault
        self.actor, self.now, self.clock = "tester", ws.now, lambda: ws.now
        self.cache = ws.folder / "cache"


@pytest.fixture
def world(ws: Any) -> Any:
    visits = some(0, 200)
    ws.dataset("visits@1", visits.features, visits.labels)
    ws.dataset("behind@1", visits.features[BEHIND], visits.labels[BEHIND])
    ws.dataset("others@1", some(1000, 1200).features, some(1000, 1200).labels)
    path = ws.folder / "triage.safetensors"
    path.write_bytes(save(dict(dense().state_dict())))
    params = {"inputs": PIXELS, "hidden": [128], "classes": 10}
    ws.model("triage@1", artifact=path, factory="mlp", factory_params=params)
    ws.relate("triage@1", "trained_on", "visits@1")
    return ws


def tensors() -> dict[str, Any]:
    batch = type(digits())(digits().features[BEHIND], digits().labels[BEHIND])
    return {name: torch.from_numpy(one) for name, one in sent(dense(), batch).tensors.items()}


@pytest.fixture
def invoke(world: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    from govtool.cli import context

    monkeypatch.setattr(context, "open_workspace", lambda: Opened(world))

    def call(spec: str, *words: str, update: bytes | None = None) -> Any:
        path = world.folder / "gradients.yaml"
        path.write_text("schema: govtool.gradients/v1\n" + spec)
        words = (*words, "--spec", str(path))
        if update is not None:
            file = world.folder / "captured.safetensors"
            file.write_bytes(update)
            words = (*words, "--update", str(file))
        result = CliRunner().invoke(audit.app, ["gradients", "triage@1", *words])
        if result.exception and not isinstance(result.exception, SystemExit | typer.Exit):
            raise result.exception
        return result

    return call


CAPTURED = "update: {records: 4}\nrange: [0, 1]\nshape: [8, 8]\n"
TRUTH = CAPTURED + "records: behind@1\n"


def test_an_intercepted_update_gives_its_records_away(invoke: Any, world: Any) -> None:
    bytes_ = save(tensors())
    done = invoke(TRUTH, update=bytes_)
    assert done.exit_code == 3, done.stdout
    assert "FAIL: 4 of 4 records were recovered from 1 update" in done.stdout
    assert "the most alike record of somebody else" in done.stdout
    with world.read() as session:
        version = service.model_version(session, "triage@1")
        (run,) = audits.runs(session, version)
        (record,) = audits.records(session, run.id)
        kept = np.load(BytesIO(world.vault.read(record.evidence_sha256)))
        assert kept["update"].tobytes() == bytes_, "the very bytes received"
        assert not [name for name in kept.files if name.startswith("drawn")]
        (fact,) = collect(session, version, world.now).attacks
        assert (fact.family, fact.attack, fact.control) == ("data_reconstruction", "gradient_inversion", "passed")
        assert [rows.ref for rows in fact.members] == ["behind@1"]
        shown = CliRunner().invoke(audit.app, ["show", run.id]).stdout
    assert "gradient inversion of an intercepted update" in shown
    assert "FAIL: 4 of 4" in shown
    assert "positive control: passed" in shown


@pytest.mark.parametrize(("holds", "steps"), [("deltas", 1), ("weights", 1)])
def test_weights_and_deltas_say_the_same(invoke: Any, holds: str, steps: int) -> None:
    start = {name: one.detach() for name, one in dense().named_parameters()}
    moved = {name: -0.5 * one for name, one in tensors().items()}
    held = moved if holds == "deltas" else {name: start[name] + moved[name] for name in moved}
    spec = (
        TRUTH.replace("update: {", f"update: {{holds: {holds}, ")
        + f"client: {{local_steps: {steps}, learning_rate: 0.5}}\n"
    )
    done = invoke(spec, "--json", update=save(held))
    assert done.exit_code == 3
    (row,) = json.loads(done.stdout)["data"]
    assert row["detail"]["gradients"]["recovered"] == 4


def test_without_the_truth_nothing_is_claimed(invoke: Any) -> None:
    done = invoke(CAPTURED, update=save(tensors()))
    assert done.exit_code == 4
    assert "Nobody said which records made the update" in done.stdout
    assert "surely no mixture" in done.stdout
    assert "recovered" not in done.stdout


@pytest.mark.slow
def test_updates_can_be_made_here_at_two_stages_and_defended(invoke: Any, world: Any) -> None:
    spec = "simulate: {updates: 10, records: 1, at: [registered, untrained]}\nrange: [0, 1]\nattacks: [first_layer]\n"
    done = invoke(spec, "--defences", "--pictures")
    assert done.exit_code == 3
    assert "what each defence would buy" in done.stdout
    assert "secure aggregation over 32 clients" in done.stdout
    with world.read() as session:
        (run,) = audits.runs(session, service.model_version(session, "triage@1"))
        records = audits.records(session, run.id)
        assert [one.attack for one in records] == ["gradient_inversion", "gradient_inversion_untrained"]
        assert records[0].metrics["updates_exposed"]["value"] == 1
        kept = np.load(BytesIO(world.vault.read(records[0].evidence_sha256)))
        assert kept["drawn_first_layer"].shape == (10, PIXELS)
        assert session.get_one(AuditRun, run.id).resolved["counts"] == {"records": 200}


def nan() -> bytes:
    broken = {name: one.clone() for name, one in tensors().items()}
    broken["0.bias"][3] = float("nan")
    return save(broken)


def renamed() -> bytes:
    found = tensors()
    return save({**{name: one for name, one in found.items() if name != "0.weight"}, "layer": found["0.weight"]})


FILES = [
    (lambda: save(tensors())[:2000], "not a whole safetensors file"),
    (lambda: b"", "not a whole safetensors file"),
    (renamed, "has no 0.weight and has layer"),
    (
        lambda: save({**tensors(), "0.weight": tensors()["0.weight"][:5].clone()}),
        "shape 5 x 64, in the model it is 128 x 64",
    ),
    (nan, "0.bias holds missing or infinite numbers"),
    (lambda: save({**tensors(), "0.bias": torch.ones(128, dtype=torch.int64)}), "not floating-point numbers"),
]


def test_files_that_do_not_fit_are_refused(invoke: Any) -> None:
    for make, message in FILES:  # one world for all of them: it takes longer than they do
        with pytest.raises(InputError, match=message):
            invoke(TRUTH, update=make())


SPECS = [
    ("simulate: {updates: 2}\n", True, "belong together"),
    (CAPTURED, False, "belong together"),
    ("update: {records: 4}\nsimulate: {updates: 2}\n", True, "either 'update'"),
    ("update: {records: 4, holds: weights}\n", True, "learning_rate"),
    ("update: {records: 4, labels: [1]}\n", True, "1 labels for 4 records"),
    ("update: {records: 4, labels: [1, 2, 3, 11]}\nrange: [0, 1]\n", True, "classes 0 to 9"),
    ("update: {records: 3}\nrecords: behind@1\nrange: [0, 1]\n", True, "4 rows are named"),
    ("update: {records: 4}\nshape: [8, 9]\nrange: [0, 1]\n", True, "different numbers of features"),
    ("update: {records: 4}\nrange: [1, 0]\n", True, "lower to the higher"),
    ("update: {records: 4}\nrecords: behind@1\npublic: visits@1\n", True, "4 public records are among the records"),
    ("client: {local_steps: 3}\n", False, "need their learning_rate"),
    ("attacks: [lira]\n", False, "unknown attack 'lira'"),
    ("updates: 3\n", False, "updates"),
]


def test_specs_that_do_not_fit_are_refused(invoke: Any) -> None:
    for spec, with_file, message in SPECS:
        with pytest.raises(InputError, match=message):
            invoke(spec, update=save(tensors()) if with_file else None)
    with pytest.raises(NotFoundError):
        invoke("records: nobody@1\n")
    with pytest.raises(InputError, match="tried on updates made here"):
        invoke(TRUTH, "--defences", update=save(tensors()))


def test_models_that_are_no_torch_modules_are_refused(invoke: Any, world: Any) -> None:
    world.model("remote@1", endpoint="https://models.example/")
    path = world.folder / "gradients.yaml"
    path.write_text("schema: govtool.gradients/v1\n")
    result = CliRunner().invoke(audit.app, ["gradients", "remote@1", "--spec", str(path)])
    assert isinstance(result.exception, InputError)
    assert "registered as endpoint" in str(result.exception)


def test_a_rule_passes_only_on_enough_updates_that_gave_nothing_away() -> None:
    from datetime import UTC, datetime

    from govtool.estimate import clopper_pearson
    from govtool.policy.checks import CHECKS
    from govtool.policy.document import MetricCheck, Rule
    from govtool.policy.facts import Facts
    from govtool.verdict import Verdict

    now = datetime(2026, 3, 1, tzinfo=UTC)
    check = MetricCheck.model_validate(
        {
            "type": "metric",
            "metric": "reconstruction.updates_exposed",
            "op": "<",
            "value": "5%",
            "confidence": "95%",
            "min_n": 100,
            "max_age": "90d",
        }
    )
    rule = Rule.model_validate({"id": "FED-001", "title": "t", "severity": "block", "check": check, "why": "w"})

    def judged(exposed: int, updates: int, control: str = "passed") -> Verdict:
        attack = {
            "attack": "gradient_inversion",
            "family": "data_reconstruction",
            "status": "completed",
            "recorded_at": now,
            "access": ["weights", "gradients"],
            "audited_access": ["weights", "gradients"],
            "metrics": {"updates_exposed": clopper_pearson(exposed, updates).to_dict()},
            "artifact_sha256": "a" * 64,
            "control": control,
            "members": [{"ref": "visits@1", "rows": 200}],
        }
        facts = Facts.model_validate(
            {
                "judged_at": now,
                "model": {"name": "triage", "version": "1", "artifact_sha256": "a" * 64},
                "datasets": [{"ref": "visits@1", "trained_on": True}],
                "attacks": [attack],
            }
        )
        return CHECKS["metric"](facts, check, rule, now).verdict

    assert judged(0, 100) is Verdict.PASS
    assert judged(0, 100, control="failed") is Verdict.INCONCLUSIVE
    assert judged(20, 100) is Verdict.FAIL
    assert judged(0, 20) is Verdict.INCONCLUSIVE
    assert judged(1, 1) is Verdict.INCONCLUSIVE, "one update says nothing about the others"
