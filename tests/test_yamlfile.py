"""Strict YAML: what scalars mean, what is refused, and the line that every complaint names."""

import contextlib
import json
import math
from pathlib import Path
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from govtool.errors import InputError
from govtool.yamlfile import parse, read


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Metric(Strict):
    type: Literal["metric"]
    metric: str
    value: float


class Attacked(Strict):
    type: Literal["tested"]
    families: list[str]


class Rule(Strict):
    check: Annotated[Metric | Attacked, Field(discriminator="type")]


class Book(Strict):
    schema_: Annotated[Literal["book/v1"], Field(alias="schema")]
    rules: list[Rule] = []
    by_name: dict[str, Rule] = {}
    either: int | list[Rule] = 0
    learning_rate: float = 0.1


def refusal(text: str, hint: str = "") -> InputError:
    with pytest.raises(InputError) as caught:
        parse(text.encode(), "f", start="start with: schema: book/v1").validate(Book, hint)
    return caught.value


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        *(("no", "no"), ("1:30", "1:30"), ("2026-01-01", "2026-01-01"), ("2026-01-01T10:00:00Z",) * 2),
        *(("0x1f", "0x1f"), ("0o17", "0o17"), ("1_000", "1_000"), ("=", "="), ("'7'", "7"), ('"null"', "null")),
        *(("true", True), ("True", True), ("FALSE", False), ("~", None), ("", None), ("null", None), ("Null", None)),
        *(("-3", -3), ("+3", 3), ("010", 10), ("0", 0), ("-0", 0), ("9007199254740991", 2**53 - 1)),
        *(("-9007199254740991", 1 - 2**53), ("0" * 5000 + "7", 7)),
        *(("1.50", 1.5), ("1.", 1.0), (".5", 0.5), ("-.5e1", -5.0), ("1e-3", 0.001), ("1e5", 1e5), ("1E+5", 1e5)),
        *(("1e", "1e"), ("e5", "e5"), (".", "."), ("-", [None]), ("1.2.3", "1.2.3"), (".information", ".information")),
    ],
)
def test_a_scalar_means_what_yaml_12_says(written: str, meant: object) -> None:
    found = parse(f"a:\n  {written}\n".encode(), "x").data["a"]
    assert found == meant
    assert type(found) is type(meant)


