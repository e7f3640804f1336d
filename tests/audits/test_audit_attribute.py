"""Attribute inference through a whole run: the spec names a column, the record says what came of it."""

from io import BytesIO
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from audit_worlds import D, K, draw

from govtool.access import Access
from govtool.attacks.catalog import ATTACKS
from govtool.attacks.interface import Records
from govtool.audits import attribute
from govtool.audits import spec as specs
from govtool.audits.models import AttackRecord, AuditRun
from govtool.errors import InputError

FAMILY = [name for name, attack in ATTACKS.items() if attack.family == "attribute_inference"]
ASKED = "attacks: [attribute_map, attribute_csmia]\npopulation: population@1\nseed: 7\n"
SENSITIVE = "sensitive: [{name: ward, column: 3}]\n"


def records(ws: Any) -> dict[str, AttackRecord]:
    with ws.read() as session:
        return {row.attack: row for row in session.scalars(sa.select(AttackRecord))}


def parse(text: str) -> specs.AuditSpec:
    return specs.parse(f"schema: govtool.audit/v1\n{text}".encode(), "audit.yaml", ATTACKS)


def test_a_run_with_a_sensitive_column(registered: Any) -> None:
    done = registered.audit("leaky@1", ASKED + SENSITIVE)
    assert done.status == "completed"
    record = records(registered)["attribute_csmia"]
    assert record.status == "completed", record.reason
    assert record.detail["attributes"][0]["name"] == "ward"
    assert record.detail["positive_control"]["passed"] is True
    assert record.detail["blind_baseline"]["passed"] is True
    assert set(record.metrics) == set(record.baselines)
    assert record.access == ["probabilities"]
    with np.load(BytesIO(registered.vault.read(record.evidence_sha256))) as kept:
        assert {"membership", "truth_0", "guessed_0", "imputation_right_0", "seed"} <= set(kept)
    with registered.read() as session:
        (run,) = session.scalars(sa.select(AuditRun))
    assert run.resolved["sensitive"] == [{"name": "ward", "column": 3}]


def test_without_a_sensitive_column_nothing_is_tested_and_nothing_passes(registered: Any) -> None:
    registered.audit("leaky@1", ASKED)
    found = records(registered)
    for name in ("attribute_map", "attribute_csmia"):
        assert found[name].status == "not_testable"
        assert "names no sensitive column" in found[name].reason


def test_without_a_population_there_is_nothing_to_compare_with(registered: Any) -> None:
    registered.audit("leaky@1", "attacks: [attribute_csmia]\n" + SENSITIVE)
    assert records(registered)["attribute_csmia"].status == "not_testable"
    assert "names no population" in records(registered)["attribute_csmia"].reason


def test_labels_allow_the_attack_that_reads_labels(registered: Any) -> None:
    registered.deploy("labels-only", "leaky@1", Access.LABELS)
    every = f"attacks: [{', '.join(FAMILY)}]\npopulation: population@1\npositive_control: false\n"
    registered.audit("leaky@1", every + SENSITIVE)
    found = records(registered)
    assert found["attribute_map"].status == "completed"
    assert {found[name].status for name in FAMILY if name != "attribute_map"} == {"not_applicable"}


def test_columns_are_found_by_the_names_in_the_file(registered: Any, tmp_path: Any) -> None:
    names = np.array([f"c{number}" for number in range(D)])
    for group in ("members", "nonmembers", "population"):
        features, labels = draw(group)
        np.savez(tmp_path / "named.npz", X=features, y=labels, columns=names)
        (registered.folder / f"{group}2.npz").write_bytes((tmp_path / "named.npz").read_bytes())
        with registered.write() as session:
            from govtool.registry import service

            path = registered.folder / f"{group}2.npz"
            service.add_dataset_version(session, group, "2", path, level=2, label="y", now=registered.now, by="tester")
    groups = "members: members@2\nnonmembers: nonmembers@2\n"
    text = groups + "attacks: [attribute_csmia]\npopulation: population@2\npositive_control: false\n"
    registered.audit("leaky@1", text + "sensitive: [{column: c3}]\n")
    assert records(registered)["attribute_csmia"].detail["attributes"][0]["name"] == "c3"
    with pytest.raises(InputError, match="no column named 'sex'"):
        registered.audit("leaky@1", text + "sensitive: [{column: sex}]\n")


