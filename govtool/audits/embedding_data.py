"""Stored vectors, texts and the embedder of an audit of embeddings, read from files and brought together."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from govtool.attacks.embedding.question import Embed, Store
from govtool.attacks.embedding.texts import Words, fields, words
from govtool.attacks.interface import FloatArray
from govtool.audits.embedding_spec import Embedder, EmbeddingsSpec
from govtool.audits.targets.torch_target import load_safetensors
from govtool.digest import Sha256, sha256_bytes
from govtool.errors import InputError, MissingExtraError, WorkError
from govtool.evidence.vault import open_regular

MOST_BYTES = 256 << 20
_BATCH = 1_024


@dataclass(frozen=True)
class Read:
    """The bytes of every file that the spec names, by its role, and their digests."""

    contents: dict[str, bytes]

    @property
    def digests(self) -> dict[str, Sha256]:
        return {role: sha256_bytes(data) for role, data in self.contents.items()}


def read(spec: EmbeddingsSpec, folder: Path) -> Read:
    """Every file once, so that what is attacked is what was digested.

    Raises:
        InputError: absent, unreadable, a link, or too large.
    """
    named = {"texts": spec.texts, "public texts": spec.public.texts, "public vectors": spec.public.vectors}
    if spec.embedder is not None:
        named |= {"embedder weights": spec.embedder.weights, "embedder words": spec.embedder.words}
    return Read({role: _bytes(folder / name) for role, name in named.items() if name is not None})


def store(spec: EmbeddingsSpec, vectors: FloatArray, files: Read) -> Store:
    """The (n, d) registered vectors beside texts and what the attacker holds.

    Raises:
        InputError: texts and vectors do not go together, or too few.
        WorkError: the embedder does not load or does not answer.
    """
    lines, others = (_lines(files.contents[role], role) for role in ("texts", "public texts"))
    texts, public = tuple(map(words, lines)), tuple(map(words, others))
    embed = None if spec.embedder is None else _embedder(spec.embedder, files)
    held = embed(public) if embed else _vectors(files.contents["public vectors"], str(spec.public.vectors))
    return Store(vectors, texts, tuple(map(fields, lines)), public, held, embed)


def _bytes(path: Path) -> bytes:
    with open_regular(path) as stream:
        data = stream.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise InputError(f"{path}: more than {MOST_BYTES >> 20} MiB")
    return data


def _lines(data: bytes, role: str) -> list[str]:
    """One text per line. The message says which line, never what stands in it."""
    try:
        found = data.decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise InputError(f"{role}: line {line} is not UTF-8") from error
    if empty := [number for number, line in enumerate(found, start=1) if not words(line)]:
        raise InputError(f"{role}: line {empty[0]} holds no word", hint="one text per line, none empty")
    return found


def _vectors(data: bytes, name: str) -> FloatArray:
    if name.endswith(".safetensors"):
        return _tensor(data, name)
    try:
        with np.load(BytesIO(data), allow_pickle=False) as archive:
            found = np.asarray(archive["X"], dtype=np.float64)
    except (ValueError, KeyError, OSError, EOFError) as error:
        raise InputError(f"{name}: no .npz with an array X of numbers") from error
    return found


def _tensor(data: bytes, name: str) -> FloatArray:
    try:
        from safetensors import SafetensorError
        from safetensors.numpy import load
    except ModuleNotFoundError as error:
        raise MissingExtraError("attacks", "opening safetensors") from error
    try:
        tensors = load(data)
    except SafetensorError as error:
        raise InputError(f"{name}: not a whole safetensors file") from error
    if len(tensors) != 1:
        raise InputError(f"{name}: {len(tensors)} tensors", hint="store the vectors as its only tensor")
    return np.asarray(next(iter(tensors.values())), dtype=np.float64)


def _embedder(spec: Embedder, files: Read) -> Embed:
    module = load_safetensors(files.contents["embedder weights"], spec.factory, spec.factory_params)
    known = files.contents["embedder words"].decode("utf-8", errors="replace").splitlines()
    numbers = {word: code for code, word in enumerate(known) if code}

    def embed(texts: Sequence[Words]) -> FloatArray:
        parts = [_asked(module, numbers, texts[start : start + _BATCH]) for start in range(0, len(texts), _BATCH)]
        return np.concatenate(parts)

    return embed


def _asked(module: Any, numbers: dict[str, int], texts: Sequence[Words]) -> FloatArray:
    """Words that the embedder does not know are left out, as its own tokeniser would map them to nothing."""
    import torch

    coded = [[numbers[word] for word in text if word in numbers] for text in texts]
    codes = np.zeros((len(texts), max(1, *(len(text) for text in coded))), dtype=np.int64)
    for row, text in enumerate(coded):
        codes[row, : len(text)] = text
    try:
        with torch.inference_mode():
            found = module(torch.from_numpy(codes))
    except (RuntimeError, IndexError) as error:
        raise WorkError(
            "the embedder does not take codes of words",
            hint="forward(codes) with codes (texts, length), 0 after the end",
        ) from error
    if not isinstance(found, torch.Tensor) or found.ndim != 2 or len(found) != len(texts):  # noqa: PLR2004
        raise WorkError("the embedder does not answer with one vector per text")
    return np.asarray(found.double().numpy(), dtype=np.float64)