@pytest.mark.parametrize(
    ("text", "where", "says"),
    [
        (b"a: 1\nb: 2\na: 3\n", "x:3", "'a' stands here twice"),
        (b"a: &x 1\nb: *x\n", "x:2", "aliases are not accepted"),
        (b"a: 1\n<<: {b: 2}\n", "x:2", "merge keys"),
        (b"a: 1\nb: !!python/object:os.system x\n", "x:2", "tags are not accepted; here '!!python/object:os.system'"),
        (b"a: !!int 3\n", "x:1", "tags are not accepted; here '!!int'"),
        (b"a:\n- !own {b: 1}\n", "x:2", "tags are not accepted; here '!own'"),
        (b"a: ! 3\n", "x:1", "tags are not accepted; here '!'"),
        (b"a: [1,\nb: 2\n", "x:3", "not valid YAML"),
        (b"a: 1\n---\nb: 2\n", "x:2", "not valid YAML"),
        (b"a:\n\tb: 1\n", "x:2", "a tab is used for indentation"),
        (b"? [1]\n: 2\n", "x:1", "a key must be text"),
        (b"a: 1\n1: 2\n", "x:2", "a key must be text"),
        (b"a: 1\ntrue: 2\n", "x:2", "a key must be text"),
        (b"a: 99999999999999999999\n", "x:1", "beyond 2^53"),
        (b"a: 9007199254740992\n", "x:1", "beyond 2^53"),
        (b"a: -9007199254740992\n", "x:1", "beyond 2^53"),
        (b"a: " + b"9" * 5000, "x:1", "beyond 2^53"),
        (b"a:\n- .inf\n", "x:2", "not a finite number"),
        (b"a: -.Inf\n", "x:1", "not a finite number"),
        (b"a: .nan\n", "x:1", "not a finite number"),
        (b"a: 1e999\n", "x:1", "not a finite number"),
        (b"a:\n  " + b"[" * 5000, "x:2", "nested deeper than 20 levels"),
        (b"#" * (2**20 + 1), "x", "larger than 1 MiB"),
        (b"", "x:1", "the file is empty"),
        (b"# only a comment\n", "x:1", "the file is empty"),
        (b"- a\n", "x:1", "the top level must be a mapping"),
        (b"word\n", "x:1", "the top level must be a mapping"),
        (b"a: 1\nb: \xff\n", "x:2", "not UTF-8 text"),
        (b"\xef\xbb\xbfa: 1\n\xff", "x:2", "not UTF-8 text"),
        (b"a: 1\nb: \x07\n", "x:2", "a character that it does not allow"),
        (b'a: 1\nb: "\\ud800"\n', "x:2", "half a character"),
        (b'a: 1\n"\\udfff": 2\n', "x:2", "half a character"),
        (b'a: 1\nb: "\\UFFFFFFFF"\n', "x:2", "an escape out of range"),
        (b'a: 1\nb: "\\U00110000"\n', "x:2", "an escape out of range"),
    ],
)
def test_what_a_reader_could_misread_is_refused_with_its_line(text: bytes, where: str, says: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(text, "x")
    assert says in caught.value.message
    assert caught.value.where == where


def test_a_bomb_of_aliases_is_refused_at_its_first_alias() -> None:
    lines = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60)]
    with pytest.raises(InputError, match="aliases") as caught:
        parse("\n".join(lines).encode(), "x")
    assert caught.value.where == "x:2"


def test_twenty_levels_are_allowed_and_one_more_is_not() -> None:
    nested = "a: " + "[" * 19 + "1" + "]" * 19
    assert parse(nested.encode(), "x").data["a"]
    with pytest.raises(InputError, match="nested deeper"):
        parse(nested.replace("1", "[]").encode(), "x")


def test_the_mark_that_some_editors_put_first_is_no_content() -> None:
    file = parse(b"\xef\xbb\xbfa: 1\n", "x")
    assert file.data == {"a": 1}
    assert file.raw.startswith(b"\xef\xbb\xbf"), "the bytes received are kept"


def test_a_quoted_merge_sign_is_only_text() -> None:
    assert parse(b"'<<': {a: 1}\n", "x").data == {"<<": {"a": 1}}


def test_the_line_of_the_deepest_part_that_is_there() -> None:
    source = parse(b"a:\n  - x: 1\n  - type: metric\n    metric: m\n    value: 3\nb:\n- rmia\n", "f")
    assert source.where(()) == "f:1"
    assert source.where(("a", 0, "x")) == "f:2"
    assert source.where(("a", 1, "missing")) == "f:3"
    assert source.where(("a", 1, "metric", "value")) == "f:5", "the tag of the union is no key"
    assert source.where(("a", 1, "metric", "metric")) == "f:4"
    assert source.where(("a", "list[Rule]", 0, "x")) == "f:2", "nor is the tag of a union without a discriminator"
    assert source.where(("a", 7)) == "f:1"
    assert source.where(("b", "rmia")) == "f:7", "a name in a list"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("sed: 1\n", 1, "unknown key 'sed'"),
        ("learning_rate: 1\n", 1, "the key 'schema' is missing"),
        ("\nschema: book/v2\n", 2, "schema: input should be 'book/v1'"),
        ("schema: book/v1\nlearning_rate: fast\n", 2, "learning_rate: input should be a valid number"),
        ("schema: book/v1\nrules:\n- check:\n    type: magic\n", 3, "rules.0.check: input tag 'magic'"),
        (
            "schema: book/v1\nrules:\n- check:\n    type: metric\n    metric: 3\n    value: 1\n",
            5,
            "rules.0.check.metric.metric: input should be a valid string",
        ),
        ("schema: book/v1\nby_name:\n  x:\n    check:\n      type: tested\n", 4, "the key 'families' is missing"),
        ("schema: book/v1\neither:\n- check: {type: tested, families: []}\n- chek: 1\n", 4, "unknown key 'chek'"),
    ],
)
def test_what_does_not_fit_the_model_names_its_line(text: str, line: int, message: str) -> None:
    error = refusal(text)
    assert message in error.message
    assert error.where == f"f:{line}"


