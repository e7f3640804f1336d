"""From canaries to verdict through the registry: planted, sealed, trained on, audited, retrained, judged."""

import dataclasses
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from audit_worlds import D, K

from govtool import runtime
from govtool.attacks.catalog import ATTACKS
from govtool.audits import dp_canaries, dp_retrain, runner
from govtool.audits import spec as specs
from govtool.errors import ConflictError, InputError
from govtool.evidence.models import EvidenceItem
from govtool.policy.collect import collect
from govtool.registry import service

HEAD = "schema: govtool.audit/v1\n"
RECIPE = "recipe: {factory: mlp, factory_params: {hidden: [128]}, epochs: 150, learning_rate: 0.01}\n"


def apart(count: int, seed: int) -> tuple[Any, Any]:
    """Classes far apart, so that a wrong label is implausible to a model that was not trained on it."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(K, size=count).astype(np.int64)
    features = rng.normal(size=(count, D)).astype(np.float32)
    features[:, 0] += 4 * labels
    return features, labels


@pytest.fixture(autouse=True)
def _known_coins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Entropy that repeats itself from test to test."""
    tokens = itertools.count()
    monkeypatch.setattr(runtime, "new_token", lambda: f"token-{next(tokens)}")


@pytest.fixture
def people(ws: Any) -> Any:
    ws.dataset("people@1", *apart(400, 1))
    ws.dataset("holdout@1", *apart(100, 2))
    return ws


def make(ws: Any, out: str = "canaries.npz", version: str = "canaries", **given: Any) -> dp_canaries.Made:
    options = {"kind": "mislabelled", "count": 120, **given}
    with ws.write() as session:
        source = service.dataset_version(session, "people@1")
        return dp_canaries.make(
            session, ws.vault, source, out=ws.folder / out, version=version, now=ws.now, by="tester", **options
        )


def trained(ws: Any, ref: str, words: str, dp: Any = None, data: str = "people@canaries") -> dict[str, Any]:
    """Train by the recipe on the canaries' set and register the weights; the sidecar."""
    out = ws.folder / f"{ref.replace('@', '-')}.safetensors"
    spec = specs.parse((HEAD + words).encode(), "audit.yaml", ATTACKS)
    with ws.read() as session:
        job = dp_retrain.prepare(session, None, spec, data, dp, ())
    told = dp_retrain.train(job, out)
    ws.model(ref, artifact=out, factory=told["factory"], factory_params=told["factory_params"])
    ws.relate(ref, "trained_on", data)
    return told


def audit(ws: Any, ref: str, made: dp_canaries.Made, claim: str) -> runner.AttackSummary:
    text = RECIPE + f"members: people@canaries\nreferences: 0\ncanaries: {made.item.id}\n"
    done = ws.audit(ref, text + f"attacks: [canary_epsilon]\nclaim: {claim}\n")
    return next(found for found in done.attacks if found.attack == "canary_epsilon")


def test_a_false_claim_is_contradicted_and_the_private_retraining_is_not(people: Any) -> None:
    made = make(people)
    trained(people, "plain@1", RECIPE)
    found = audit(people, "plain@1", made, "{epsilon: 1, delta: 1.0e-5}")
    assert found.status == "completed"
    assert found.metrics["epsilon_lower_bound"]["value"] > 1
    dp = dp_retrain.wanted(None, None, 20.0, 1e-5, 1.0)
    told = trained(people, "private@1", RECIPE.replace("epochs: 150", "epochs: 20"), dp)
    assert told["privacy"]["epsilon"] < told["claim"]["epsilon"] < 2
    retested = audit(people, "private@1", made, told["claim_yaml"])
    assert retested.status == "completed"
    assert retested.metrics["epsilon_lower_bound"]["value"] <= told["claim"]["epsilon"]
    with people.read() as session:
        facts = [collect(session, service.model_version(session, ref), people.now) for ref in ("plain@1", "private@1")]
    claims = [next(one for one in known.attacks if one.attack == "canary_epsilon").claim for known in facts]
    assert [claim.outcome for claim in claims] == ["contradicted", "not_contradicted"]
    assert claims[1].supported is True


