"""An audit of a registered synthetic dataset: recorded like any other, from the command line, with bad input refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
import typer
from synthetic_worlds import NAMES, tables
from typer.testing import CliRunner

from govtool.audits import service as audits
from govtool.audits.models import AuditRun
from govtool.cli import audit
from govtool.errors import EvidenceError, InputError, NotFoundError
from govtool.evidence import ledger
from govtool.evidence.verify import verify
from govtool.registry import service

SPEC = "schema: govtool.synthetic/v1\ncontrol: held-out@1\nseed: 3\n"


class Opened:
    def __init__(self, ws: Any) -> None:
        self.write, self.read, self.vault = ws.write, ws.read, ws.vault
        self.actor, self.now, self.clock = "tester", ws.now, lambda: ws.now


def register(ws: Any, name: str, rows: Any, names: tuple[str, ...] = NAMES) -> Path:
    path: Path = ws.folder / f"{name}.csv"
    path.write_text("\n".join([",".join(names), *(",".join(f"{v:g}" for v in row) for row in rows)]) + "\n")
    with ws.write() as session:
        service.add_dataset_version(session, name, "1", path, level=2, now=ws.now, by="tester")
    return path


@pytest.fixture
def world(ws: Any) -> Any:
    """leaky@1 and clean@1, both said to be synthesised from patients@1; held-out@1 beside."""
    leaky, clean = tables(1, 0.4, count=150, control=150), tables(1, count=150, control=150)
    for name, rows in (
        ("patients", leaky.originals),
        ("held-out", leaky.control),
        ("leaky", leaky.synthetic),
        ("clean", clean.synthetic),
    ):
        register(ws, name, rows)
    for name in ("leaky", "clean"):
        ws.relate(f"{name}@1", "synthesized_from", "patients@1")
    return ws


@pytest.fixture
def invoke(world: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    from govtool.cli import context

    monkeypatch.setattr(context, "open_workspace", lambda: Opened(world))

    def call(*words: str, spec: str = SPEC) -> Any:
        path = world.folder / "synthetic.yaml"
        path.write_text(spec)
        result = CliRunner().invoke(audit.app, ["synthetic", *words, "--spec", str(path)])
        if result.exception and not isinstance(result.exception, SystemExit | typer.Exit):
            raise result.exception
        return result

    return call


def figures(result: Any) -> dict[str, Any]:
    return {item["attack"]: item for item in json.loads(result.stdout)["data"]["attacks"]}


def test_the_leak_is_found_and_the_clean_table_is_not_accused(invoke: Any) -> None:
    found, clean = figures(invoke("leaky@1", "--json")), figures(invoke("clean@1", "--json"))
    for name in ("singling_out", "linkability", "inference"):
        assert found[name]["metrics"][f"{name}_risk"]["low"] > 0.05
        assert clean[name]["status"] == "void" or clean[name]["metrics"][f"{name}_risk"]["low"] < 0.05


def test_the_run_is_evidence_and_can_be_listed_and_shown(invoke: Any, world: Any) -> None:
    spec = SPEC + "attacks: {linkability: {neighbours: 1}, copies: null}\npositive_control: false\n"
    run = json.loads(invoke("leaky@1", "--json", spec=spec).stdout)["data"]["run_id"]
    shown = CliRunner().invoke(audit.app, ["show", run]).stdout
    assert "of leaky@1 (synthetic data made from patients@1): completed" in shown
    assert "150 original, 150 control" in shown
    assert "linkability_risk: 0." in shown
    assert "not_requested  singling_out, inference" in shown
    assert "leaky@1" in CliRunner().invoke(audit.app, ["list"]).stdout
    with world.read() as session:
        row = session.get_one(AuditRun, run)
        assert row.model_version_id is None
        assert row.dataset_version_id == service.dataset_version(session, "leaky@1").id
        records = audits.records(session, run)
        assert {record.family for record in records} == {"synthetic_data"}
        completed = [record for record in records if record.status == "completed"]
        assert all(world.vault.read(record.evidence_sha256) for record in completed)
        assert verify(session, world.vault, world.signer.verifier).ok


def test_the_same_seed_gives_the_same_figures(invoke: Any) -> None:
    spec = SPEC + "attacks: [linkability, membership]\npositive_control: false\n"
    first, second = (figures(invoke("leaky@1", "--json", spec=spec)) for _ in range(2))
    assert all(first[name]["metrics"] == second[name]["metrics"] for name in first)


def test_columns_may_stand_in_another_order(invoke: Any, world: Any) -> None:
    rows = tables(1, 0.4, count=150, control=150).synthetic
    register(world, "turned", rows[:, ::-1], NAMES[::-1])
    spec = SPEC + "original: patients@1\nattacks: [copies]\npositive_control: false\n"
    straight, turned = (figures(invoke(ref, "--json", spec=spec))["copies"] for ref in ("leaky@1", "turned@1"))
    assert turned["metrics"]["exact_copies"] == straight["metrics"]["exact_copies"]


REFUSED: list[tuple[str, str, Any, str]] = [
    ("nobody@1", SPEC, NotFoundError, "no dataset version"),
    ("patients@1", SPEC, InputError, "nothing says what patients@1 was synthesised from"),
    ("leaky@1", "schema: govtool.synthetic/v1\n", InputError, "control"),
    ("leaky@1", SPEC + "attacks: [copying]\n", InputError, "unknown attack 'copying'"),
    ("leaky@1", SPEC + "attacks: {copies: {depth: 3}}\n", InputError, "no parameter 'depth'"),
    ("leaky@1", SPEC + "attacks: []\n", InputError, "no attack is named"),
    ("leaky@1", SPEC + "columns: {shoe: category}\n", InputError, "no column 'shoe'"),
    ("leaky@1", SPEC.replace("held-out@1", "{dataset: held-out@1, rows: '500:'}"), InputError, "no rows of"),
    ("leaky@1", SPEC.replace("held-out@1", "{dataset: held-out@1, rows: '0:5'}"), InputError, "too few"),
]


def test_what_does_not_fit_is_refused(invoke: Any) -> None:
    for ref, spec, error, message in REFUSED:  # one world for all of them: it takes longer than they do
        with pytest.raises(error, match=message):
            invoke(ref, spec=spec)


def test_tables_with_other_columns_are_refused_and_the_run_is_recorded_as_failed(invoke: Any, world: Any) -> None:
    register(world, "narrow", tables(1).control[:, :3], NAMES[:3])
    with pytest.raises(InputError, match="narrow@1 has the columns age, bmi, pressure"):
        invoke("leaky@1", spec=SPEC.replace("held-out", "narrow"))
    with world.read() as session:
        (run,) = audits.runs(session)
        assert audits.run_status(session, run) == "failed"


def test_a_changed_file_is_not_attacked(invoke: Any, world: Any) -> None:
    with (world.folder / "patients.csv").open("a") as file:
        file.write("1,1,1,1,1,1\n")
    with pytest.raises(EvidenceError, match="not the registered dataset"):
        invoke("leaky@1")


def test_a_control_that_the_synthesiser_saw_gives_no_figure_that_counts(invoke: Any, world: Any) -> None:
    register(world, "again", tables(1, 0.4, count=150, control=150).originals[::-1])
    done = invoke("leaky@1", spec=SPEC.replace("held-out", "again") + "attacks: [linkability]\n")
    assert done.exit_code == 4
    assert "they are no control" in done.stdout


def test_an_attack_that_breaks_is_a_record_and_the_others_go_on(
    invoke: Any, world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from govtool.attacks.synthetic.catalog import SYNTHETIC_ATTACKS

    def breaks(*_given: Any) -> Any:
        raise RuntimeError("a value from the data")

    monkeypatch.setitem(SYNTHETIC_ATTACKS, "copies", replace(SYNTHETIC_ATTACKS["copies"], run=breaks))
    done = figures(invoke("leaky@1", "--json", spec=SPEC + "attacks: [copies, linkability]\n"))
    assert (done["copies"]["status"], done["linkability"]["status"]) == ("failed", "completed")
    assert done["copies"]["reason"] == "unexpected RuntimeError"


def test_originals_come_from_what_the_generating_model_was_trained_on(invoke: Any, world: Any) -> None:
    register(world, "generated", tables(1, 0.4, count=150, control=150).synthetic)
    np.savez(world.folder / "weights.npz", scores=np.arange(3.0))
    world.model("generator@1", artifact=world.folder / "weights.npz")
    world.relate("generator@1", "trained_on", "patients@1")
    world.relate("generated@1", "synthesized_from", "generator@1")
    spec = SPEC + "attacks: [linkability]\npositive_control: false\n"
    assert "made from patients@1" in invoke("generated@1", spec=spec).stdout


def test_an_npz_with_labels_is_a_table_too(invoke: Any, world: Any) -> None:
    world_rows = tables(2, 0.5, count=100, control=100)
    for name, rows in (("o", world_rows.originals), ("c", world_rows.control), ("s", world_rows.synthetic)):
        world.dataset(f"{name}@1", rows[:, :5], rows[:, 5].astype(int))
    spec = "schema: govtool.synthetic/v1\noriginal: o@1\ncontrol: c@1\nattacks: {inference: {secrets: [y]}}\n"
    assert figures(invoke("s@1", "--json", spec=spec))["inference"]["metrics"]["inference_risk"]["low"] > 0


@pytest.mark.parametrize("subject", [{}, {"model_version_id": "mv-1", "dataset_version_id": "dsv-1"}])
def test_a_run_is_of_a_model_or_of_a_dataset_and_never_of_both_or_none(world: Any, subject: dict[str, str]) -> None:
    row = AuditRun(
        id="run-x", access=[], spec_sha256="0" * 64, resolved={}, seed=1, versions={}, deployment_id=None, **subject
    )
    with pytest.raises(sa.exc.IntegrityError, match="subject"), world.write() as session:
        ledger.record(session, row, now=world.now, by="tester")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("control: clean@1", "150 rows of clean@1 are given as synthetic and as control"),
        ("control: held-out@1\nreference: held-out@1", "rows of held-out@1 are given as control and as reference"),
        ("control: patients@1", "rows of patients@1 are given as original and as control"),
        ("control: [held-out@1, held-out@1]", "control: 150 rows of held-out@1 are named twice"),
    ],
)
def test_rows_stand_for_one_thing_only(world: Any, words: str, message: str) -> None:
    """The synthetic table as its own control made every attack come out at nothing."""
    from govtool.attacks.synthetic.catalog import SYNTHETIC_ATTACKS
    from govtool.audits import synthetic_data, synthetic_spec

    spec = synthetic_spec.parse(f"schema: govtool.synthetic/v1\n{words}\n".encode(), "s.yaml", SYNTHETIC_ATTACKS)
    with world.read() as session, pytest.raises(InputError, match=message):
        synthetic_data.find(session, service.dataset_version(session, "clean@1"), spec)


def test_held_out_rows_of_the_same_file_may_be_control(world: Any) -> None:
    from govtool.attacks.synthetic.catalog import SYNTHETIC_ATTACKS
    from govtool.audits import synthetic_data, synthetic_spec

    text = "schema: govtool.synthetic/v1\noriginal: {dataset: patients@1, rows: '0:70'}\ncontrol: {dataset: patients@1, rows: '70:150'}\n"
    with world.read() as session:
        version = service.dataset_version(session, "clean@1")
        found = synthetic_data.find(session, version, synthetic_spec.parse(text.encode(), "s.yaml", SYNTHETIC_ATTACKS))
    assert [len(found[group][0].rows) for group in ("original", "control")] == [70, 80]