def test_a_misspelt_key_is_answered_with_the_keys_of_its_place() -> None:
    head = "schema: book/v1\nrules:\n- check:\n    type: metric\n    metric: m\n"
    error = refusal(head + "    valeu: 1\n")
    assert error.message == "unknown key 'valeu'", "the misspelling, not the key it leaves missing"
    assert error.hint == "known here: type, metric, value; 1 more to correct after this one"
    assert refusal("schema: book/v1\nrules:\n- chek: 1\n").hint.startswith("known here: check;")
    assert refusal("schema: book/v1\nby_name:\n  x: {chek: 1}\n").hint.startswith("known here: check;")
    assert refusal("schema: book/v1\nrule: 1\n").hint == "known here: schema, rules, by_name, either, learning_rate"


def test_of_several_problems_the_first_in_the_file_is_named() -> None:
    assert refusal("schema: book/v1\nlearning_rate: x\nrules: y\n").where == "f:2"
    assert refusal("schema: book/v1\nrules: y\nlearning_rate: x\n").where == "f:2"


def test_the_caller_says_how_such_a_file_starts() -> None:
    for text in ("", "- a\n", "rules: []\n", "schema: other\n"):
        assert refusal(text).hint == "start with: schema: book/v1"


def test_the_callers_hint_is_said_when_nothing_better_is_known() -> None:
    assert refusal("schema: book/v1\nlearning_rate: x\n", "see README").hint == "see README"
    text = "schema: book/v1\nrules:\n- check: {type: metric, metric: 1, value: 1}\n"
    assert refusal(text, "see README").hint == "put it in quotes"


def test_a_file_that_fits_becomes_the_model() -> None:
    book = parse(b"schema: book/v1\nlearning_rate: 1e-3\nrules: []\n", "f").validate(Book)
    assert book.learning_rate == 0.001


def test_a_missing_file_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read(tmp_path / "none.yaml")


def test_a_file_is_read_under_its_own_name(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"a: 1\n")
    assert (read(path).data, read(path).where(("a",))) == ({"a": 1}, f"{path}:1")
    path.write_bytes(b"#" * (2**20 + 1))
    with pytest.raises(InputError, match="larger than 1 MiB"):
        read(path)


values = st.recursive(
    st.none() | st.booleans() | st.integers(1 - 2**53, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab<.1"), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text("abc"), values, max_size=3))
def test_json_is_read_as_itself(data: dict[str, object]) -> None:
    found = parse(json.dumps(data).encode(), "x").data
    assert json.dumps(found) == json.dumps(data)


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(["e", "E"]))
def test_every_way_to_print_a_float_reads_as_that_float(value: float, letter: str) -> None:
    for text in (f"{value:.17{letter}}", repr(value)):
        found = parse(f"a: {text}".encode(), "x").data["a"]
        assert isinstance(found, float)
        assert math.copysign(1, found) == math.copysign(1, value)
        assert found == value


@given(st.binary(max_size=200) | st.text("a:-[]{}\"'\\U0dF\n\t &*!<.~#|>%", max_size=60).map(str.encode))
def test_no_bytes_cause_anything_but_data_or_an_input_error(raw: bytes) -> None:
    with contextlib.suppress(InputError):
        json.dumps(parse(raw, "x").data, allow_nan=False).encode()