def test_the_coins_are_sealed_and_the_set_inherits_what_it_was_made_from(people: Any) -> None:
    made = make(people)
    with people.read() as session:
        item = service.by_id(session, EvidenceItem, made.item.id)
        row = service.dataset_version(session, "people@canaries")
        assert row.classification_level == 2
        assert made.item.id in row.origin
    canaries = dp_canaries.load(people.vault, dp_canaries.Sealed(item.id, item.sha256))
    assert len(canaries.records) == 120
    assert made.rows == 400 - 120 + int(canaries.included.sum())
    with np.load(people.folder / "canaries.npz") as written:
        assert set(written) == {"X", "y"}


def test_two_plantings_toss_other_coins(people: Any) -> None:
    first, second = make(people), make(people, "again.npz", "again")
    assert first.item.sha256 != second.item.sha256


def test_canaries_drawn_after_the_version_are_refused(people: Any) -> None:
    trained(people, "early@1", RECIPE, data="people@1")
    made = make(people)
    with pytest.raises(InputError, match="before the canaries"):
        audit(people, "early@1", made, "{epsilon: 1, delta: 1.0e-5}")


def test_old_weights_under_a_new_name_are_refused(people: Any) -> None:
    """They have not met the canaries, so an audit would find nothing, and that would look like privacy."""
    trained(people, "early@1", RECIPE, data="people@1")
    made = make(people)
    with people.read() as session:
        old = service.model_version(session, "early@1")
        factory, params = old.factory, dict(old.factory_params)
    path = people.folder / "early-1.safetensors"
    people.model("late@1", artifact=path, factory=factory, factory_params=params)
    people.relate("late@1", "trained_on", "people@canaries")
    with pytest.raises(InputError, match=r"late@1 has the very weights of early@1, which was registered before"):
        audit(people, "late@1", made, "{epsilon: 1, delta: 1.0e-5}")


