"""Every bad spec says what is wrong and on which line."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govtool.attacks.catalog import ATTACKS
from govtool.audits import spec as specs
from govtool.errors import InputError

KNOWN = {name: ATTACKS[name] for name in ("loss_threshold", "rmia", "mi_face")}
HEAD = "schema: govtool.audit/v1\n"

BAD = [
    ("empty file", "", 1, "the top level must be a mapping"),
    ("a list", "- schema\n", 1, "the top level must be a mapping"),
    ("no schema", "seed: 1\n", 1, "the key 'schema' is missing"),
    ("another schema", "\nschema: govtool.audit/v2\n", 2, "schema: input should be 'govtool.audit/v1'"),
    ("unknown key", HEAD + "seed: 1\nmember: a@1\n", 3, "unknown key 'member'"),
    ("key twice", HEAD + "seed: 1\nseed: 2\n", 3, "the key 'seed' stands here twice"),
    ("tab", HEAD + "target:\n\tdeployment: x\n", 3, "a tab is used for indentation"),
    ("broken", HEAD + "attacks: [rmia\nseed: 1\n", 3, "not valid YAML"),
    ("alias", HEAD + "members: &m a@1\nnonmembers: *m\n", 3, "YAML aliases are not accepted"),
    ("tag", HEAD + "seed: !!python/object/apply:os.system [id]\n", 2, "YAML tags are not accepted"),
    ("date", HEAD + "seed: 2026-01-01\n", 2, "seed: input should be a valid integer"),
    ("not finite", HEAD + "attacks:\n  rmia:\n    gamma: .nan\n", 4, "not a finite number"),
    ("huge integer", HEAD + "seed: 99999999999999999999\n", 2, "an integer beyond 2^53"),
    ("number as key", HEAD + "1: 2\n", 2, "a key must be text"),
    ("two documents", HEAD + "---\nseed: 1\n", 2, "not valid YAML"),
    ("deep", HEAD + "seed: " + "[" * 30 + "]" * 30 + "\n", 2, "nested deeper than 20"),
    ("seed as text", HEAD + "seed: '7'\n", 2, "seed: input should be a valid integer"),
    ("negative seed", HEAD + "seed: -1\n", 2, "seed: input should be greater than or equal to 0"),
    ("odd references", HEAD + "\nreferences: 7\n", 3, "must be even"),
    ("dataset without version", HEAD + "members: patients\n", 2, "'patients' is not a dataset version"),
    ("bad rows", HEAD + "members:\n  dataset: a@1\n  rows: first\n", 4, "'first' is not a range of rows"),
    ("bad rows in a list", HEAD + "members:\n- b@1\n- dataset: a@1\n  rows: first\n", 5, "'first' is not a range"),
    (
        "rows as a number",
        HEAD + "members: {dataset: a@1, rows: 10}\n",
        2,
        "rows: input should be a valid string",
    ),
    ("no datasets", HEAD + "members: []\n", 2, "an empty list of datasets"),
    ("unknown key in a dataset", HEAD + "members:\n  dataset: a@1\n  row: '0:5'\n", 4, "unknown key 'row'"),
    ("both targets", HEAD + "target: {deployment: a, endpoint: 'http://b', model: c}\n", 2, "not both"),
    ("endpoint without model", HEAD + "target:\n  endpoint: http://b\n", 2, "belong together"),
    (
        "endpoint of another kind",
        HEAD + "target: {endpoint: 'file:///etc', model: m}\n",
        2,
        "must be a http:// or https://",
    ),
    ("empty target", HEAD + "target: {}\n", 2, "give 'deployment' or 'endpoint'"),
    ("unknown attack", HEAD + "attacks:\n- rmia\n- loss\n", 4, "unknown attack 'loss'"),
    ("unknown attack in a mapping", HEAD + "attacks:\n  rmia: {}\n  los: {}\n", 4, "unknown attack 'los'"),
    ("unknown parameter", HEAD + "attacks:\n  rmia: {}\n  mi_face:\n    shapee: [8, 8]\n", 5, "no parameter 'shapee'"),
    (
        "a parameter's value",
        HEAD + "attacks:\n  mi_face:\n    steps: 5\n    loss: foo\n",
        5,
        "'mi_face': unknown loss 'foo'",
    ),
    (
        "two that cannot go together",
        HEAD + "attacks:\n  mi_face:\n    prior: blurred\n    process: 3\n",
        3,
        "cannot go with prior 'blurred'",
    ),
    ("own marks", HEAD + "attacks:\n  rmia:\n    validity: {}\n", 4, "'validity' is measured by the audit"),
    ("no attacks", HEAD + "attacks: []\n", 2, "no attack is named"),
    ("recipe typo", HEAD + "recipe:\n  factory: mlp\n  epoch: 3\n", 4, "unknown key 'epoch'"),
    ("all held out", HEAD + "recipe: {early_stopping: {held_out: 1, patience: 3}}\n", 2, "held_out"),
    ("no such schedule", HEAD + "recipe: {schedule: often}\n", 2, "'constant', 'cosine' or 'one_cycle'"),
    ("no such device", HEAD + "device: tpu\n", 2, "'auto', 'cpu' or 'cuda'"),
    (
        "recipe of two kinds",
        HEAD + "recipe: {factory: mlp, sklearn: sklearn.svm.SVC}\n",
        2,
        "not factory and estimator",
    ),
    ("label noise above one", HEAD + "recipe:\n  label_noise: 1.5\n", 3, "less than 1"),
]


@pytest.mark.parametrize(("text", "line", "message"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_a_bad_spec_names_the_line(text: str, line: int, message: str) -> None:
    with pytest.raises(InputError) as caught:
        specs.parse(text.encode(), "audit.yaml", KNOWN)
    assert message in caught.value.message
    assert caught.value.where == f"audit.yaml:{line}"


def test_unknown_attacks_are_answered_with_the_known_ones() -> None:
    with pytest.raises(InputError) as caught:
        specs.parse((HEAD + "attacks: [mia]\n").encode(), "audit.yaml", KNOWN)
    assert caught.value.hint == "known: loss_threshold, rmia, mi_face"


def test_a_spec_without_a_schema_is_told_how_to_start() -> None:
    for text in ("seed: 1\n", "schema: govtool.audit/v2\n", "- a\n"):
        with pytest.raises(InputError) as caught:
            specs.parse(text.encode(), "audit.yaml", KNOWN)
        assert caught.value.hint == "start with: schema: govtool.audit/v1"


def test_an_unknown_key_is_answered_with_the_keys_of_that_place() -> None:
    with pytest.raises(InputError) as caught:
        specs.parse((HEAD + "recipe: {epoch: 3}\nsed: 1\n").encode(), "audit.yaml", KNOWN)
    assert "epochs" in caught.value.hint
    assert "1 more to correct" in caught.value.hint


@pytest.mark.parametrize(("data", "line"), [(b"schema: a\nseed: \xff\n", 2), (b"schema: a\nseed: '\x00'\n", 2)])
def test_bytes_that_are_not_text_name_the_line(data: bytes, line: int) -> None:
    with pytest.raises(InputError) as caught:
        specs.parse(data, "audit.yaml", KNOWN)
    assert caught.value.where == f"audit.yaml:{line}"


def test_a_spec_of_megabytes_is_refused_unread() -> None:
    with pytest.raises(InputError, match="larger than 1 MiB"):
        specs.parse(b"#" * (1 << 20) + b"x", "audit.yaml", KNOWN)


def test_the_example_in_the_documentation_is_a_valid_spec() -> None:
    text = (specs.__doc__ or "").split("::\n", 1)[1]
    spec = specs.parse("\n".join(line[4:] for line in text.splitlines()).encode(), "audit.yaml", KNOWN)
    assert spec.attacks == {"loss_threshold": {}, "rmia": {}}
    assert spec.members == [specs.DatasetRows(dataset="patients-train@1")]
    assert list(spec.nonmembers[0].range(1000)) == list(range(600, 1000))
    assert spec.recipe is not None
    assert spec.recipe.epochs == 150


def test_defaults_ask_lineage_and_run_everything() -> None:
    spec = specs.parse(HEAD.encode(), "audit.yaml", KNOWN)
    assert (spec.members, spec.attacks, spec.references, spec.positive_control) == ([], None, 8, True)


@pytest.mark.parametrize(("written", "rate"), [("1e-3", 0.001), ("1E-3", 0.001), ("0.01", 0.01), ("1", 1.0)])
def test_a_learning_rate_may_be_written_as_people_write_it(written: str, rate: float) -> None:
    spec = specs.parse((HEAD + f"recipe: {{learning_rate: {written}}}\n").encode(), "a", KNOWN)
    assert spec.recipe is not None
    assert spec.recipe.learning_rate == rate


def test_rows_need_no_quotes() -> None:
    spec = specs.parse((HEAD + "members: {dataset: a@1, rows: 10:50}\n").encode(), "a", KNOWN)
    assert list(spec.members[0].range(100)) == list(range(10, 50)), "no sexagesimal 650"


def test_parameters_of_attacks_are_kept() -> None:
    spec = specs.parse((HEAD + "attacks:\n  rmia: {mode: offline}\n  loss_threshold:\n").encode(), "a", KNOWN)
    assert spec.attacks == {"rmia": {"mode": "offline"}, "loss_threshold": {}}


@given(st.integers(-20, 20) | st.none(), st.integers(-20, 20) | st.none(), st.integers(1, 5) | st.none())
def test_rows_mean_what_python_means(start: int | None, stop: int | None, step: int | None) -> None:
    text = ":".join(
        "" if part is None else str(part) for part in ((start, stop) if step is None else (start, stop, step))
    )
    assert list(specs.DatasetRows(dataset="a@1", rows=text).range(12)) == list(range(12))[slice(start, stop, step)]


@given(st.binary(max_size=200))
def test_no_bytes_cause_anything_but_a_spec_or_an_input_error(data: bytes) -> None:
    with contextlib.suppress(InputError):
        specs.parse(data, "audit.yaml", KNOWN)
