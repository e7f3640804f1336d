"""Who else was made from these people? Hospitals, schools and clinics whose records are known by hand."""

import json
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from govtool.access import Access
from govtool.audits import holdings, surface
from govtool.audits.surface import Exposure
from govtool.registry import service


class Town:
    """Datasets of named people and models made from them, in any database."""

    def __init__(self, open_write: Any, folder: Path, now: Any) -> None:
        self.write, self.folder, self.now = open_write, folder, now

    def data(self, name: str, people: Sequence[Any] | None, rows: Any = None) -> Path:
        """A dataset of one row per person; without `rows`, the person's number three times over."""
        path = self.folder / f"{name}.npz"
        count = len(rows if rows is not None else people or ())
        arrays: dict[str, Any] = {
            "X": np.repeat(np.arange(count)[:, None] + apart(name), 3, 1) if rows is None else rows
        }
        if people is not None:
            arrays["who"] = np.array(people)
        np.savez(path, y=np.zeros(count, dtype=np.int64), **arrays)
        with self.write() as session:
            subject = None if people is None else "who"
            service.add_dataset_version(
                session, name, "1", path, level=2, label="y", subject=subject, now=self.now, by="tester"
            )
        return path

    def model(self, name: str, *trained_on: str, artifact: bytes | None = None) -> None:
        path = self.folder / f"{name}.safetensors"
        path.write_bytes(artifact or name.encode())
        with self.write() as session:
            service.add_model(session, name, description="", owner="", purpose="", now=self.now, by="tester")
            service.add_model_version(
                session,
                self.vault,
                name,
                "1",
                artifact=path,
                factory="softmax",
                factory_params={},
                now=self.now,
                by="tester",
            )
        for dataset in trained_on:
            self.relate(f"model:{name}@1", "trained_on", f"dataset:{dataset}@1")

    def relate(self, source: str, relation: str, destination: str) -> None:
        with self.write() as session:
            service.add_lineage(session, source, relation, destination, now=self.now, by="tester")

    def deploy(self, model: str, audience: str, *exposes: Access) -> None:
        with self.write() as session:
            version = service.model_version(session, f"{model}@1")
            service.add_deployment(
                session,
                f"{model}-{audience}",
                version,
                environment="production",
                audience=audience,
                exposes=exposes,
                now=self.now,
                by="tester",
            )

    def ask(self, model: str) -> surface.Surface:
        with self.write() as session:
            return surface.find(session, service.model_version(session, f"{model}@1"))

    vault: Any


def apart(name: str) -> int:
    """Rows of different datasets differ."""
    return 1000 * (zlib.crc32(name.encode()) % 1000)


@pytest.fixture
def town(ws: Any) -> Town:
    found = Town(ws.write, ws.folder, ws.now)
    found.vault = ws.vault
    return found


def shared(found: surface.Surface) -> dict[str, tuple[int | None, int]]:
    return {one.model: (one.people, one.records) for one in found.neighbours}


def test_models_trained_on_different_photos_of_the_same_people_are_found(town: Town) -> None:
    town.data("winter", ["ann", "bob", "cem", "ann"])
    town.data("summer", ["bob", "cem", "dora"])
    town.data("elsewhere", ["eve"])
    for name in ("winter", "summer", "elsewhere"):
        town.model(f"{name}-model", name)
    found = town.ask("winter-model")
    assert (found.people, found.records) == (3, 4)
    assert shared(found) == {"summer-model@1": (2, 0)}
    assert found.apart == 1
    assert found.unknown == {}


def test_the_same_records_are_found_under_other_labels_and_without_names(town: Town) -> None:
    rows = np.arange(12, dtype=np.float32).reshape(4, 3)
    town.data("named", ["ann", "bob", "cem", "dora"], rows)
    town.data("nameless", None, rows[1:])
    town.model("a", "named")
    town.model("b", "nameless")
    found = town.ask("a")
    assert shared(found) == {"b@1": (None, 3)}
    assert "does not say whose records" in found.unknown["b@1"]


def test_synthetic_data_lead_to_the_people_it_was_made_from(town: Town) -> None:
    """Its own subjects are nobody, whatever they are called."""
    town.data("patients", ["ann", "bob"])
    town.data("invented", ["ann", "x1", "x2"])
    town.relate("dataset:invented@1", "synthesized_from", "dataset:patients@1")
    town.model("real", "patients")
    town.model("artificial", "invented")
    (one,) = town.ask("real").neighbours
    assert (one.model, one.people, one.records) == ("artificial@1", 2, 0)
    assert one.through == ("patients@1",)


def test_a_part_of_a_dataset_shares_nobody_with_another_part(town: Town) -> None:
    """Both come from one dataset, but no person is in both: common ancestry alone is no common person."""
    town.data("all", ["ann", "bob", "cem", "dora"])
    town.data("left", ["ann", "bob"])
    town.data("right", ["cem", "dora"])
    for part in ("left", "right"):
        town.relate(f"dataset:{part}@1", "split_of", "dataset:all@1")
        town.model(f"of-{part}", part)
    assert town.ask("of-left").neighbours == ()


def test_a_student_has_met_its_teachers_people_and_a_tester_nobody(town: Town) -> None:
    town.data("school", ["ann", "bob"])
    town.data("homework", ["zoe"])
    town.model("teacher", "school")
    town.model("student", "homework")
    town.relate("model:student@1", "distilled_from", "model:teacher@1")
    town.model("examiner", "homework")
    town.relate("model:examiner@1", "tested_on", "dataset:school@1")
    assert shared(town.ask("teacher")) == {"student@1": (2, 2)}


