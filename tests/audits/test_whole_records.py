"""Reconstruction of whole records through a run: only where the spec names it and says what is known."""

from io import BytesIO
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from govtool.attacks.catalog import ATTACKS
from govtool.audits import spec as specs
from govtool.audits.models import AttackRecord
from govtool.errors import InputError

GROUPS = "population: population@1\nseed: 7\n"


def record(ws: Any) -> AttackRecord:
    with ws.read() as session:
        return session.scalars(sa.select(AttackRecord).where(AttackRecord.attack == "record_reconstruction")).one()


@pytest.mark.slow
def test_a_run_that_names_it(registered: Any) -> None:
    registered.audit("leaky@1", GROUPS + "attacks: {record_reconstruction: {known: [0, 1, 2, 3, 4, 5]}}\n")
    found = record(registered)
    assert found.status in ("completed", "void"), found.reason
    assert found.detail["positive_control"]["passed"] is not None
    assert {one["question"] for one in found.detail["findings"]} == {"record_remembered", "answer_describes_record"}
    assert set(found.metrics) == set(found.baselines)
    with np.load(BytesIO(registered.vault.read(found.evidence_sha256))) as kept:
        assert {"membership", "truth", "attack", "attack_with_answer", "imputed"} <= set(kept)


def test_a_spec_that_names_no_attack_does_not_ask_for_it(registered: Any) -> None:
    registered.audit("leaky@1", GROUPS + "references: 0\n")
    assert record(registered).status == "not_requested"


def test_a_spec_that_does_not_say_what_is_known_is_told_so(registered: Any) -> None:
    registered.audit("leaky@1", GROUPS + "attacks: [record_reconstruction]\n")
    assert record(registered).status == "not_testable"
    assert "what the attacker knows" in record(registered).reason


def test_a_misspelt_parameter_is_refused() -> None:
    text = b"schema: govtool.audit/v1\nattacks:\n  record_reconstruction: {knows: [age]}\n"
    with pytest.raises(InputError, match="has no parameter 'knows'"):
        specs.parse(text, "audit.yaml", ATTACKS)
