"""The vault: bytes come back whole or not at all, and nothing half-written is ever accepted."""

import errno
import hashlib
import os
import threading
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from govtool.digest import Sha256, sha256_bytes
from govtool.errors import EvidenceError, InputError, WorkError
from govtool.evidence.vault import BlobState, Vault, npz_bytes


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25)
@given(st.binary(max_size=4096))
def test_what_goes_in_comes_out(vault: Vault, data: bytes) -> None:
    stored = vault.put(data)
    assert stored.sha256 == hashlib.sha256(data).hexdigest()
    assert stored.size == len(data)
    assert vault.read(stored.sha256) == data


def test_the_same_bytes_are_stored_once(vault: Vault) -> None:
    vault.put(b"twice")
    vault.put(b"twice")
    assert list(vault.digests()) == [sha256_bytes(b"twice")]
    assert vault.leftovers() == []


def test_a_blob_is_read_only_on_disk(vault: Vault) -> None:
    path = vault.local_path(vault.put(b"x").sha256)
    assert path is not None
    assert path.stat().st_mode & 0o777 == 0o440


def test_a_file_larger_than_one_piece_is_hashed_whole(vault: Vault, tmp_path: Path) -> None:
    data = os.urandom((1 << 20) + 17)
    (tmp_path / "big").write_bytes(data)
    stored = vault.put_file(tmp_path / "big")
    assert (stored.size, stored.sha256) == (len(data), sha256_bytes(data))


def replace(vault: Vault, digest: Sha256, data: bytes) -> Path:
    path = vault.local_path(digest)
    assert path is not None
    path.chmod(0o640)
    path.write_bytes(data)
    return path


def test_every_flipped_byte_is_noticed_before_anything_is_handed_out(vault: Vault) -> None:
    data = bytes(range(64))
    digest = vault.put(data).sha256
    for place in range(len(data)):
        replace(vault, digest, data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        assert vault.state(digest) is BlobState.ALTERED
        with pytest.raises(EvidenceError, match="altered"):
            vault.read(digest)


def test_a_missing_blob_is_called_missing(vault: Vault) -> None:
    digest = sha256_bytes(b"never stored")
    assert vault.state(digest) is BlobState.MISSING
    assert not vault.exists(digest)
    with pytest.raises(EvidenceError, match="missing"):
        vault.read(digest)


def test_storing_altered_bytes_again_restores_them_and_keeps_what_was_there(vault: Vault, tmp_path: Path) -> None:
    digest = vault.put(b"truth").sha256
    replace(vault, digest, b"lie")
    vault.put(b"truth")
    assert vault.read(digest) == b"truth"
    (kept,) = vault.set_aside()
    assert Path(kept).read_bytes() == b"lie"


def test_a_link_in_a_blobs_place_is_not_the_blob(vault: Vault, tmp_path: Path) -> None:
    digest = vault.put(b"truth").sha256
    path = vault.local_path(digest)
    assert path is not None
    (tmp_path / "same").write_bytes(b"truth")
    path.unlink()
    path.symlink_to(tmp_path / "same")
    assert vault.state(digest) is BlobState.UNREADABLE
    vault.put(b"truth")
    assert vault.read(digest) == b"truth"


def test_a_pipe_in_a_blobs_place_does_not_hang_the_reader(vault: Vault) -> None:
    digest = vault.put(b"truth").sha256
    path = vault.local_path(digest)
    assert path is not None
    path.unlink()
    os.mkfifo(path)
    assert vault.state(digest) is BlobState.UNREADABLE
    with pytest.raises(EvidenceError, match="unreadable"):
        vault.read(digest)


def test_links_folders_pipes_and_nothing_are_refused(vault: Vault, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="symbolic link"):
        vault.put_file(tmp_path / "link")
    with pytest.raises(InputError, match="not a regular file"):
        vault.put_file(tmp_path / "pipe")
    with pytest.raises(InputError, match="not a regular file"):
        vault.put_file(tmp_path)
    with pytest.raises(InputError, match="no such file"):
        vault.put_file(tmp_path / "absent")
    assert list(vault.digests()) == []


class Full(BytesIO):
    """Gives one piece, then fails as a full disk does."""

    given = False

    def read(self, _size: int | None = -1, /) -> bytes:
        if self.given:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.given = True
        return b"half of it"


def test_a_full_disk_leaves_nothing_that_could_be_taken_for_evidence(vault: Vault) -> None:
    with pytest.raises(WorkError, match="No space left"):
        vault.put_stream(Full())
    assert list(vault.digests()) == []
    assert vault.leftovers() == []


def test_a_vault_that_is_a_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "vault").write_text("in the way")
    with pytest.raises(WorkError, match="could not be stored"):
        Vault(str(tmp_path / "vault")).put(b"x")


def test_an_unfinished_file_is_reported_and_never_read(vault: Vault, tmp_path: Path) -> None:
    vault.put(b"x")
    (tmp_path / "vault" / "incoming" / "torn").write_bytes(b"half")
    assert [Path(name).name for name in vault.leftovers()] == ["torn"]
    assert list(vault.digests()) == [sha256_bytes(b"x")]


def test_writers_of_the_same_bytes_do_not_disturb_each_other(vault: Vault) -> None:
    data, results = os.urandom(200_000), []
    threads = [threading.Thread(target=lambda: results.append(vault.put(data).sha256)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [sha256_bytes(data)] * 8
    assert vault.read(results[0]) == data
    assert vault.leftovers() == []


def test_a_vault_behind_another_file_system_works_the_same() -> None:
    vault = Vault("memory://evidence-vault-test")
    digest = vault.put(b"remote").sha256
    vault.put(b"remote")
    assert vault.read(digest) == b"remote"
    assert vault.local_path(digest) is None
    assert (list(vault.digests()), vault.leftovers(), vault.exists(digest)) == ([digest], [], True)
    with vault._fs.open(vault.path(digest), "wb") as stream:
        stream.write(b"changed")
    assert vault.state(digest) is BlobState.ALTERED
    assert vault.state(sha256_bytes(b"other")) is BlobState.MISSING


def test_an_empty_vault_has_no_blobs(vault: Vault) -> None:
    assert (list(vault.digests()), vault.leftovers(), vault.set_aside()) == ([], [], [])


def test_the_same_arrays_give_the_same_bytes() -> None:
    arrays = {"scores": np.arange(5.0), "labels": np.array([0, 1, 0, 1, 1])}
    assert npz_bytes(arrays) == npz_bytes(arrays)
    with np.load(BytesIO(npz_bytes(arrays))) as back:
        assert (back["scores"] == arrays["scores"]).all()


def test_arrays_that_would_need_pickle_are_refused() -> None:
    with pytest.raises(ValueError, match="allow_pickle"):
        npz_bytes({"x": np.array([{}], dtype=object)})