def test_who_can_ask_both(town: Town) -> None:
    town.data("people", ["ann", "bob"])
    for name in ("open", "inner", "shelved"):
        town.model(name, "people")
    town.deploy("open", "public", Access.PROBABILITIES)
    town.deploy("inner", "internal", Access.WEIGHTS)
    found = {one.model: one for one in town.ask("open").neighbours}
    both = found["inner@1"].together
    assert both is not None
    assert both.audience == "internal"
    assert set(both.exposes) == {Access.PROBABILITIES, Access.LOGPROBS, Access.TOP_K, Access.LABELS}
    assert found["shelved@1"].together is None


def test_the_widest_audience_counts_and_sees_only_what_both_show_it() -> None:
    first = [
        Exposure("a", "public", (Access.LABELS,)),
        Exposure("b", "internal", (Access.GRADIENTS, Access.LABELS)),
    ]
    second = [Exposure("c", "partner", (Access.GRADIENTS, Access.LABELS))]
    found = surface.together(first, second)
    assert found is not None
    assert (found.audience, found.exposes) == ("partner", (Access.LABELS,))


def test_the_same_weights_under_another_name_are_marked(town: Town) -> None:
    town.data("people", ["ann"])
    town.model("one", "people", artifact=b"weights")
    town.model("two", "people", artifact=b"weights")
    town.model("three", "people")
    assert {one.model: one.same_weights for one in town.ask("one").neighbours} == {"two@1": True, "three@1": False}


def test_a_dataset_that_changed_or_went_is_unknown_and_not_empty(town: Town) -> None:
    town.data("kept", ["ann"])
    changed, gone = town.data("changed", ["ann"]), town.data("gone", ["ann"])
    for name in ("kept", "changed", "gone"):
        town.model(f"of-{name}", name)
    town.model("unexplained")
    changed.write_bytes(b"something else")
    gone.unlink()
    found = town.ask("of-kept")
    assert found.neighbours == ()
    assert found.apart == 0
    assert found.unknown == {
        "of-changed@1": "changed@1: the file is not what was registered",
        "of-gone@1": "gone@1: the file cannot be read",
        "unexplained@1": "nothing is recorded of what it was trained on",
    }


def test_lineage_that_runs_in_a_circle_ends(town: Town) -> None:
    town.data("egg", None, np.ones((2, 3)))
    town.data("hen", None, np.zeros((2, 3)))
    town.relate("dataset:egg@1", "copied_from", "dataset:hen@1")
    town.relate("dataset:hen@1", "copied_from", "dataset:egg@1")
    town.model("farm", "egg")
    assert town.ask("farm").people is None


@pytest.mark.postgres
def test_the_same_answer_from_postgresql(postgres: sa.Engine, ws: Any) -> None:
    from contextlib import contextmanager

    from govtool import db
    from govtool.evidence import ledger

    @contextmanager
    def write() -> Any:
        with db.session_scope(postgres) as session:
            yield session
            ledger.checkpoint(session, ws.signer, now=ws.now)

    town = Town(write, ws.folder, ws.now)
    town.vault = ws.vault
    town.data("winter", ["ann", "bob", "cem"])
    town.data("summer", ["bob", "cem", "dora"])
    town.model("a", "winter")
    town.model("b", "summer")
    town.deploy("b", "partner", Access.LABELS)
    found = town.ask("a")
    assert shared(found) == {"b@1": (2, 0)}
    assert found.neighbours[0].deployments[0].audience == "partner"


NAMES = st.lists(st.text("abc ", min_size=1, max_size=3), max_size=12)


@given(NAMES, NAMES)
def test_digests_share_as_many_as_the_names_do(first: list[str], second: list[str]) -> None:
    key = b"k" * 32
    made = [holdings._people(np.array(names, dtype=str), key) for names in (first, second)]
    named = [{name for name in names if name.strip()} for names in (first, second)]
    assert made[0] is not None
    assert made[1] is not None
    assert [len(one) for one in made if one is not None] == [len(one) for one in named]
    assert holdings.shared(made[0], made[1]) == len(named[0] & named[1])


def test_digests_under_another_key_meet_nowhere() -> None:
    names = np.array(["ann", "bob"])
    first, second = holdings._people(names, b"1" * 32), holdings._people(names, b"2" * 32)
    assert first is not None
    assert second is not None
    assert holdings.shared(first, second) == 0


@pytest.fixture
def invoke(town: Town, ws: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    from govtool.cli import audit, context

    monkeypatch.setattr(context, "open_workspace", lambda: ws)

    def call(*words: str) -> Any:
        result = CliRunner().invoke(audit.app, ["surface", *words])
        if result.exception and not isinstance(result.exception, SystemExit | typer.Exit):
            raise result.exception
        return result

    return call


def test_the_command_prints_counts_and_never_a_name(town: Town, invoke: Any) -> None:
    town.data("winter", ["ann", "bob"])
    town.data("summer", ["bob", "cem"])
    town.model("a", "winter")
    town.model("b", "summer")
    town.deploy("a", "public", Access.WEIGHTS)
    town.deploy("b", "partner", Access.LOGITS)
    text, answer = invoke("a@1"), invoke("a@1", "--json")
    assert text.exit_code == answer.exit_code == 0
    assert "made from 2 different records of 2 people" in text.stdout
    assert "partner: logits" in text.stdout
    data = json.loads(answer.stdout)["data"]
    assert data["neighbours"][0]["people"] == 1
    for person in ("ann", "bob", "cem"):
        assert person not in text.output + answer.output


def test_the_command_leaves_four_where_something_could_not_be_compared(town: Town, invoke: Any) -> None:
    town.data("winter", ["ann"])
    town.model("a", "winter")
    town.model("b")
    done = invoke("a@1")
    assert done.exit_code == 4
    assert "b@1: nothing is recorded" in done.output
