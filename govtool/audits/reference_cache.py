"""Finished references on disk, so that nothing is trained twice: by content, resumable, shared by audits that run at once.

An entry holds what the models of one stack answered. Its name is the SHA-256 of everything that decides those answers, and
the same name stands in its first line; its last 32 bytes are the SHA-256 of all before. What is cut short, altered, moved
under another name or writable by others is not used: those models are trained again. The cache is no evidence and may be
deleted at any time. Whoever can act as its owner can write entries that verify; `--no-cache` trains without it.
"""

import fcntl
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from govtool.digest import Sha256, canonical_json
from govtool.errors import WorkError
from govtool.runtime import new_token

FORMAT = "govtool.references/1"
_DIGEST_BYTES = 32
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH

Row = NDArray[Any]
Answers = Mapping[str, Row]
"""What one model answered: rows of one value per record, by name."""


@dataclass(frozen=True)
class Layout:
    """What an entry must look like, settled before it is read: its key, how many models, and the rows of each."""

    key: Sha256
    models: int
    rows: Mapping[str, tuple[str, int]]
    """By name: the dtype (numpy's string, little-endian) and the length."""

    @property
    def header(self) -> bytes:
        rows = [[name, kind, length] for name, (kind, length) in self.rows.items()]
        return canonical_json({"format": FORMAT, "key": self.key, "models": self.models, "rows": rows}) + b"\n"

    @property
    def size(self) -> int:
        """Bytes of a whole entry."""
        model = sum(np.dtype(kind).itemsize * length for kind, length in self.rows.values())
        return len(self.header) + self.models * model + _DIGEST_BYTES


class ReferenceCache:
    """A folder of entries, made when the first is written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, key: Sha256) -> Path:
        return self.folder / key[:2] / f"{key}.references"

    def tidy(self) -> None:
        """Remove what writers that were killed left half-written. What is being written is locked, and stays."""
        for path in self.folder.glob("*/.*.part"):
            with suppress(OSError, LookupError), _opened(path) as stream:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(stream.fileno()).st_size:  # without a byte its writer may be about to lock it
                    path.unlink()

    def write(self, layout: Layout, answers: Iterable[Answers]) -> None:
        """Store the answers of a stack's models, in order, as they come. Under its name an entry is always whole.

        Raises:
            WorkError: the folder cannot be written, or the disk is full.
        """
        with self._publishing(layout.key) as stream:
            write_entry(stream, layout, answers)

    def adopt(self, layout: Layout, entry: bytes) -> bool:
        """Store an entry that came from another machine; False when it is not a whole entry of this key."""
        if not is_entry(entry, layout):
            return False
        with self._publishing(layout.key) as stream:
            stream.write(entry)
        return True

    def read(self, layout: Layout) -> Iterator[tuple[int, str, Row]]:
        """The rows of an entry as (model, name, row), one at a time.

        What was yielded may be used only if the iteration ends without an error: only then is the digest known to be
        right.

        Raises:
            LookupError: there is no such entry, or it cannot be trusted to be what was written.
        """
        try:
            stream = _opened(self.path(layout.key))
        except OSError as error:
            raise LookupError(layout.key) from error
        with stream:
            yield from _rows(stream, layout)

    def holds(self, layout: Layout) -> bool:
        """Whether an entry of the right size and name is there. Its bytes are not read."""
        try:
            with _opened(self.path(layout.key)) as stream:
                return os.fstat(stream.fileno()).st_size == layout.size
        except (OSError, LookupError):
            return False

    @contextmanager
    def _publishing(self, key: Sha256) -> Iterator[BinaryIO]:
        final = self.path(key)
        temporary = final.parent / f".{new_token()}.part"
        try:
            final.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
                with suppress(OSError):  # where nothing can be locked, nothing is tidied up either
                    fcntl.flock(stream, fcntl.LOCK_EX)
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(final)
        except OSError as error:
            raise unwritable(self.folder, error) from error
        finally:
            with suppress(OSError):  # moved away, or never made
                temporary.unlink(missing_ok=True)


def unwritable(folder: Path, error: OSError) -> WorkError:
    return WorkError(
        f"reference models cannot be kept in {folder}: {error.strerror or error}",
        hint="is the disk full? another place: set cache_dir in govtool.toml, or GOVTOOL_CACHE_DIR",
    )


def write_entry(stream: BinaryIO, layout: Layout, answers: Iterable[Answers]) -> None:
    digest = hashlib.sha256()

    def put(data: Any) -> None:
        digest.update(data)
        stream.write(data)

    put(layout.header)
    stream.flush()  # the file is not empty while its models train
    models = 0
    for answer in answers:
        for name, (kind, length) in layout.rows.items():
            row = np.ascontiguousarray(answer[name], dtype=kind)
            assert row.shape == (length,), f"{name}: {row.shape} for {length} records"
            put(row.data)
        models += 1
    assert models == layout.models, f"{models} models answered of {layout.models}"
    stream.write(digest.digest())


def is_entry(data: bytes, layout: Layout) -> bool:
    """Whether these bytes are a whole entry of this layout."""
    body, digest = data[:-_DIGEST_BYTES], data[-_DIGEST_BYTES:]
    return len(data) == layout.size and body.startswith(layout.header) and hashlib.sha256(body).digest() == digest


def _opened(path: Path) -> BinaryIO:
    """Raises OSError, or LookupError where another user could have written it."""
    stream = os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)), "rb")
    found = os.fstat(stream.fileno())
    if not stat.S_ISREG(found.st_mode) or found.st_mode & _WRITABLE_BY_OTHERS or found.st_uid != os.geteuid():
        stream.close()
        raise LookupError(path)
    return stream


def _rows(stream: BinaryIO, layout: Layout) -> Iterator[tuple[int, str, Row]]:
    if os.fstat(stream.fileno()).st_size != layout.size or stream.read(len(layout.header)) != layout.header:
        raise LookupError(layout.key)
    digest = hashlib.sha256(layout.header)
    for model in range(layout.models):
        for name, (kind, length) in layout.rows.items():
            row = np.empty(length, dtype=kind)
            if stream.readinto(row.data.cast("B")) != row.nbytes:  # type: ignore[attr-defined]
                raise LookupError(layout.key)
            digest.update(row.data)
            yield model, name, row
    if stream.read(_DIGEST_BYTES + 1) != digest.digest():
        raise LookupError(layout.key)
