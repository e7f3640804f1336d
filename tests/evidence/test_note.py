"""Signed notes and checkpoints: the C2SP forms, OpenSSL's opinion of our signatures, and what must be refused."""

import base64
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govtool.errors import EvidenceError, InputError
from govtool.evidence.note import Signer, TreeHead, Verifier, generate_key, load_signer, text_of

# The example of golang.org/x/mod/sumdb/note, which C2SP signed-note describes.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
PETER_NOTE = PETER_TEXT + (
    "\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


def test_a_note_signed_by_another_implementation_verifies() -> None:
    assert Verifier.decode(PETER).verify(PETER_NOTE) == PETER_TEXT


def test_the_key_text_round_trips() -> None:
    assert Verifier.decode(PETER).encode() == PETER


def test_what_is_signed_verifies_and_is_the_known_form(signer: Signer) -> None:
    text = TreeHead(signer.name, 3, b"\x07" * 32).text()
    note = signer.sign(text)
    assert note.startswith(
        f"govtool.test/ledger\n3\n{base64.b64encode(bytes([7]) * 32).decode()}\n\n— govtool.test/ledger "
    )
    assert note.endswith("\n")
    assert Verifier.decode(signer.verifier.encode()).verify(note) == text == text_of(note)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed here")
def test_openssl_agrees_with_our_signature(signer: Signer, tmp_path: Path) -> None:
    text = TreeHead(signer.name, 5, b"\x01" * 32).text()
    blob = base64.b64decode(signer.sign(text).rsplit(" ", 1)[1])
    (tmp_path / "text").write_text(text)
    (tmp_path / "signature").write_bytes(blob[4:])
    key = tmp_path / "keys" / "signing.pem"
    command = [
        "openssl",
        "pkeyutl",
        "-verify",
        "-rawin",
        "-inkey",
        key,
        "-sigfile",
        tmp_path / "signature",
        "-in",
        tmp_path / "text",
    ]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    (tmp_path / "text").write_text(text.replace("\n5\n", "\n6\n"))
    assert subprocess.run(command, capture_output=True, check=False).returncode != 0


def test_every_changed_character_of_the_text_is_noticed(signer: Signer) -> None:
    text = TreeHead(signer.name, 12, b"\x05" * 32).text()
    note = signer.sign(text)
    for place in range(len(text)):
        for other in ("x", "\n", "0"):
            if note[place] != other:
                with pytest.raises(EvidenceError):
                    signer.verifier.verify(note[:place] + other + note[place + 1 :])


@given(st.integers(0, 511))
def test_every_flipped_bit_of_the_signature_is_noticed(bit: int) -> None:
    head, encoded = PETER_NOTE.rstrip("\n").rsplit(" ", 1)
    blob = bytearray(base64.b64decode(encoded))
    blob[4 + bit // 8] ^= 1 << bit % 8
    with pytest.raises(EvidenceError, match="not valid"):
        Verifier.decode(PETER).verify(f"{head} {base64.b64encode(blob).decode()}\n")


def test_another_key_under_the_same_name_is_not_believed(signer: Signer, tmp_path: Path) -> None:
    generate_key(tmp_path / "other" / "signing.pem")
    other = load_signer(tmp_path / "other" / "signing.pem", signer.name)
    with pytest.raises(EvidenceError, match="no signature by"):
        signer.verifier.verify(other.sign("text\n"))


def test_signatures_of_others_beside_ours_are_ignored(signer: Signer, tmp_path: Path) -> None:
    generate_key(tmp_path / "other" / "signing.pem")
    witness = load_signer(tmp_path / "other" / "signing.pem", "witness.example")
    cosigned = witness.sign("text\n") + signer.sign("text\n").split("\n\n", 1)[1]
    assert signer.verifier.verify(cosigned) == witness.verifier.verify(cosigned) == "text\n"


@pytest.mark.parametrize(
    "note",
    [
        "",
        "text\n",
        "text\n\n",
        "text\n\n— name",
        "text\n\n- name AAAAAAAA\n",
        "text\n\n— name !!!\n",
        "text\n\n— name AAAA\n",
        "te\x01xt\n\n— name AAAAAAAA\n",
        "te\ud800\n\n— name AAAAAAAA\n",
    ],
)
def test_malformed_notes_are_refused(signer: Signer, note: str) -> None:
    with pytest.raises(EvidenceError):
        signer.verifier.verify(note)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "o\n",
        "o\n1\n",
        "o\n01\nAAAA\n",
        "o\n-1\nAAAA\n",
        "o\n1\nAAAA\n",
        "o\n²\n" + "A" * 43 + "=\n",
        "o\n" + "9" * 5000 + "\n" + "A" * 43 + "=\n",
        "\n1\n" + "A" * 43 + "=\n",
    ],
)
def test_malformed_checkpoints_are_refused(text: str) -> None:
    with pytest.raises(EvidenceError):
        TreeHead.parse(text)


@given(st.integers(0, 10**17), st.binary(min_size=32, max_size=32))
def test_checkpoint_text_round_trips(size: int, root: bytes) -> None:
    head = TreeHead("example.org/log", size, root)
    assert TreeHead.parse(head.text()) == head
    assert TreeHead.parse(head.text() + "extension line\n") == head


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "name+c74f20a3",
        PETER[:-4],
        PETER.replace("c74f20a3", "c74f20a4"),
        PETER.replace("+ARpc", "+AhpC"),
        PETER.replace("PeterNeumann", ""),
    ],
)
def test_a_damaged_key_text_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        Verifier.decode(text)


def test_a_key_is_never_overwritten_and_leaves_no_draft(tmp_path: Path) -> None:
    generate_key(tmp_path / "k" / "signing.pem")
    before = (tmp_path / "k" / "signing.pem").read_bytes()
    with pytest.raises(InputError, match="already a key"):
        generate_key(tmp_path / "k" / "signing.pem")
    assert (tmp_path / "k" / "signing.pem").read_bytes() == before
    assert [path.name for path in (tmp_path / "k").iterdir()] == ["signing.pem"]
    assert (tmp_path / "k" / "signing.pem").stat().st_mode & 0o777 == 0o600


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    generate_key(tmp_path / "signing.pem")
    (tmp_path / "signing.pem").chmod(0o644)
    with pytest.raises(InputError, match="read by others"):
        load_signer(tmp_path / "signing.pem", "name")


def test_absent_damaged_and_foreign_keys_are_refused(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    path = tmp_path / "key.pem"
    with pytest.raises(InputError, match="cannot be read"):
        load_signer(path, "name")
    path.write_text("not a key")
    path.chmod(0o600)
    with pytest.raises(InputError, match="not an unencrypted PEM"):
        load_signer(path, "name")
    path.write_bytes(
        X25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    with pytest.raises(InputError, match="not an Ed25519 key"):
        load_signer(path, "name")


def test_text_without_its_last_newline_is_not_signed(signer: Signer) -> None:
    with pytest.raises(ValueError, match="newline"):
        signer.sign("text")
