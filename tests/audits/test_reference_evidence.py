"""What references answered is evidence of its own: once per run, named by every attack, enough to compute again."""

import tracemalloc
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from govtool.attacks.interface import References
from govtool.audits import reference_evidence
from govtool.audits.references import Trained
from govtool.errors import WorkError
from govtool.evidence.vault import Vault


def trained(count: int = 4, records: int = 6, population: int = 3) -> Trained:
    rng = np.random.default_rng(0)
    readings = {name: rng.normal(size=(count, records)) for name in ("phi", "log_probability")}
    outside = {"phi": rng.normal(size=(count, population))} if population else {}
    members = np.arange(count * records).reshape(count, records) % 2 == 0
    return Trained(References(readings, members, outside), None, list(range(count)), 0)


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(str(tmp_path / "vault"))


def test_all_that_was_answered_reads_back(vault: Vault, tmp_path: Path) -> None:
    given = trained()
    digest = reference_evidence.store(vault, given, tmp_path / "cache")
    with np.load(BytesIO(vault.read(digest)), allow_pickle=False) as kept:
        assert kept["reference_members"].tolist() == given.references.members.tolist()
        assert kept["reference_seeds"].tolist() == given.seeds
        assert kept["reference_phi"].tobytes() == given.references.phi.tobytes()
        assert kept["population_phi"].tobytes() == given.references.population["phi"].tobytes()
        assert len(kept.files) == 5


def test_the_same_answers_are_the_same_bytes_and_leave_no_file(vault: Vault, tmp_path: Path) -> None:
    digests = {reference_evidence.store(vault, trained(), tmp_path / name) for name in ("one", "two")}
    assert len(digests) == len(list(vault.digests())) == 1
    assert not vault.leftovers()
    assert not [*(tmp_path / "one").iterdir(), *(tmp_path / "two").iterdir()]


def test_no_population_is_no_array(vault: Vault, tmp_path: Path) -> None:
    digest = reference_evidence.store(vault, trained(population=0), tmp_path)
    with np.load(BytesIO(vault.read(digest))) as kept:
        assert not [name for name in kept.files if name.startswith("population")]


def test_memory_does_not_grow_with_the_answers(vault: Vault, tmp_path: Path) -> None:
    given = trained(count=16, records=300_000, population=0)  # 77 MB of readings
    tracemalloc.start()
    try:
        reference_evidence.store(vault, given, tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 40e6
    finally:
        tracemalloc.stop()


def test_a_folder_that_is_a_file_is_said(vault: Vault, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(WorkError, match="cannot be kept"):
        reference_evidence.store(vault, trained(), tmp_path / "file")
