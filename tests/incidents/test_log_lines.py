"""Cutting logs into lines: every byte is accounted for, memory is bounded, gzip is inflated as it comes."""

import gzip
import io
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govtool.incidents import lines
from govtool.incidents.lines import Line, Source, cut


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


def cut_file(data: bytes) -> tuple[list[Line], Source]:
    source = Source(io.BytesIO(data))
    return list(cut(source.pieces())), source


@given(st.binary(max_size=300), st.integers(1, 40), st.integers(1, 30))
def test_lines_do_not_depend_on_the_pieces_and_lie_where_they_say(data: bytes, size: int, longest: int) -> None:
    found = list(cut(pieces(data, size), longest))
    expected = data.split(b"\n")
    expected = expected[:-1] if expected[-1] == b"" else expected
    assert [data[line.offset : line.offset + line.length] for line in found] == expected
    assert [line.number for line in found] == list(range(1, len(expected) + 1))
    assert [line.data for line in found] == [text if len(text) <= longest else None for text in expected]


def test_an_empty_file_has_no_lines() -> None:
    assert cut_file(b"")[0] == []


def test_a_file_need_not_end_with_a_newline_and_carriage_returns_stay() -> None:
    found, _ = cut_file(b"a\r\n\nb")
    assert [(line.data, line.offset) for line in found] == [(b"a\r", 0), (b"", 3), (b"b", 4)]


def test_a_line_over_the_limit_is_located_and_not_held() -> None:
    def endless() -> Iterator[bytes]:
        yield b"before\n"
        for _ in range(64):
            yield b"x" * (1 << 20)
        yield b"\nafter\n"

    import tracemalloc

    tracemalloc.start()
    found = list(cut(endless()))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [(line.length, line.data is None) for line in found] == [(6, False), (64 << 20, True), (5, False)]
    assert found[2].offset == 7 + (64 << 20) + 1
    assert peak < 40 << 20


def test_gzip_of_several_members_is_one_log() -> None:
    found, source = cut_file(gzip.compress(b"a\nb") + gzip.compress(b"c\n") + b"\0" * 512)
    assert [line.data for line in found] == [b"a", b"bc"]
    assert (source.compression, source.problem) == ("gzip", "")


@pytest.mark.parametrize("kept", [1, 2, 9, 30, -1])
def test_a_truncated_gzip_gives_what_it_has_and_says_so(kept: int) -> None:
    whole = gzip.compress(b"".join(b'{"n":%d}\n' % n for n in range(500)), 1)
    found, source = cut_file(whole[:kept] if kept != 1 else whole[:2])
    assert "ends early" in source.problem
    assert len(found) <= 500


def test_a_damaged_gzip_gives_what_came_before() -> None:
    whole = bytearray(gzip.compress(bytes(range(256)) * 4000 + b"\n", 0))
    whole[-1] ^= 0xFF  # the length in the trailer
    found, source = cut_file(bytes(whole))
    assert "damaged" in source.problem
    assert sum(line.length + 1 for line in found) >= 1024 * 1000 - lines.INFLATED - 1


def test_bytes_after_the_last_member_are_reported() -> None:
    found, source = cut_file(gzip.compress(b"a\n") + b"garbage")
    assert [line.data for line in found] == [b"a"]
    assert "damaged" in source.problem


def test_a_bomb_is_inflated_in_bounded_pieces_and_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "_SPARE", 8 << 20)
    bomb = gzip.compress(b"\0" * (64 << 20))
    source = Source(io.BytesIO(bomb))
    sizes = [len(piece) for piece in source.pieces()]
    assert max(sizes) <= lines.INFLATED
    assert "more than 300 times" in source.problem
    assert sum(sizes) < 64 << 20
