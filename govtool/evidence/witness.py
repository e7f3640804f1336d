"""Checkpoints kept outside the database, so that a ledger rolled back to an older, valid state is noticed.

One JSON object a line: ``{"note": "<signed note>"}``. The file may lack the newest checkpoints (the process died between
the commit and the line), never the other way round. Copy it to a place the database's administrator cannot write.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from govtool.errors import EvidenceError, WorkError
from govtool.evidence.note import TreeHead, Verifier, text_of


@dataclass(frozen=True)
class Witnessed:
    """Notes in the order in which they were kept, and lines that hold none (line number, from 1)."""

    notes: tuple[str, ...] = ()
    damaged: tuple[int, ...] = ()


def witness(path: Path, note: str) -> None:
    """Append one signed checkpoint and wait until it is on disk. Call it after the commit.

    Raises:
        WorkError: the file cannot be written. The commit stands.
    """
    line = json.dumps({"note": note}).encode() + b"\n"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o640)
        try:
            size = os.fstat(descriptor).st_size
            torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
            os.write(descriptor, b"\n" + line if torn else line)  # one write: other writers' lines stay whole
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise WorkError(
            f"the checkpoint could not be kept in {path}: {error.strerror}",
            hint="what the command recorded is safe; make room, then: govtool evidence checkpoint",
        ) from error


def witnessed(path: Path) -> Witnessed:
    """Read the file; an absent one holds nothing. A last line without its end was torn by a crash and is left out.

    Raises:
        WorkError: it is there and cannot be read.
    """
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return Witnessed()
    except OSError as error:
        raise WorkError(f"{path} cannot be read: {error.strerror}") from error
    notes, damaged = [], []
    for number, line in enumerate(lines, 1):
        try:
            notes.append(str(json.loads(line)["note"]))
        except (ValueError, KeyError, TypeError):
            damaged.append(number)
    return Witnessed(tuple(notes), tuple(damaged))


def newest_heads(kept: Witnessed, verifier: Verifier) -> list[TreeHead]:
    """The kept heads of the largest size that carry the custodian's signature; two of them are two histories.

    Only those, because every command looks: if each new head extended the newest kept one, all extend all. `verify`
    compares every kept head.
    """
    parsed = []
    for note in kept.notes:
        try:
            parsed.append((TreeHead.parse(text_of(note)), note))
        except EvidenceError:
            continue  # not ours, or damaged: `verify` names it
    found: list[TreeHead] = []
    for head, note in sorted(parsed, key=lambda one: -one[0].size):
        if found and head.size < found[0].size:
            break
        try:
            verifier.verify(note)
        except EvidenceError:
            continue
        if head not in found:
            found.append(head)
    return found
