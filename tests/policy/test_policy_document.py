import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from policy_builders import metric, policies, rule

from govtool import resources
from govtool.digest import sha256_file
from govtool.errors import EvidenceError, InputError
from govtool.policy.document import PolicySet, from_canonical, load

LEVELS = """\
schema: govtool.levels/v1
unknown_level: 2
levels:
  - {level: 0, name: public, meaning: m}
  - {level: 1, name: internal, meaning: m}
  - {level: 2, name: personal, meaning: m}
"""
HEAD = "schema: govtool.policy/v1\nid: base\nversion: 1.0.0\nowner: dpo\neffective_from: 2026-01-01\nmode: enforce\n"
GOOD = (
    HEAD
    + """\
rules:
  - id: MIA-001
    title: t
    severity: block
    when: {level_at_least: 1, audience: public}
    check:
      type: metric
      metric: mia.balanced_accuracy
      op: "<"
      value: 60%
      confidence: 95%
      min_n: 400
      max_age: 90d
    why: w
"""
)


def folder(tmp_path: Path, **files: str) -> Path:
    for name, text in {"levels": LEVELS, **files}.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    return tmp_path


def test_a_good_policy_is_read(tmp_path: Path) -> None:
    found = load(folder(tmp_path, base=GOOD))
    policy, only = found.find("mia-001")
    assert (policy.id, only.check.value, only.check.max_age.days) == ("base", 0.6, 90)
    assert only.when.audience == ("public",)
    assert found.files["base.yaml"] == sha256_file(tmp_path / "base.yaml")


@pytest.mark.parametrize(
    ("line", "replacement", "number", "says"),
    [
        ("    severity: block", "    sevirity: block", 10, "unknown key"),
        ("    severity: block", "    severity: fatal", 10, "'block', 'warn' or 'info'"),
        ("      value: 60%", "      value: 60", 16, "write it as 60% or as 0.6"),
        ("      value: 60%", "      valeu: 60%", 16, "unknown key"),
        ("      value: 60%\n", "", 12, "missing"),
        ("      value: 60%", "      value: 100%", 16, "between 0 % and 100 %"),
        ("      metric: mia.balanced_accuracy", "      metric: mia.accuracy", 14, "mia.balanced_accuracy"),
        ("      type: metric", "      type: magic", 12, "magic"),
        ("      max_age: 90d", "      max_age: 90", 19, "write it as 90d"),
        ("      min_n: 400", "      min_n: true", 18, "integer"),
        ("      min_n: 400", "      min_n: 0", 18, "greater than or equal to 1"),
        ("      confidence: 95%", "      confidence: 5%", 17, "even chance"),
        ('      op: "<"', '      op: ">"', 15, "'<'"),
        ("    when: {level_at_least: 1, audience: public}", "    when: {audience: martians}", 11, "internal"),
        ("    when: {level_at_least: 1, audience: public}", "    when: {level: 1}", 11, "unknown key"),
        ("    when: {level_at_least: 1, audience: public}", "    when: {level_at_least: 3}", 11, "does not have"),
        ("    when: {level_at_least: 1, audience: public}", "    when: {exposes: []}", 11, "at least 1 item"),
        ("version: 1.0.0", "version: 1.0", 3, "valid string"),
        ("mode: enforce", "mode: permissive", 6, "'enforce', 'warn' or 'dry-run'"),
        ("effective_from: 2026-01-01", "effective_from: soon", 5, "date"),
        ("schema: govtool.policy/v1", "schema: govtool.policy/v9", 1, "govtool.policy/v9"),
        ("    why: w", "    why: w\n    why: x", 21, "twice"),
        ("    why: w", "    why: ''", 20, "at least 1 character"),
        ("  - id: MIA-001", "  - id: 'MIA 001'", 8, "pattern"),
    ],
)
def test_a_bad_policy_is_refused_with_its_line(
    tmp_path: Path, line: str, replacement: str, number: int, says: str
) -> None:
    assert line in GOOD
    with pytest.raises(InputError) as caught:
        load(folder(tmp_path, base=GOOD.replace(line, replacement)))
    assert says in caught.value.message
    assert caught.value.where == f"{tmp_path / 'base.yaml'}:{number}"


def test_the_same_rule_id_in_two_files_is_refused_naming_both(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="rule id 'mia-001' stands twice") as caught:
        load(folder(tmp_path, a=GOOD, b=GOOD.replace("id: base", "id: other").replace("MIA-001", "mia-001")))
    assert caught.value.where == f"{tmp_path / 'b.yaml'}:8"
    assert caught.value.hint.endswith("a.yaml:8")


