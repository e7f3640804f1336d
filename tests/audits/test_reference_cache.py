"""Kept references: what is whole is used, and whatever is not is as if it were not there."""

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from govtool.audits import engine
from govtool.audits.reference_cache import Answers, Layout, ReferenceCache, is_entry, write_entry
from govtool.audits.row_files import RowFiles
from govtool.digest import Sha256, sha256_arrays, sha256_bytes
from govtool.errors import WorkError

KEY = sha256_bytes(b"these references")
LAYOUT = Layout(KEY, 2, {"phi": ("<f8", 5), "correct": ("|b1", 3)})
ANSWERS = [
    {"phi": np.arange(5.0) + model, "correct": np.array([True, False, model == 1])} for model in range(LAYOUT.models)
]


@pytest.fixture
def cache(tmp_path: Path) -> ReferenceCache:
    found = ReferenceCache(tmp_path / "references")
    found.write(LAYOUT, ANSWERS)
    return found


def test_what_was_written_is_read_back(cache: ReferenceCache) -> None:
    found = [(model, name, row.tolist()) for model, name, row in cache.read(LAYOUT)]
    assert found == [(model, name, ANSWERS[model][name].tolist()) for model in range(2) for name in LAYOUT.rows]
    assert cache.holds(LAYOUT)
    assert [path.name for path in cache.folder.rglob("*") if path.is_file()] == [f"{KEY}.references"]


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def extended(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def altered(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(LAYOUT.header) + 3] ^= 1
    path.write_bytes(data)


def taken_from_elsewhere(path: Path) -> None:
    """A whole entry with a right digest, of other references, under this name."""
    other = Layout(sha256_bytes(b"others"), 2, LAYOUT.rows)
    with path.open("wb") as stream:
        write_entry(stream, other, ANSWERS)


def writable_by_others(path: Path) -> None:
    path.chmod(0o666)


def a_link(path: Path) -> None:
    kept = path.with_suffix(".kept")
    path.rename(kept)
    path.symlink_to(kept)


def gone(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize(
    "harm", [cut_short, extended, emptied, altered, taken_from_elsewhere, writable_by_others, a_link, gone]
)
def test_what_is_not_whole_is_not_there_and_can_be_written_again(
    cache: ReferenceCache, harm: Callable[[Path], None]
) -> None:
    harm(cache.path(KEY))
    with pytest.raises(LookupError):
        list(cache.read(LAYOUT))
    cache.write(LAYOUT, ANSWERS)
    assert len(list(cache.read(LAYOUT))) == 4


def test_another_layout_under_the_same_key_is_not_there(cache: ReferenceCache) -> None:
    other = Layout(KEY, 2, {"phi": ("<f8", 5), "wrong": ("|b1", 3)})
    with pytest.raises(LookupError):
        list(cache.read(other))


def test_a_crash_in_the_middle_leaves_no_entry(tmp_path: Path) -> None:
    def answers() -> object:
        yield ANSWERS[0]
        raise KeyboardInterrupt

    cache = ReferenceCache(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        cache.write(LAYOUT, answers())
    assert not cache.holds(LAYOUT)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_what_a_killed_writer_left_goes_when_the_cache_is_opened_next(tmp_path: Path) -> None:
    left = tmp_path / "references" / KEY[:2] / ".token.part"
    left.parent.mkdir(parents=True)
    left.write_bytes(LAYOUT.header)
    with engine.opened(tmp_path):
        assert not left.exists()


def test_what_is_being_written_stays(cache: ReferenceCache) -> None:
    other = Layout(sha256_bytes(b"others"), 2, LAYOUT.rows)

    def answers() -> Iterator[Answers]:
        for answer in ANSWERS:
            cache.tidy()  # as another audit does that starts now
            assert len(list(cache.folder.rglob("*.part"))) == 1
            yield answer

    cache.write(other, answers())
    assert cache.holds(other)
    assert cache.holds(LAYOUT)
    assert not list(cache.folder.rglob("*.part"))


def test_where_nothing_can_be_locked_nothing_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_given: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    kept = ReferenceCache(tmp_path)
    kept.write(LAYOUT, ANSWERS)
    kept.path(KEY).rename(kept.path(KEY).with_name(".token.part"))
    kept.tidy()
    assert len(list(tmp_path.rglob("*.part"))) == 1


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WorkError, match="cannot be kept"):
        ReferenceCache(tmp_path / "file").write(LAYOUT, ANSWERS)
    with pytest.raises(WorkError, match="cannot be kept"):
        RowFiles(tmp_path / "file", {})


def test_bytes_from_another_machine_are_taken_only_whole(cache: ReferenceCache) -> None:
    data = cache.path(KEY).read_bytes()
    cache.path(KEY).unlink()
    assert not cache.adopt(LAYOUT, data[:-1])
    assert not cache.adopt(LAYOUT, b"")
    assert not cache.adopt(Layout(Sha256("0" * 64), 2, LAYOUT.rows), data)
    assert not cache.holds(LAYOUT)
    assert cache.adopt(LAYOUT, data)
    assert cache.path(KEY).read_bytes() == data
    assert cache.path(KEY).stat().st_mode & 0o777 == 0o600


@given(st.binary(max_size=400))
def test_no_bytes_but_its_own_are_an_entry(data: bytes) -> None:
    assert not is_entry(data, LAYOUT)
    assert not is_entry(LAYOUT.header + data, LAYOUT)


def test_a_digest_tells_arrays_apart_by_values_kind_and_shape() -> None:
    base = np.arange(6, dtype=np.float32)
    variants = [base, base.astype(np.float64), base.reshape(2, 3), base.reshape(2, 3).T, base + 1, base[:5]]
    assert len({sha256_arrays(array) for array in variants}) == len(variants)
    assert sha256_arrays(base.reshape(2, 3).T) == sha256_arrays(np.ascontiguousarray(base.reshape(2, 3).T))
    assert sha256_arrays(base, base) != sha256_arrays(np.concatenate([base, base]))


def test_rows_are_read_as_they_were_put(tmp_path: Path) -> None:
    draw = np.random.default_rng(0).normal(size=(3, 7))
    with RowFiles(tmp_path, {"a": ((3, 7), "<f8"), "b": ((3, 2), "|b1"), "none": ((3, 0), "<f8")}) as rows:
        for number in (2, 0, 1):
            rows.put("a", number, draw[number])
            rows.put("b", number, np.array([number == 1, True]))
        found = rows.arrays()
    assert np.array_equal(found["a"], draw)
    assert found["b"].tolist() == [[False, True], [True, True], [False, True]]
    assert found["none"].shape == (3, 0)
    assert not found["a"].flags.writeable
    assert list(tmp_path.iterdir()) == []  # no name, so nothing is left when the process dies


def test_a_full_disk_shows_itself_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_given: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(WorkError, match="No space left") as caught:
        RowFiles(tmp_path, {"a": ((3, 7), "<f8")})
    assert "cache_dir" in caught.value.hint