def test_a_name_needs_a_file_with_names(registered: Any) -> None:
    with pytest.raises(InputError, match="names no columns"):
        registered.audit("leaky@1", ASKED + "sensitive: [{column: sex}]\n")


@pytest.mark.parametrize(
    ("sensitive", "message"),
    [
        ("{name: ward, columns: [a, b]}, {name: other, columns: [b, c]}", "column b belongs to ward and to other"),
        ("{name: ward, column: a}, {name: again, column: 0}", "column a belongs to ward and to again"),
        ("{name: ward, columns: [a, 0]}", "column a belongs to ward twice"),
    ],
)
def test_attributes_that_share_a_column_are_refused(sensitive: str, message: str) -> None:
    """Each would be asked about while the other, known to the attacker, gives it away."""
    found = Records(np.zeros((1, 3), dtype=np.float32), np.zeros(1, dtype=np.int64), columns=("a", "b", "c"))
    with pytest.raises(InputError, match=message):
        attribute.resolve(parse(f"sensitive: [{sensitive}]\n").sensitive, found)


def test_a_number_outside_the_record_is_refused(registered: Any) -> None:
    with pytest.raises(InputError, match=f"no column {D}"):
        registered.audit("leaky@1", ASKED + f"sensitive: [{{column: {D}}}]\n")


def test_groups_with_the_columns_in_another_order_are_refused(registered: Any) -> None:
    for group, step in (("members", 1), ("population", -1)):
        header = ",".join([f"c{number}" for number in range(D)][::step])
        features, labels = draw(group)
        path = registered.folder / f"{group}.csv"
        rows = [",".join(map(str, [*row, label])) for row, label in zip(features, labels, strict=True)]
        path.write_text("\n".join([f"{header},y", *rows]))
        with registered.write() as session:
            from govtool.registry import service

            service.add_dataset_version(session, group, "3", path, level=2, label="y", now=registered.now, by="tester")
    with pytest.raises(InputError, match="in another order"):
        registered.audit("leaky@1", "members: members@3\npopulation: population@3\nattacks: [loss_threshold]\n")


def test_one_hot_groups_and_named_values_are_read() -> None:
    spec = parse(
        "sensitive: [{name: ward, columns: [a, b]}, {column: sex, values: {female: 0, male: 1}}, {column: 5, values: [0, 1]}]\n"
    )
    ward, sex, five = spec.sensitive
    assert (ward.title, ward.all_columns, ward.named_values) == ("ward", ["a", "b"], None)
    assert sex.named_values == {"female": 0.0, "male": 1.0}
    assert (five.title, five.named_values) == ("column 5", {"0": 0.0, "1": 1.0})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[{name: sex}]", "either 'column'"),
        ("[{column: a, columns: [b]}]", "either 'column'"),
        ("[{columns: [a, b]}]", "needs a 'name'"),
        ("[{name: x, columns: [a, a]}]", "named twice"),
        ("[{name: x, columns: [a, b], values: [0, 1]}]", "single column"),
        ("[{column: a, values: [1]}]", "2 to 20"),
        ("[{column: a, values: [1, 1]}]", "different numbers"),
        ("[{column: a}, {column: a}]", "same name"),
        ("[{column: a, bins: 1}]", "bins"),
        ("[{colum: a}]", "colum"),
        ("[{column: true}]", "sensitive.0.column: must be a column's name"),
        ("[{column: -1}]", "its number counted from 0"),
    ],
)
def test_a_spec_that_cannot_be_meant_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse(f"sensitive: {text}\n")


def test_exported_scores_cannot_be_asked_with_another_value(registered: Any) -> None:
    from audit_worlds import N

    rng = np.random.default_rng(0)
    arrays = {}
    for group, prefix in (("members", "member"), ("nonmembers", "nonmember")):
        arrays[f"{prefix}_logits"] = rng.normal(size=(N, K)) * 3
        arrays[f"{prefix}_labels"] = draw(group)[1]
    path = registered.folder / "scores.npz"
    np.savez(path, **arrays)
    registered.model("vendor@1", artifact=path)
    groups = "members: members@1\nnonmembers: nonmembers@1\n"
    registered.audit("vendor@1", groups + "attacks: [attribute_csmia]\n" + SENSITIVE)
    assert "only exported scores" in records(registered)["attribute_csmia"].reason