def test_the_same_policy_id_in_two_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="policy id 'base' stands twice"):
        load(folder(tmp_path, a=GOOD, b=GOOD.replace("MIA-001", "MIA-002")))


def test_the_folder_is_one_policy_in_the_order_of_names(tmp_path: Path) -> None:
    second = GOOD.replace("id: base", "id: second").replace("MIA-001", "MIA-002")
    folder(tmp_path, z=GOOD, a=second)
    (tmp_path / "README.md").write_text("not: policy: at all")
    (tmp_path / ".draft.yaml").write_text("nonsense")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "x.yaml").write_text("nonsense")
    assert [policy.id for policy in load(tmp_path).policies] == ["second", "base"]


def test_a_folder_without_a_classification_scheme_is_refused(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(GOOD)
    with pytest.raises(InputError, match="no classification scheme"):
        load(tmp_path)
    with pytest.raises(InputError, match="no such policy folder"):
        load(tmp_path / "none")


@pytest.mark.parametrize(
    ("line", "replacement", "says"),
    [
        ("unknown_level: 2", "unknown_level: 0", "unknown_level must be the highest level"),
        ("level: 1", "level: 5", "must be 0, 1, 2"),
        ("level: 1", "level: 0", "must be 0, 1, 2"),
    ],
)
def test_a_scheme_in_which_not_knowing_helps_is_refused(tmp_path: Path, line: str, replacement: str, says: str) -> None:
    folder(tmp_path, levels=LEVELS.replace(line, replacement))
    with pytest.raises(InputError, match=says):
        load(tmp_path)


def test_two_schemes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="second classification scheme"):
        load(folder(tmp_path, more=LEVELS))


def test_the_digest_ignores_layout_and_sees_meaning(tmp_path: Path) -> None:
    def digest(text: str) -> str:
        return load(folder(tmp_path, base=text)).sha256

    plain = digest(GOOD)
    assert digest("# a comment\n" + GOOD.replace("value: 60%", "value: 0.60   # the same")) == plain
    assert digest(GOOD.replace("value: 60%", "value: 6e-1")) == plain
    assert digest(GOOD.replace("max_age: 90d", "max_age: 2160h")) == plain
    assert digest(GOOD.replace("audience: public", "audience: [public]")) == plain
    for change in ("value: 61%", "value: 60.0001%"):
        assert digest(GOOD.replace("value: 60%", change)) != plain
    assert digest(GOOD.replace("severity: block", "severity: warn")) != plain
    assert load(folder(tmp_path, levels=LEVELS.replace("name: public", "name: open"), base=GOOD)).sha256 != plain


def test_key_order_does_not_change_the_digest(tmp_path: Path) -> None:
    plain = load(folder(tmp_path, base=GOOD)).sha256
    head = HEAD.splitlines(keepends=True)
    random.Random(4).shuffle(head)
    assert load(folder(tmp_path, base="".join(head) + GOOD.removeprefix(HEAD))).sha256 == plain


@given(
    value=st.floats(0.001, 0.999),
    confidence=st.floats(0.5, 0.999),
    min_n=st.integers(1, 10**6),
    days=st.integers(1, 10**4),
    mode=st.sampled_from(["enforce", "warn", "dry-run"]),
)
def test_the_canonical_form_means_the_same_policy(
    value: float, confidence: float, min_n: int, days: int, mode: str
) -> None:
    written = policies(rule(metric(value, confidence=confidence, min_n=min_n, days=days)), mode=mode)
    again = from_canonical(written.canonical())
    assert again == written
    assert again.canonical() == written.canonical()


def test_the_shipped_policy_is_its_own_canonical_form() -> None:
    shipped = load(resources.find("policies"))
    again = from_canonical(shipped.canonical())
    assert isinstance(again, PolicySet)
    assert again.sha256 == shipped.sha256


def test_bytes_that_are_no_policy_are_an_evidence_error() -> None:
    with pytest.raises(EvidenceError):
        from_canonical(b'{"schema":"govtool.policy-set/v9"}')


def test_an_unknown_rule_names_those_that_are_there() -> None:
    with pytest.raises(InputError) as caught:
        policies(rule(metric(), "MIA-001")).find("MIA-999")
    assert "MIA-001" in caught.value.hint
