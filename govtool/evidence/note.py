"""C2SP signed notes and tlog-checkpoints: the text form in which tree heads are signed with Ed25519.

Formats: c2sp.org/signed-note and c2sp.org/tlog-checkpoint. Anyone can check one with an Ed25519 library and base64.
"""

import base64
import binascii
import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from govtool.errors import EvidenceError, InputError
from govtool.runtime import new_token

_ED25519 = b"\x01"
_KEY_ID_BYTES = 4
_PREFIX = "\N{EM DASH} "


@dataclass(frozen=True)
class Verifier:
    """A named public key. `name` is the ledger's origin: a schema-less URL without spaces or plus signs."""

    name: str
    public: bytes

    @property
    def key_id(self) -> bytes:
        return hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:_KEY_ID_BYTES]

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the raw public key, to read out over the telephone."""
        return hashlib.sha256(self.public).hexdigest()

    def encode(self) -> str:
        """The vkey text ``<name>+<hash>+<base64>`` that other tools read."""
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(_ED25519 + self.public).decode()}"

    @classmethod
    def decode(cls, text: str) -> "Verifier":
        """Read a vkey.

        Raises:
            InputError: malformed, not Ed25519, or its key hash does not fit.
        """
        try:
            name, key_hash, encoded = text.strip().split("+", 2)
            blob = base64.b64decode(encoded, validate=True)
        except (ValueError, binascii.Error) as error:
            raise InputError("not a verifier key", hint="expected NAME+HASH+BASE64") from error
        verifier = cls(name, blob[1:])
        if not name or blob[:1] != _ED25519 or len(blob) != 33 or verifier.key_id.hex() != key_hash:  # noqa: PLR2004
            raise InputError("the verifier key is damaged or not Ed25519")
        return verifier

    def verify(self, note: str) -> str:
        """The text that this key signed.

        Raises:
            EvidenceError: malformed note, or no valid signature by this key. Signatures by others are ignored (C2SP).
        """
        text, signatures = _split(note)
        for name, blob in signatures:
            if name != self.name or blob[:_KEY_ID_BYTES] != self.key_id:
                continue
            try:
                Ed25519PublicKey.from_public_bytes(self.public).verify(blob[_KEY_ID_BYTES:], text.encode())
            except InvalidSignature as error:
                raise EvidenceError(f"the signature by {self.name} is not valid") from error
            return text
        raise EvidenceError(f"no signature by {self.name} on this note")


def text_of(note: str) -> str:
    """The text of a note, whoever signed it.

    Raises:
        EvidenceError: malformed.
    """
    return _split(note)[0]


def _split(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    """Text and (name, key id + signature) lines; strict, as C2SP signed-note asks of a reader."""
    text, separator, block = note.rpartition("\n\n")
    lines = block.split("\n")
    if not separator or lines.pop() or not lines or any(ord(mark) < ord(" ") and mark != "\n" for mark in note):
        raise EvidenceError("the signed note is malformed")
    found = []
    for line in lines:
        name, space, encoded = line.removeprefix(_PREFIX).partition(" ")
        try:
            text.encode()
            blob = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError) as error:
            raise EvidenceError("the signed note is malformed") from error
        if not (line.startswith(_PREFIX) and name and space) or len(blob) <= _KEY_ID_BYTES:
            raise EvidenceError("the signed note is malformed")
        found.append((name, blob))
    return text + "\n", found


@dataclass(frozen=True)
class Signer:
    """The custodian's Ed25519 key and the name it signs under."""

    name: str
    private: Ed25519PrivateKey

    @property
    def verifier(self) -> Verifier:
        raw = self.private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return Verifier(self.name, raw)

    def sign(self, text: str) -> str:
        if not text.endswith("\n"):
            raise ValueError("a note's text ends with a newline")
        blob = self.verifier.key_id + self.private.sign(text.encode())
        return f"{text}\n{_PREFIX}{self.name} {base64.b64encode(blob).decode()}\n"


@dataclass(frozen=True)
class TreeHead:
    """The body of a checkpoint: which log, how many leaves, which root."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @classmethod
    def parse(cls, text: str) -> "TreeHead":
        """Read a checkpoint body; extension lines are allowed and ignored (tlog-checkpoint).

        Raises:
            EvidenceError: malformed.
        """
        try:
            origin, size, encoded, *_ = text.split("\n")
            count = int(size) if re.fullmatch("0|[1-9][0-9]{0,17}", size) else -1
            root = base64.b64decode(encoded, validate=True)
        except (ValueError, binascii.Error) as error:
            raise EvidenceError("the checkpoint is malformed") from error
        if count < 0 or len(root) != 32 or not origin:  # noqa: PLR2004
            raise EvidenceError("the checkpoint is malformed")
        return cls(origin, count, root)


def generate_key(path: Path) -> None:
    """Write a new Ed25519 private key as unencrypted PKCS #8 PEM, readable by its owner only.

    Raises:
        InputError: a file is already there; keys are never overwritten.
    """
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f"{path.name}.{new_token()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(pem)
            stream.flush()
            os.fsync(stream.fileno())
        path.hardlink_to(draft)  # whole or not at all, and never over another key
    except FileExistsError as error:
        raise InputError(f"there is already a key at {path}", hint="keys are never overwritten") from error
    finally:
        draft.unlink()


def load_signer(path: Path, name: str) -> Signer:
    """Read the signing key.

    Raises:
        InputError: absent, unreadable, readable by others, or not an Ed25519 key.
    """
    try:
        mode = path.stat().st_mode
        pem = path.read_bytes()
    except OSError as error:
        raise InputError(f"the signing key {path} cannot be read: {error.strerror}") from error
    if mode & 0o077:
        raise InputError(f"the signing key {path} can be read by others", hint=f"chmod 600 {path}")
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise InputError(f"{path} is not an unencrypted PEM private key") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise InputError(f"{path} is not an Ed25519 key")
    return Signer(name, key)
