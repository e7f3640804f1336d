"""Registering and finding: versions are immutable, ids are evidence, a reference means one thing."""

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from govtool.access import Access
from govtool.digest import sha256_file
from govtool.errors import AmbiguousError, ConflictError, InputError, NotFoundError, UntrustedArtifactError
from govtool.evidence import ledger
from govtool.evidence.vault import Vault
from govtool.registry import datafile, lineage, service
from govtool.registry.models import DatasetVersion, Model, ModelVersion


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "patients.npz"
    np.savez(path, X=np.ones((6, 2)), y=np.array([0, 1, 0, 1, 0, 1]), who=np.array(["a", "a", "b", "c", "c", "c"]))
    return path


def dataset(
    session: Session,
    data: Path,
    now: datetime,
    name: str = "patients",
    version: str = "1",
    level: int | None = 3,
    **more: object,
) -> DatasetVersion:
    return service.add_dataset_version(
        session, name, version, data, level=level, now=now, by="tester", label="y", **more
    )  # type: ignore[arg-type]


def model(
    session: Session, vault: Vault, folder: Path, now: datetime, name: str = "triage", version: str = "1"
) -> ModelVersion:
    (folder / "w.skops").write_bytes(f"{name} {version}".encode())
    if session.scalar(sa.select(Model).where(Model.name == name)) is None:
        service.add_model(session, name, description="", owner="", purpose="", now=now, by="tester")
    return service.add_model_version(session, vault, name, version, artifact=folder / "w.skops", now=now, by="tester")


def test_a_dataset_version_counts_records_and_people(session: Session, data: Path, now: datetime) -> None:
    row = dataset(session, data, now, subject="who", class_unit="person")
    assert (row.ref, row.row_count, row.subject_count, row.content_sha256) == ("patients@1", 6, 3, sha256_file(data))
    assert (row.size_bytes, row.location, row.media_type) == (
        data.stat().st_size,
        str(data),
        "application/vnd.numpy.npz",
    )
    assert service.dataset_version(session, "patients@1") is row
    assert service.dataset_version(session, row.id[:9]) is row
    assert service.dataset_versions(session) == [row]
    assert ledger.size(session) == 2


def test_people_not_named_are_unknown_and_not_zero(session: Session, data: Path, now: datetime) -> None:
    assert dataset(session, data, now).subject_count is None


def test_a_version_is_never_overwritten(session: Session, data: Path, now: datetime) -> None:
    dataset(session, data, now)
    with pytest.raises(ConflictError, match="this very content"):
        dataset(session, data, now)
    np.savez(data, X=np.zeros((2, 2)), y=np.array([0, 1]))
    with pytest.raises(ConflictError, match="other content"):
        dataset(session, data, now)
    assert dataset(session, data, now, version="2").row_count == 2


@pytest.mark.parametrize(
    ("level", "unit", "name"),
    [
        (4, "person", "ok"),
        (-1, "person", "ok"),
        (3, "people", "ok"),
        (3, "person", "a b"),
        (3, "person", "a@b"),
        (3, "person", ""),
        (3, "person", "x" * 101),
    ],
)
def test_values_out_of_range_are_refused(
    session: Session, data: Path, now: datetime, level: int, unit: str, name: str
) -> None:
    with pytest.raises(InputError):
        dataset(session, data, now, name=name, level=level, class_unit=unit)


