"""Sentences about patients with names and numbers, and embedders of three kinds: one that keeps words, one that keeps the ward only."""

from collections.abc import Callable, Sequence

import numpy as np

from govtool.attacks.embedding.question import Store
from govtool.attacks.embedding.texts import Vocabulary, Words, fields, words
from govtool.attacks.interface import FloatArray

FIRST = [
    "Anna",
    "Bela",
    "Carl",
    "Dora",
    "Emil",
    "Frida",
    "Georg",
    "Hanna",
    "Ivan",
    "Jutta",
    "Karl",
    "Lena",
    "Moritz",
    "Nora",
    "Otto",
    "Paula",
]
LAST = [
    "Adler",
    "Bauer",
    "Conrad",
    "Dorn",
    "Engel",
    "Fuchs",
    "Gruber",
    "Huber",
    "Issel",
    "Jansen",
    "Keller",
    "Lang",
    "Maurer",
    "Neumann",
    "Ott",
    "Pohl",
]
WARDS = ["cardiology", "oncology", "surgery", "neurology"]
WIDTH = 48


def sentences(n: int, rng: np.random.Generator) -> list[str]:
    def one() -> str:
        first, last, ward = rng.choice(FIRST), rng.choice(LAST), rng.choice(WARDS)
        return f"The patient {first} {last}, aged {rng.integers(20, 90)}, was moved to {ward}."

    return [one() for _ in range(n)]


def counting(vocabulary: Vocabulary, rng: np.random.Generator) -> Callable[[Sequence[Words]], FloatArray]:
    """A mean of random word vectors behind a squashing layer, as small sentence embedders are."""
    table = rng.normal(size=(vocabulary.size, WIDTH))
    table[:2] = 0

    def embed(texts: Sequence[Words]) -> FloatArray:
        codes = vocabulary.codes(texts, 33)
        return np.tanh(table[codes].sum(axis=1) / np.maximum((codes > 1).sum(axis=1), 1)[:, None] * 2)

    return embed


def ward_only(texts: Sequence[Words]) -> FloatArray:
    """Says which ward, and nothing of the person."""
    kept = np.array([[ward in text for ward in WARDS] for text in texts], dtype=np.float64)
    return np.hstack([kept, 1 - kept])


def store(seed: int, embed: str = "words", *, stored: int = 60, public: int = 600, ask: bool = True) -> Store:
    rng = np.random.default_rng(seed)
    known, secret = sentences(public, rng), sentences(stored, rng)
    texts, others = tuple(map(words, secret)), tuple(map(words, known))
    function = ward_only if embed == "ward" else counting(Vocabulary.of(others), rng)
    return Store(
        function(texts), texts, tuple(map(fields, secret)), others, function(others), function if ask else None
    )
