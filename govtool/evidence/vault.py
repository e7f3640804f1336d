"""Content-addressed bytes: stored once under their SHA-256, never rewritten.

A blob appears under its name only when it is whole: it is written to a temporary file, flushed to disk, and moved. A
crash leaves at most a temporary file, which nothing ever reads. Blobs are written before the ledger entry that names
them, so a crash between the two leaves an unreferenced blob, never a reference without bytes.
"""

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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
        temporary = f"{self._root}/tmp/{new_token()}"
        digest, size = hashlib.sha256(), 0
        try:
            self._fs.makedirs(f"{self._root}/tmp", exist_ok=True)
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
            raise WorkError(
                f"the evidence vault cannot be written: {error.strerror or error}",
                hint="is the disk full, or the folder read-only?",
            ) from error
        return Stored(name, size)

    def _publish(self, temporary: str, name: Sha256) -> None:
        final = self.path(name)
        if self._fs.exists(final) and self.check(name):
            self._fs.rm_file(temporary)
            return
        self._fs.makedirs(os.path.dirname(final), exist_ok=True)  # noqa: PTH120 - a remote path, not a local one
        if not self._local:
            self._fs.mv(temporary, final)
            return
        os.chmod(temporary, 0o440)  # noqa: PTH101
        os.replace(temporary, final)  # noqa: PTH105
        folder = Path(final).parent
        for level in (folder, folder.parent, folder.parent.parent):
            _sync_folder(level)

    @contextmanager
    def open(self, digest: Sha256) -> Iterator[BinaryIO]:
        """Read a blob; its digest is checked before the first byte is handed out.

        Raises:
            EvidenceError: absent, or its bytes are not what its name says.
        """
        if not self.check(digest):
            raise EvidenceError(
                f"evidence {digest[:12]}… is {'altered' if self.exists(digest) else 'missing'} in the vault",
                where=self.path(digest),
                hint="govtool evidence verify names everything that is affected",
            )
        with self._fs.open(self.path(digest), "rb") as stream:
            yield cast("BinaryIO", stream)

    def read(self, digest: Sha256) -> bytes:
        with self.open(digest) as stream:
            return stream.read()

    def check(self, digest: Sha256) -> bool:
        """Whether the bytes under this name are there and hash to it."""
        actual = hashlib.sha256()
        try:
            with self._fs.open(self.path(digest), "rb") as stream:
                for piece in chunks(stream):
                    actual.update(piece)
        except FileNotFoundError:
            return False
        return actual.hexdigest() == digest

    def local_path(self, digest: Sha256) -> Path | None:
        """Where the blob lies on this machine, for engines that want a file; None when the vault is remote."""
        return Path(self.path(digest)) if self._local else None

    def digests(self) -> Iterator[Sha256]:
        """Every blob's name, in no particular order."""
        if not self._fs.exists(f"{self._root}/sha256"):
            return
        for _folder, _folders, files in self._fs.walk(f"{self._root}/sha256"):
            for name in files:
                yield Sha256(name)

    def leftovers(self) -> list[str]:
        """Temporary files that a crash left behind. Harmless; `evidence verify` reports them."""
        folder = f"{self._root}/tmp"
        return [str(name) for name in self._fs.ls(folder, detail=False)] if self._fs.exists(folder) else []


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def open_regular(path: Path) -> Iterator[BinaryIO]:
    """Open a regular file for reading without following a symbolic link.

    Raises:
        InputError: absent, unreadable, a link, a folder, a device or a pipe.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        link = error.errno == errno.ELOOP
        reason = "is a symbolic link" if link else (error.strerror or "cannot be opened").lower()
        raise InputError(f"{path}: {reason}", hint="give the file itself" if link else "check the path") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise InputError(f"{path}: not a regular file", hint="give one file, not a folder or a device")
    with os.fdopen(descriptor, "rb") as stream:
        yield stream


def npz_bytes(arrays: dict[str, Any]) -> bytes:
    """The arrays as .npz bytes, the same for the same arrays (numpy writes fixed timestamps)."""
    import numpy as np

    buffer = BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()
