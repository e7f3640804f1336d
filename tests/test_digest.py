"""Digests and canonical bytes: the same value always gives the same bytes."""

import hashlib
from datetime import UTC, datetime, timedelta, timezone
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govtool.digest import canonical_json, chunks, parse_sha256, rfc3339, sha256_bytes, sha256_file
from govtool.errors import InputError

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(-(2.0**53) + 1, 2.0**53 - 1)
    | st.text()
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=12
)


@pytest.mark.parametrize("text", [EMPTY, EMPTY.upper(), f"sha256:{EMPTY}", f" {EMPTY}\n"])
def test_the_usual_ways_to_write_a_digest_are_read(text: str) -> None:
    assert parse_sha256(text) == EMPTY


@pytest.mark.parametrize(
    "text", ["", EMPTY[:-1], EMPTY + "0", "g" * 64, f"md5:{EMPTY}", EMPTY[:32] + "\n" + EMPTY[33:]]
)
def test_anything_else_is_not_a_digest(text: str) -> None:
    with pytest.raises(InputError):
        parse_sha256(text)


@given(st.binary(max_size=3000))
def test_bytes_file_and_stream_agree(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "digest-test"
    path.write_bytes(data)
    assert sha256_bytes(data) == sha256_file(path) == hashlib.sha256(b"".join(chunks(BytesIO(data)))).hexdigest()


def test_nothing_has_the_known_digest(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert sha256_bytes(b"") == sha256_file(tmp_path / "empty") == EMPTY


def test_a_stream_comes_in_pieces_of_one_mebibyte() -> None:
    assert [len(piece) for piece in chunks(BytesIO(b"x" * (2**20 + 5)))] == [2**20, 5]


def test_an_instant_has_one_form_only() -> None:
    paris = datetime(2026, 3, 10, 10, 0, tzinfo=timezone(timedelta(hours=1)))
    assert rfc3339(paris) == rfc3339(datetime(2026, 3, 10, 9, 0, tzinfo=UTC)) == "2026-03-10T09:00:00.000000Z"
    with pytest.raises(ValueError, match="naive"):
        rfc3339(datetime(2026, 3, 10))  # noqa: DTZ001 - the point of the test


def test_the_example_of_rfc_8785() -> None:
    value = {
        "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 1e-27],
        "string": '€$\x0f\nA\'B"\\\\"/',
        "literals": [None, True, False],
    }
    expected = '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    assert canonical_json(value) == expected.encode()


def test_our_own_types_have_one_form() -> None:
    value = {"at": datetime(2026, 1, 1, tzinfo=UTC), "root": b"\x01\xff", "pair": (1, 2)}
    assert canonical_json(value) == b'{"at":"2026-01-01T00:00:00.000000Z","pair":[1,2],"root":"01ff"}'


@given(VALUES)
def test_reading_back_and_writing_again_changes_nothing(value: object) -> None:
    import json

    once = canonical_json(value)
    assert canonical_json(json.loads(once)) == once


@given(st.dictionaries(st.text(), st.integers(0, 9), min_size=2))
def test_the_order_of_keys_does_not_matter(value: dict[str, int]) -> None:
    assert canonical_json(value) == canonical_json(dict(reversed(value.items())))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**53, [-(2**60)], {"x": float("-inf")}])
def test_what_json_cannot_carry_faithfully_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        canonical_json(value)