def test_a_file_that_changes_while_it_is_read_is_refused(
    session: Session, data: Path, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = datafile.read_table

    def meddle(path: Path, **more: object) -> object:
        table = real(path, **more)  # type: ignore[arg-type]
        path.write_bytes(path.read_bytes() + b"more")
        return table

    monkeypatch.setattr(datafile, "read_table", meddle)
    with pytest.raises(InputError, match="changed while it was read"):
        dataset(session, data, now)


def test_a_model_version_keeps_its_weights_in_the_vault(
    session: Session, vault: Vault, tmp_path: Path, now: datetime
) -> None:
    row = model(session, vault, tmp_path, now)
    assert row.artifact_sha256 is not None
    assert vault.read(row.artifact_sha256) == b"triage 1"
    assert (row.ref, row.artifact_format, row.artifact_name, row.size_bytes) == ("triage@1", "skops", "w.skops", 8)
    assert service.model_version(session, "triage@1") is service.model_version(session, row.id) is row
    assert service.model_versions(session) == [row]


def test_a_second_model_or_version_of_a_name_is_refused(
    session: Session, vault: Vault, tmp_path: Path, now: datetime
) -> None:
    model(session, vault, tmp_path, now)
    with pytest.raises(ConflictError):
        model(session, vault, tmp_path, now)
    with pytest.raises(ConflictError):
        service.add_model(session, "triage", description="", owner="", purpose="", now=now, by="tester")


def test_an_endpoint_has_no_bytes(session: Session, vault: Vault, now: datetime) -> None:
    service.add_model(session, "bot", description="", owner="", purpose="", now=now, by="tester")
    row = service.add_model_version(session, vault, "bot", "1", endpoint="https://m.example.org", now=now, by="tester")
    assert (row.artifact_sha256, row.artifact_format, row.size_bytes) == (None, "endpoint", 0)


def test_a_pickle_needs_someone_who_vouches_for_its_digest(
    session: Session, vault: Vault, tmp_path: Path, now: datetime
) -> None:
    (tmp_path / "m.pkl").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    service.add_model(session, "old", description="", owner="", purpose="", now=now, by="tester")

    def add(trust: object) -> ModelVersion:
        return service.add_model_version(
            session, vault, "old", "1", artifact=tmp_path / "m.pkl", trust_pickle=trust, now=now, by="tester"
        )  # type: ignore[arg-type]

    for trust in (None, "0" * 64):
        with pytest.raises(UntrustedArtifactError):
            add(trust)
    assert list(vault.digests()) == []
    assert add(sha256_file(tmp_path / "m.pkl")).artifact_format == "pickle"


def test_what_makes_no_model_version_is_refused_and_stores_nothing(
    session: Session, vault: Vault, tmp_path: Path, now: datetime
) -> None:
    service.add_model(session, "m", description="", owner="", purpose="", now=now, by="tester")
    for name in ("w.bin", "w.safetensors", "w.skops"):
        (tmp_path / name).write_bytes(b"x")
    refused: list[tuple[str, dict[str, object]]] = [
        ("1", {}),
        ("1", {"artifact": tmp_path / "w.skops", "endpoint": "https://x"}),
        ("1", {"artifact": tmp_path / "w.bin"}),
        ("1", {"artifact": tmp_path / "w.safetensors"}),
        ("1", {"artifact": tmp_path / "absent.skops"}),
        ("a b", {"artifact": tmp_path / "w.skops"}),
        ("1", {"artifact": tmp_path / "w.skops", "factory_params": {"x": float("nan")}}),
    ]
    for version, more in refused:
        with pytest.raises(InputError):
            service.add_model_version(session, vault, "m", version, now=now, by="tester", **more)  # type: ignore[arg-type]
    with pytest.raises(NotFoundError):
        service.add_model_version(session, vault, "absent", "1", endpoint="https://x", now=now, by="tester")
    assert list(vault.digests()) == []


def test_a_deployment_says_what_it_exposes(session: Session, vault: Vault, tmp_path: Path, now: datetime) -> None:
    version = model(session, vault, tmp_path, now)

    def add(name: str, **changed: object) -> object:
        fields: dict[str, object] = {
            "environment": "production",
            "audience": "public",
            "exposes": [Access.PROBABILITIES],
        }
        return service.add_deployment(session, name, version, **{**fields, **changed}, now=now, by="tester")  # type: ignore[arg-type]

    row = add("live")
    assert service.deployment(session, "live") is row
    assert list(service.deployments(session, version)) == list(service.deployments(session)) == [row]
    assert row.exposes == ["probabilities"]  # type: ignore[attr-defined]
    for name, changed in {
        "a": {"environment": "moon"},
        "b": {"audience": "aliens"},
        "c": {"exposes": []},
        "d e": {},
        "live": {},
    }.items():
        with pytest.raises(InputError):
            add(name, **changed)
    with pytest.raises(NotFoundError):
        service.deployment(session, "absent")
    with pytest.raises(NotFoundError):
        service.deployment(session, "")


def test_a_short_id_must_mean_one_record(session: Session, now: datetime) -> None:
    for identifier, name in {"mod-aaa1": "a", "mod-aaa": "b", "mod-ab": "c"}.items():
        ledger.record(session, Model(id=identifier, name=name, description="", owner="", purpose=""), now=now, by="t")
    assert service.by_id(session, Model, "mod-aaa").name == "b"  # a whole id wins
    assert service.by_id(session, Model, "mod-ab").name == "c"
    assert service.by_id(session, Model, "MOD-AB").name == "c"  # on every database, however it is typed
    with pytest.raises(AmbiguousError):
        service.by_id(session, Model, "mod-a")
    for absent in ("mod-x", "mod_ab", "mod%", ""):
        with pytest.raises(NotFoundError):
            service.by_id(session, Model, absent)


def test_a_reference_to_both_a_model_and_a_dataset_must_say_which(
    session: Session, vault: Vault, data: Path, tmp_path: Path, now: datetime
) -> None:
    trained, records = model(session, vault, tmp_path, now, "same"), dataset(session, data, now, "same")
    with pytest.raises(AmbiguousError):
        service.resolve(session, "same@1")
    assert service.resolve(session, "model:same@1") is service.resolve(session, trained.id) is trained
    assert service.resolve(session, "dataset:same@1") is service.resolve(session, records.id) is records
    for absent in ("other@1", "mv-nothing", "dsv-nothing"):
        with pytest.raises(NotFoundError):
            service.resolve(session, absent)
    for malformed in ("same", "@1", "same@"):
        with pytest.raises(InputError):
            service.resolve(session, malformed)


def test_names_that_look_like_ids_are_still_names(
    session: Session, vault: Vault, data: Path, tmp_path: Path, now: datetime
) -> None:
    assert dataset(session, data, now, "dsv-x") is service.dataset_version(session, "dsv-x@1")
    assert model(session, vault, tmp_path, now, "mv-x") is service.model_version(session, "mv-x@1")


def link(session: Session, now: datetime, source: str, relation: str, destination: str) -> None:
    service.add_lineage(session, source, relation, destination, now=now, by="tester")


def test_lineage_is_asserted_once_between_known_things(
    session: Session, vault: Vault, data: Path, tmp_path: Path, now: datetime
) -> None:
    model(session, vault, tmp_path, now)
    dataset(session, data, now)
    link(session, now, "triage@1", "trained_on", "patients@1")
    with pytest.raises(ConflictError):
        link(session, now, "triage@1", "trained_on", "patients@1")
    with pytest.raises(InputError, match="unknown relation"):
        link(session, now, "triage@1", "liked", "patients@1")
    with pytest.raises(InputError, match="itself"):
        link(session, now, "triage@1", "distilled_from", "triage@1")


def test_the_level_comes_from_everything_upstream(
    session: Session, vault: Vault, data: Path, tmp_path: Path, now: datetime
) -> None:
    version, other = model(session, vault, tmp_path, now), model(session, vault, tmp_path, now, "teacher")
    assert lineage.sensitivity(session, version).level is None  # nothing recorded is unknown
    for name, level in {"public": 0, "copy": 1, "patients": 3}.items():
        dataset(session, data, now, name, level=level)
    link(session, now, "triage@1", "trained_on", "public@1")
    assert lineage.sensitivity(session, version) == lineage.Sensitivity(0, "trained on public@1")
    link(session, now, "triage@1", "distilled_from", "teacher@1")
    link(session, now, "teacher@1", "fine_tuned_on", "copy@1")
    assert lineage.sensitivity(session, version).level == 1
    link(session, now, "copy@1", "anonymized_from", "patients@1")
    assert lineage.sensitivity(session, version) == lineage.Sensitivity(3, "trained on patients@1")
    assert [row.ref for row in lineage.datasets_of(session, version)] == ["public@1"]
    assert [row.ref for row in lineage.datasets_of(session, other)] == ["copy@1"]
    assert len(lineage.upstream(session, version.id)) == 4
    patients = service.dataset_version(session, "patients@1")
    assert [edge.relation for edge in lineage.downstream(session, patients.id)] == [
        "distilled_from",
        "fine_tuned_on",
        "anonymized_from",
    ]


def test_what_a_model_was_only_tested_on_is_not_what_it_was_made_from(
    session: Session, vault: Vault, data: Path, tmp_path: Path, now: datetime
) -> None:
    version = model(session, vault, tmp_path, now)
    for name, level in {"train": 1, "held-out": 3, "source": None}.items():
        dataset(session, data, now, name, level=level)
    link(session, now, "triage@1", "trained_on", "train@1")
    link(session, now, "triage@1", "tested_on", "held-out@1")
    link(session, now, "held-out@1", "split_of", "source@1")
    assert lineage.sensitivity(session, version) == lineage.Sensitivity(1, "trained on train@1")
    assert len(lineage.upstream(session, version.id)) == 3


def test_one_unclassified_source_makes_the_level_unknown(
    session: Session, vault: Vault, data: Path, tmp_path: Path, now: datetime
) -> None:
    version = model(session, vault, tmp_path, now)
    dataset(session, data, now, "known", level=3)
    dataset(session, data, now, "unknown", level=None)
    link(session, now, "triage@1", "trained_on", "known@1")
    link(session, now, "triage@1", "trained_on", "unknown@1")
    assert lineage.sensitivity(session, version) == lineage.Sensitivity(None, "unclassified: unknown@1")


def test_a_cycle_ends_the_walk(session: Session, data: Path, now: datetime) -> None:
    a, b = dataset(session, data, now, "a"), dataset(session, data, now, "b")
    link(session, now, "a@1", "copied_from", "b@1")
    link(session, now, "b@1", "copied_from", "a@1")
    assert len(lineage.upstream(session, a.id)) == len(lineage.downstream(session, b.id)) == 2


def test_a_blank_names_nobody_and_is_not_counted_as_a_person(session: Session, tmp_path: Path, now: datetime) -> None:
    counts = []
    for number, who in enumerate((["ann", "", " ", "ann"], ["", "", "", ""])):
        path = tmp_path / f"some{number}.npz"
        np.savez(path, X=np.full((4, 1), number), y=np.zeros(4, dtype=int), who=np.array(who))
        counts.append(dataset(session, path, now, version=str(number), subject="who").subject_count)
    assert counts == [1, None]
