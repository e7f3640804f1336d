"""Kill a working process at random moments. What it had said was recorded is there, everything verifies, work goes on."""

import random
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import ledger_rows
import pytest
import sqlalchemy as sa
from ledger_rows import add_exhibit

from govtool import db
from govtool.digest import sha256_bytes
from govtool.evidence import ledger
from govtool.evidence.models import EvidenceItem
from govtool.evidence.note import Signer
from govtool.evidence.vault import Vault
from govtool.evidence.verify import verify
from govtool.evidence.witness import witnessed


def crash_and_check(
    engine: sa.Engine, folder: Path, vault: Vault, signer: Signer, now: datetime, *, trials: int, chance: random.Random
) -> None:
    url = engine.url.render_as_string(hide_password=False)
    engine.dispose()
    told: list[str] = []
    for trial in range(trials):
        words = [sys.executable, ledger_rows.__file__, "work", url, str(folder), f"t{trial}", "1000000"]
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
            time.sleep(chance.uniform(0, 0.3))
            child.kill()
            told += [line.strip() for line in child.stdout if line.endswith("\n")]  # a torn line promised nothing
        with db.session_scope(engine, read=True) as session:
            there = set(session.scalars(sa.select(EvidenceItem.id)))
            result = verify(session, vault, signer.verifier, witnessed=witnessed(folder / "checkpoints.log"))
        assert set(told) <= there
        assert result.problems == ()
        assert result.unsigned == 0  # record and checkpoint are one transaction
        for name in vault.digests():
            path = vault.local_path(name)
            assert path is not None
            assert sha256_bytes(path.read_bytes()) == name
        with db.session_scope(engine) as session:
            told.append(add_exhibit(session, vault, now, content=b"after crash %d" % trial).id)
            assert ledger.checkpoint(session, signer, now=now) is not None
    assert len(told) > trials, "the children never got to work"


def test_sqlite_survives_being_killed(
    engine: sa.Engine, tmp_path: Path, vault: Vault, signer: Signer, now: datetime
) -> None:
    crash_and_check(engine, tmp_path, vault, signer, now, trials=4, chance=random.Random(1))


@pytest.mark.slow
def test_sqlite_survives_being_killed_many_times(
    engine: sa.Engine, tmp_path: Path, vault: Vault, signer: Signer, now: datetime
) -> None:
    crash_and_check(engine, tmp_path, vault, signer, now, trials=60, chance=random.Random(2))


@pytest.mark.postgres
def test_postgresql_survives_being_killed(
    postgres: sa.Engine, tmp_path: Path, vault: Vault, signer: Signer, now: datetime
) -> None:
    crash_and_check(postgres, tmp_path, vault, signer, now, trials=3, chance=random.Random(3))


@pytest.mark.slow
@pytest.mark.postgres
def test_postgresql_survives_being_killed_many_times(
    postgres: sa.Engine, tmp_path: Path, vault: Vault, signer: Signer, now: datetime
) -> None:
    crash_and_check(postgres, tmp_path, vault, signer, now, trials=40, chance=random.Random(4))