@pytest.mark.parametrize(("bound", "passed"), [(2.5, True), (0.3, False)])
def test_a_control_passes_only_where_it_contradicts_the_claim(
    bound: float, passed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bound of 0.3 on a model that knows its canaries for certain says that a claim of 1 was never in danger."""
    from attack_worlds import TorchTarget, noise_records, overfit

    from govtool.attacks.interface import AttackData, Canaries, Claim
    from govtool.attacks.privacy import canary_audit, one_run
    from govtool.audits import dp_control
    from govtool.audits.recipe import Recipe

    monkeypatch.setattr(one_run, "bound", lambda size, guesses, correct, *_rest: bound if correct < guesses else 3.0)
    rng = np.random.default_rng(0)
    records = noise_records(60, rng)
    target = TorchTarget(overfit(records.features, rng.permutation(records.labels), 0))
    data = AttackData(records, records, canaries=Canaries(records, rng.random(60) < 0.5, "fair_coin"))
    data = dataclasses.replace(data, claim=Claim(1.0, 1e-5))
    recipe = Recipe(factory="mlp", factory_params={"hidden": [8]}, epochs=2)
    attack = ATTACKS[canary_audit.NAME]
    assert dp_control.judge(attack, target, data, recipe, {"guesses": [20, 20]}, 1)["passed"] is passed


def test_a_control_learns_its_canaries_in_the_company_of_ordinary_records_and_never_a_left_out_canary() -> None:
    from attack_worlds import noise_records

    from govtool.attacks.interface import Records
    from govtool.audits import dp_control

    rng = np.random.default_rng(0)
    members = noise_records(50, rng)
    canaries = Records(members.features[:2], (members.labels[:2] + 1) % 5)
    company = dp_control._others(members, canaries, rng)
    assert len(company) == 2 * dp_control.COMPANY
    known = {row.tobytes(): label for row, label in zip(members.features[2:], members.labels[2:], strict=True)}
    assert all(known[row.tobytes()] == label for row, label in zip(company.features, company.labels, strict=True))
    assert len(dp_control._others(canaries, canaries, rng)) == 0


def test_a_version_that_was_not_trained_on_their_set_is_refused(people: Any) -> None:
    made = make(people)
    trained(people, "other@1", RECIPE, data="people@1")
    with pytest.raises(InputError, match="was not trained on the set with the canaries"):
        audit(people, "other@1", made, "{epsilon: 1, delta: 1.0e-5}")


def test_an_exhibit_that_holds_no_canaries_is_refused(people: Any) -> None:
    made = make(people)
    trained(people, "plain@1", RECIPE)
    from govtool.evidence import custody

    with people.write() as session:
        item = custody.acquire(
            session, people.vault, people.folder / "canaries.npz", case_id=None, description="x", source_system="x",
            source_locator="", authority="x", completeness="x", now=people.now, by="tester",
        )  # fmt: skip
        made.item.id = item.id
    with pytest.raises(InputError, match="holds no canaries"):
        audit(people, "plain@1", made, "{epsilon: 1, delta: 1.0e-5}")


@pytest.mark.parametrize(
    "canaries", ["people@1", "{dataset: people@1, rows: '0:50'}", "[1, 0, 1]"], ids=["dataset", "half split", "coins"]
)
def test_inclusion_of_one_s_own_choosing_is_refused_with_the_reason(canaries: str) -> None:
    with pytest.raises(InputError, match="independent fair coins"):
        specs.parse((HEAD + f"canaries: {canaries}\n").encode(), "audit.yaml", ATTACKS)


def test_noise_stated_by_halves_is_refused() -> None:
    with pytest.raises(InputError, match="together"):
        specs.parse((HEAD + "claim: {epsilon: 1, delta: 1.0e-5, steps: 3}\n").encode(), "audit.yaml", ATTACKS)


def test_a_file_is_never_written_over(people: Any) -> None:
    make(people)
    with pytest.raises(InputError, match="new file"):
        make(people, version="second")
    with pytest.raises(ConflictError):
        make(people, out="second.npz")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ((None, None, None, 1e-5, 1.0), "promises nothing"),
        ((None, 1.0, 1.0, 1e-5, 1.0), "either"),
        ((None, 1.0, None, None, 1.0), "without its delta"),
        ((None, -1.0, None, 1e-5, 1.0), "above 0"),
        ((None, 1.0, None, 1.5, 1.0), "between 0 and 1"),
    ],
)
def test_options_that_make_no_promise_are_refused(given: Any, says: str) -> None:
    with pytest.raises(InputError, match=says):
        dp_retrain.wanted(*given)


def test_retraining_needs_a_recipe_and_data(people: Any, tmp_path: Path) -> None:
    def prepare(words: str, data: str | None) -> Any:
        with people.read() as session:
            return dp_retrain.prepare(session, None, specs.parse((HEAD + words).encode(), "s", ATTACKS), data, None, ())

    with pytest.raises(InputError, match="torch recipe"):
        prepare("seed: 1\n", "people@1")
    with pytest.raises(InputError, match="what to train on"):
        prepare(RECIPE, None)
    with pytest.raises(InputError, match="new file"):
        dp_retrain.train(prepare(RECIPE, "people@1"), tmp_path / "weights.bin")


def test_the_sidecar_says_what_the_weights_rest_on(people: Any, tmp_path: Path) -> None:
    words = RECIPE.replace("epochs: 150", "epochs: 1")
    with people.read() as session:
        spec = specs.parse((HEAD + words).encode(), "s", ATTACKS)
        job = dp_retrain.prepare(session, None, spec, "people@1", dp_retrain.wanted(None, None, 5.0, 1e-5, 1.0), ())
    dp_retrain.train(job, tmp_path / "w.safetensors")
    told = json.loads((tmp_path / "w.safetensors.json").read_text())
    assert told["datasets"] == ["people@1"]
    assert told["seed"] is None, "a seed that is kept would let anyone subtract the noise"
    assert told["claim"]["noise_multiplier"] == 5.0
    assert specs.parse((HEAD + f"claim: {told['claim_yaml']}\n").encode(), "s", ATTACKS).claim is not None
