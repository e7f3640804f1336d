"""What attacks on stored vectors are given. The texts behind the vectors are for scoring only; no attack reads them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from govtool.attacks import values
from govtool.attacks.embedding.texts import Words
from govtool.attacks.interface import FloatArray, Outcome
from govtool.errors import InputError

FAMILY = "embedding_inversion"
FEWEST = 20
FEWEST_PUBLIC = 100

Embed = Callable[[Sequence[Words]], FloatArray]
"""(n) texts to (n, d) vectors: the embedder as the attacker may ask it."""


@dataclass(frozen=True)
class Store:
    """Stored vectors beside the texts they stand for, and what an attacker holds: public texts with their vectors."""

    vectors: FloatArray
    """(n, d) as stored."""
    texts: tuple[Words, ...]
    fields: tuple[frozenset[str], ...]
    """Names and numbers in each text."""
    public: tuple[Words, ...]
    public_vectors: FloatArray
    """(m, d)."""
    embed: Embed | None = None
    """None: the attacker holds a table of public texts and vectors, and cannot ask about others."""

    def __post_init__(self) -> None:
        for what, vectors, texts in (
            ("stored", self.vectors, self.texts),
            ("public", self.public_vectors, self.public),
        ):
            if vectors.ndim != 2 or len(vectors) != len(texts):  # noqa: PLR2004 - texts by dimensions
                raise InputError(
                    f"{what}: vectors {vectors.shape} for {len(texts)} texts", hint="one row for each text"
                )
            if not np.isfinite(vectors).all():
                raise InputError(f"{what}: missing or infinite values among the vectors")
        if self.vectors.shape[1] != self.public_vectors.shape[1]:
            raise InputError(
                f"stored vectors have {self.vectors.shape[1]} dimensions, public ones {self.public_vectors.shape[1]}",
                hint="both must come from the same embedder",
            )
        if len(self.texts) < FEWEST or len(self.public) < FEWEST_PUBLIC:
            raise InputError(
                f"{len(self.texts)} stored and {len(self.public)} public texts are too few",
                hint=f"give at least {FEWEST} stored and {FEWEST_PUBLIC} public ones",
            )

    def defended(self, change: Callable[[FloatArray], FloatArray]) -> "Store":
        """The same where every vector was changed before it was stored; the attacker knows how, and changes theirs alike."""
        embed = self.embed
        return replace(
            self,
            vectors=change(self.vectors),
            public_vectors=change(self.public_vectors),
            embed=None if embed is None else lambda texts: change(embed(texts)),
        )


RunEmbedding = Callable[[Store, Mapping[str, Any], np.random.Generator], Outcome]


@dataclass(frozen=True)
class EmbeddingAttack:
    """A catalogue entry."""

    name: str
    summary: str
    reference: str
    headline: str
    """The metric that sums it up; above its baseline it is a leak."""
    run: RunEmbedding
    params: frozenset[str] = frozenset()
    check: values.Check = values.nothing
    """As of other attacks: called with what a spec sets, before any work."""


def scaled(vectors: FloatArray, by: FloatArray) -> FloatArray:
    """(n, d) vectors at the mean and spread of the (m, d) vectors `by`; dimensions without spread are left at 0."""
    spread = by.std(axis=0)
    return np.asarray(np.divide(vectors - by.mean(axis=0), spread, out=np.zeros(vectors.shape), where=spread > 0))
