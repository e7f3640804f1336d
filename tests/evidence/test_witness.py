"""Checkpoints kept in a file: whole lines, torn lines, and several writers."""

import threading
from pathlib import Path

import pytest

from govtool.errors import WorkError
from govtool.evidence.note import Signer, TreeHead
from govtool.evidence.witness import Witnessed, newest_heads, witness, witnessed


def test_notes_come_back_in_order(tmp_path: Path) -> None:
    for note in ("a\n1\n\n— a b\n", "a\n2\n\n— a ü\n"):
        witness(tmp_path / "log", note)
    assert witnessed(tmp_path / "log") == Witnessed(("a\n1\n\n— a b\n", "a\n2\n\n— a ü\n"))


def test_an_absent_file_holds_nothing(tmp_path: Path) -> None:
    assert witnessed(tmp_path / "absent") == Witnessed()


def test_every_place_a_crash_can_tear_the_last_line_at_loses_only_that_line(tmp_path: Path) -> None:
    path = tmp_path / "log"
    witness(path, "first\n")
    kept = len(path.read_bytes())
    witness(path, "second\n")
    whole = path.read_bytes()
    for end in range(kept, len(whole)):
        path.write_bytes(whole[:end])
        assert witnessed(path) == Witnessed(("first\n",))
        witness(path, "third\n")
        found = witnessed(path)
        assert found.notes[0] == "first\n"
        assert found.notes[-1] == "third\n"


def test_a_line_that_holds_no_note_is_counted(tmp_path: Path) -> None:
    witness(tmp_path / "log", "a\n")
    with (tmp_path / "log").open("ab") as stream:
        stream.write(b'garbage\n{"other": 1}\n[]\n\xff\n')
    witness(tmp_path / "log", "b\n")
    assert witnessed(tmp_path / "log") == Witnessed(("a\n", "b\n"), (2, 3, 4, 5))


def test_writers_at_once_keep_each_others_lines_whole(tmp_path: Path) -> None:
    notes = [f"{number}\n" * 50 for number in range(40)]
    threads = [threading.Thread(target=witness, args=(tmp_path / "log", note)) for note in notes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = witnessed(tmp_path / "log")
    assert (sorted(found.notes), found.damaged) == (sorted(notes), ())


def test_a_file_that_cannot_be_written_or_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(WorkError, match="could not be kept"):
        witness(tmp_path, "a\n")
    with pytest.raises(WorkError, match="cannot be read"):
        witnessed(tmp_path)


def test_the_newest_kept_heads_are_the_largest_with_a_valid_signature(signer: Signer) -> None:
    small, large, twin = (TreeHead(signer.name, size, bytes([root]) * 32) for size, root in ((3, 1), (7, 2), (7, 3)))
    notes = {head: signer.sign(head.text()) for head in (small, large, twin)}
    forged = notes[small].replace("\n3\n", "\n9\n")
    assert newest_heads(Witnessed(), signer.verifier) == []
    kept = (notes[large], notes[small], forged, "garbage", notes[large])
    assert newest_heads(Witnessed(kept), signer.verifier) == [large]
    assert set(newest_heads(Witnessed((*kept, notes[twin])), signer.verifier)) == {large, twin}
