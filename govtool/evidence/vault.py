"""Content-addressed bytes: stored once under their SHA-256, never rewritten.

A blob appears under its name only when it is whole: it is written to a temporary file, flushed to disk, and moved. A
crash leaves at most a temporary file, which nothing ever reads. Blobs are written before the ledger entry that names
them, so a crash between the two leaves an unreferenced blob, never a reference without bytes.
"""

import errno
import hashlib
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, cast

import fsspec
from fsspec.implementations.local import LocalFileSystem

from govtool.digest import Sha256, chunks
from govtool.errors import EvidenceError, InputError, WorkError
from govtool.runtime import new_token


@dataclass(frozen=True)
class Stored:
    """What was put: its digest and size in bytes."""

    sha256: Sha256
    size: int


class BlobState(StrEnum):
    """What stands under a blob's name."""

    WHOLE = "whole"
    ALTERED = "altered"
    MISSING = "missing"
    UNREADABLE = "unreadable"


class Vault:
    """A folder of blobs, on this machine or behind any fsspec URL (s3://..., memory://...)."""

    def __init__(self, url: str) -> None:
        self._fs, self._root = fsspec.core.url_to_fs(url)
        self._local = isinstance(self._fs, LocalFileSystem)

    def path(self, digest: Sha256) -> str:
        return f"{self._root}/sha256/{digest[:2]}/{digest[2:4]}/{digest}"

    def exists(self, digest: Sha256) -> bool:
        return bool(self._fs.exists(self.path(digest)))

    def put(self, data: bytes) -> Stored:
        return self.put_stream(BytesIO(data))

    def put_file(self, path: Path) -> Stored:
        """Copy a regular file in, hashing what was read.

        Raises:
            InputError: absent, not a regular file, or a symbolic link (which could be re-pointed while we read).
        """
        with open_regular(path) as stream:
            return self.put_stream(stream)

    def put_stream(self, stream: BinaryIO) -> Stored:
        """Store everything the stream gives.

        Raises:
            WorkError: the vault cannot be written (disk full, no permission).
        """
        temporary = f"{self._root}/incoming/{new_token()}"
        digest, size = hashlib.sha256(), 0
        try:
            self._fs.makedirs(f"{self._root}/incoming", exist_ok=True)
            with self._fs.open(temporary, "wb") as target:
                for piece in chunks(stream):
                    digest.update(piece)
                    size += len(piece)
                    target.write(piece)
                if self._local:
                    target.flush()
                    os.fsync(target.fileno())
            name = Sha256(digest.hexdigest())
            self._publish(temporary, name)
        except OSError as error:
            with suppress(OSError):  # give the space back; failing that, the file is a leftover that nothing reads
                self._fs.rm_file(temporary)
            raise WorkError(
                f"the bytes could not be stored in the evidence vault: {error.strerror or error}",
                hint="is the disk full, or the vault's folder read-only?",
            ) from error
        return Stored(name, size)

    def _publish(self, temporary: str, name: Sha256) -> None:
        final, state = self.path(name), self.state(name)
        if state is BlobState.WHOLE:
            self._fs.rm_file(temporary)
            self._sync(final)  # another writer may have moved it there and not waited for the disk yet
            return
        if state is not BlobState.MISSING:  # the right bytes take its place; the wrong ones are evidence too
            self._fs.makedirs(f"{self._root}/altered", exist_ok=True)
            self._fs.mv(final, f"{self._root}/altered/{name}.{new_token()}")
        self._fs.makedirs(os.path.dirname(final), exist_ok=True)  # noqa: PTH120 - a remote path, not a local one
        if not self._local:
            self._fs.mv(temporary, final)
            return
        Path(temporary).chmod(0o440)
        Path(temporary).replace(final)
        self._sync(final)

    def _sync(self, final: str) -> None:
        """Make the name last: the folders on the way to it, up to the vault itself."""
        if not self._local:
            return
        for folder in list(Path(final).parents)[:4]:
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    @contextmanager
    def open(self, digest: Sha256) -> Iterator[BinaryIO]:
        """Read a blob; its digest is checked before the first byte is handed out.

        Raises:
            EvidenceError: absent, or its bytes are not what its name says.
        """
        try:
            stream = self._reader(digest)
            actual = _sha256(stream)
        except OSError as error:
            raise self._refusal(digest, _state_of(error)) from error
        with stream:
            if actual != digest:
                raise self._refusal(digest, BlobState.ALTERED)
            stream.seek(0)  # the file that was hashed, not whatever has taken its name since
            yield stream

    def read(self, digest: Sha256) -> bytes:
        with self.open(digest) as stream:
            return stream.read()

    def check(self, digest: Sha256) -> bool:
        """Whether the bytes under this name are there and hash to it."""
        return self.state(digest) is BlobState.WHOLE

    def state(self, digest: Sha256) -> BlobState:
        """What stands under this name. Reads all of it, in pieces."""
        try:
            with self._reader(digest) as stream:
                return BlobState.WHOLE if _sha256(stream) == digest else BlobState.ALTERED
        except OSError as error:
            return _state_of(error)

    def _reader(self, digest: Sha256) -> BinaryIO:
        path = self.path(digest)
        # A link or a pipe in a blob's place is not the blob, and reading a pipe would wait for ever.
        return _regular(Path(path)) if self._local else cast("BinaryIO", self._fs.open(path, "rb"))

    def _refusal(self, digest: Sha256, state: BlobState) -> EvidenceError:
        return EvidenceError(
            f"evidence {digest[:12]}… is {state} in the vault",
            where=self.path(digest),
            hint="govtool evidence verify names everything that is affected",
        )

    def local_path(self, digest: Sha256) -> Path | None:
        """Where the blob lies on this machine, for engines that want a file; None when the vault is remote."""
        return Path(self.path(digest)) if self._local else None

    def digests(self) -> Iterator[Sha256]:
        """Every blob's name, in no particular order."""
        if not self._fs.exists(f"{self._root}/sha256"):
            return
        for _folder, _folders, files in self._fs.walk(f"{self._root}/sha256"):
            yield from (Sha256(name) for name in files if re.fullmatch("[0-9a-f]{64}", name))

    def leftovers(self) -> list[str]:
        """Temporary files that a crash left behind. Harmless; `evidence verify` reports them."""
        return self._names("incoming")

    def set_aside(self) -> list[str]:
        """Altered blobs whose right bytes were stored again; what had taken their place is kept here."""
        return self._names("altered")

    def _names(self, part: str) -> list[str]:
        folder = f"{self._root}/{part}"
        return [str(name) for name in self._fs.ls(folder, detail=False)] if self._fs.exists(folder) else []


@contextmanager
def open_regular(path: Path) -> Iterator[BinaryIO]:
    """Open a regular file for reading without following a symbolic link.

    Raises:
        InputError: absent, unreadable, a link, a folder, a device or a pipe.
    """
    try:
        stream = _regular(path)
    except OSError as error:
        link = error.errno == errno.ELOOP
        reason = "is a symbolic link" if link else (error.strerror or "cannot be opened").lower()
        raise InputError(
            f"{path}: {reason}", hint="give the file itself" if link else "give one readable file"
        ) from error
    with stream:
        yield stream


def _regular(path: Path) -> BinaryIO:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file")
    return os.fdopen(descriptor, "rb")


def _sha256(stream: BinaryIO) -> str:
    actual = hashlib.sha256()
    for piece in chunks(stream):
        actual.update(piece)
    return actual.hexdigest()


def _state_of(error: OSError) -> BlobState:
    return BlobState.MISSING if isinstance(error, FileNotFoundError) else BlobState.UNREADABLE


def npz_bytes(arrays: dict[str, Any]) -> bytes:
    """The arrays as .npz bytes, the same for the same arrays (numpy writes fixed timestamps)."""
    import numpy as np

    buffer = BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()
