"""Public records and generators, from a spec to what the run says of them."""

from typing import Any

import pytest
import sqlalchemy as sa
from audit_worlds import D, K, draw

from govtool.audits.models import AttackRecord, AuditRun
from govtool.errors import InputError, NotFoundError, UntrustedArtifactError
from govtool.runtime import rng

LATENT = 5
SPEC = "evaluation: evaluation@1\npositive_control: false\nseed: 7\n"
GIVEN = SPEC + f"attacks: {{inversion_prior: {{generator: {{model: maker@1, latent: {LATENT}}}}}}}\n"


@pytest.fixture
def world(registered: Any) -> Any:
    """Besides leaky@1: judges' records, a stranger's, and a generator of inputs, registered like any model."""
    import numpy as np
    from safetensors.numpy import save

    registered.dataset("evaluation@1", *draw("evaluation"))
    features = rng(0, "strangers").normal(size=(40, D)).astype(np.float32)
    registered.dataset("strangers@1", features, np.zeros(40, dtype=np.int64))
    weights = {"weight": rng(0, "maker").normal(size=(D, LATENT)).astype(np.float32), "bias": np.zeros(D, np.float32)}
    path = registered.folder / "maker.safetensors"
    path.write_bytes(save(weights))
    registered.model("maker@1", artifact=path, factory="softmax", factory_params={"inputs": LATENT, "classes": D})
    return registered


def outcome(world: Any, spec: str, **given: Any) -> AttackRecord:
    world.audit("leaky@1", spec, **given)
    with world.read() as session:
        query = sa.select(AttackRecord).order_by(AttackRecord.ledger_index.desc())
        return next(row for row in session.scalars(query) if row.attack == "inversion_prior")


@pytest.mark.slow
def test_a_spec_that_says_nothing_of_public_records_did_not_ask(world: Any) -> None:
    found = outcome(world, SPEC)
    assert (found.status, found.reason.split(",")[0]) == ("not_requested", "no public records were given")


def test_naming_the_attack_without_public_records_is_not_testable(world: Any) -> None:
    found = outcome(world, SPEC + "attacks: [inversion_prior]\n")
    assert (found.status, found.reason.split(",")[0]) == ("not_testable", "no public records were given")


@pytest.mark.slow
def test_with_public_records_it_is_run_by_default(world: Any) -> None:
    found = outcome(world, SPEC + "public: strangers@1\n")
    assert found.status in ("completed", "void"), found.reason
    assert found.detail["prior"] == "pca"
    assert found.detail["public_starts"] == 40
    assert len(found.detail["classes"]) == K


def test_public_records_that_are_members_make_it_untestable(world: Any) -> None:
    spec = SPEC + "public: [strangers@1, {dataset: members@1, rows: '0:3'}]\nattacks: [inversion_prior]\n"
    found = outcome(world, spec)
    assert found.status == "not_testable"
    assert found.reason.startswith("3 public records are also members")


def test_a_registered_generator_stands_for_public_records_and_the_run_says_which(world: Any) -> None:
    found = outcome(world, GIVEN)
    assert found.status in ("completed", "void"), found.reason
    assert found.detail["prior"] == "maker@1"
    assert found.detail["latent_size"] == LATENT
    with world.read() as session:
        (run,) = session.scalars(sa.select(AuditRun))
    kept = run.resolved["generators"]["inversion_prior"]
    assert (kept["model"], kept["latent"], len(kept["artifact_sha256"])) == ("maker@1", LATENT, 64)


@pytest.mark.parametrize("known", ["members@1", "evaluation@1"])
def test_a_generator_that_has_learnt_from_the_answers_is_refused(world: Any, known: str) -> None:
    world.relate("model:maker@1", "trained_on", f"dataset:{known}")
    found = outcome(world, GIVEN)
    assert found.status == "not_testable"
    assert "maker@1 has learnt from 120 members or evaluation records" in found.reason


def test_one_trained_on_others_is_taken(world: Any) -> None:
    world.relate("model:maker@1", "trained_on", "dataset:strangers@1")
    assert outcome(world, GIVEN).status in ("completed", "void")


def test_a_generator_of_another_size_fails_with_what_to_mend(world: Any) -> None:
    found = outcome(world, GIVEN.replace("latent: 5", "latent: 6"))
    assert found.status == "failed"
    assert "does not take latents of 6 numbers" in found.reason


def test_somebodys_factory_is_not_called_because_a_registration_names_it(world: Any) -> None:
    path = world.folder / "maker.safetensors"
    world.model("theirs@1", artifact=path, factory="their_nets:maker", factory_params={})
    with pytest.raises(UntrustedArtifactError, match="their_nets:maker"):
        outcome(world, GIVEN.replace("maker@1", "theirs@1"))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("maker@1", "says which registered model draws"),
        ("{model: maker@1}", "latent: Field required"),
        ("{model: maker@1, latent: 0}", "latent: Input should be greater than or equal to 1"),
        ("{model: maker@1, latent: 5, size: 3}", "size: Extra inputs are not permitted"),
    ],
)
def test_a_generator_said_wrongly_is_refused_before_anything_is_recorded(world: Any, given: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        outcome(world, SPEC + f"attacks: {{inversion_prior: {{generator: {given}}}}}\n")
    assert "generator: {model: NAME@VERSION, latent: 128}" in caught.value.hint
    with world.read() as session:
        assert not list(session.scalars(sa.select(AuditRun)))


def test_a_generator_must_be_registered_and_differentiable(world: Any) -> None:
    with pytest.raises(NotFoundError, match="nobody@1"):
        outcome(world, GIVEN.replace("maker@1", "nobody@1"))
    world.model("far@1", endpoint="http://127.0.0.1:9/", artifact=None)
    with pytest.raises(InputError, match="kept as endpoint"):
        outcome(world, GIVEN.replace("maker@1", "far@1"))
