import pytest

from govtool.errors import InputError
from govtool.policy.yamlfile import parse, read


def test_only_the_plain_scalars_of_yaml_12() -> None:
    text = b"a: no\nb: 1:30\nc: 2026-01-01\nd: 0x1f\ne: 1.50\nf: true\ng: ~\nh: '7'\ni: -3\nj: .inf\nk:\n"
    assert parse(text, "x").data == {
        "a": "no",
        "b": "1:30",
        "c": "2026-01-01",
        "d": "0x1f",
        "e": 1.5,
        "f": True,
        "g": None,
        "h": "7",
        "i": -3,
        "j": ".inf",
        "k": None,
    }


@pytest.mark.parametrize(
    ("text", "where", "says"),
    [
        (b"a: 1\nb: 2\na: 3\n", "x:3", "twice"),
        (b"a: &x 1\nb: *x\n", "x:2", "aliases"),
        (b"a: 1\nb: !!python/object:os.system x\n", "x:2", "cannot stand here"),
        (b"a: !!int abc\n", "x:1", "cannot stand here"),
        (b"a: !!bool yes\n", "x:1", "cannot stand here"),
        (b"a: [1,\nb: 2\n", "x:3", "not valid YAML"),
        (b"a: 1\n---\nb: 2\n", "x:2", "not valid YAML"),
        (b"? [1]\n: 2\n", "x:1", "plain word"),
        (b"a: 99999999999999999999\n", "x:1", "cannot stand here"),
        (b"[" * 5000, "x:1", "nested deeper than 20 levels"),
        (b"#" * (2**20 + 1), "x", "larger than 1 MiB"),
        (b"", "x", "empty"),
        (b"# only a comment\n", "x", "empty"),
        (b"a: \xff\n", "x", "UTF-8"),
        (b"a: \x07\n", "x", "not valid YAML"),
    ],
)
def test_what_a_reader_could_misread_is_refused_with_its_line(text: bytes, where: str, says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        parse(text, "x")
    assert caught.value.where == where


def test_a_merge_key_is_only_a_key() -> None:
    assert parse(b"<<: {a: 1}\n", "x").data == {"<<": {"a": 1}}


def test_the_line_of_the_deepest_part_that_is_there() -> None:
    source = parse(b"a:\n  - x: 1\n  - type: metric\n    metric: m\n    value: 3\n", "f")
    assert source.where(()) == "f:1"
    assert source.where(("a", 0, "x")) == "f:2"
    assert source.where(("a", 1, "missing")) == "f:3"
    assert source.where(("a", 1, "metric", "value")) == "f:5", "the tag of the union is no key"
    assert source.where(("a", 1, "metric", "metric")) == "f:4"
    assert source.where(("a", 7)) == "f:1"


def test_a_missing_file_is_an_input_error(tmp_path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read(tmp_path / "none.yaml")
