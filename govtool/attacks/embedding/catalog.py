"""Every attack on stored vectors, and the vectors made to be read that each is tried on first."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from govtool.attacks.embedding import inversion
from govtool.attacks.embedding.question import EmbeddingAttack, Store
from govtool.attacks.embedding.texts import Vocabulary, Words
from govtool.attacks.interface import AttackResult, FloatArray

EMBEDDING_ATTACKS: dict[str, EmbeddingAttack] = {
    "nearest_candidate": EmbeddingAttack(
        name="nearest_candidate",
        summary="Which of many candidate texts does a stored vector stand for?",
        reference="Song & Raghunathan, CCS 2020, arXiv 2004.00053",
        headline="identification_rate",
        run=inversion.run_nearest,
    ),
    "learned_decoder": EmbeddingAttack(
        name="learned_decoder",
        summary="Can words, names and numbers be read back from a stored vector? Learnt on public texts.",
        reference="Morris, Kuleshov, Shmatikov & Rush, EMNLP 2023, arXiv 2310.06816",
        headline="token_f1_gain",
        run=inversion.run_decoder,
        params=frozenset({"defences", "steps"}),
        check=inversion.check,
    ),
}
PLANTED_WIDTH = 256


def positive_control(
    attack: EmbeddingAttack, store: Store, params: Mapping[str, Any], rng: np.random.Generator
) -> dict[str, Any]:
    """Run the attack on the same texts with vectors that are plain counts of their words, thrown together at random.

    Whatever an attack cannot read there, it would not have read in the real vectors either.
    """
    how = "the same texts with vectors that hold every word's count"
    vocabulary = Vocabulary.of([*store.public, *store.texts])
    mixed = rng.standard_normal((vocabulary.size, PLANTED_WIDTH)) / np.sqrt(PLANTED_WIDTH)

    def embed(texts: Sequence[Words]) -> FloatArray:
        length = max(1, *(len(text) for text in texts)) + 1
        codes = vocabulary.codes(texts, length)
        return np.asarray(np.where((codes > 1)[:, :, None], mixed[codes], 0.0).sum(axis=1), dtype=np.float64)

    planted = replace(
        store,
        vectors=embed(store.texts),
        public_vectors=embed(store.public),
        embed=None if store.embed is None else embed,
    )
    found = attack.run(planted, {**params, "defences": False, "tell": None}, rng)
    if not isinstance(found, AttackResult):
        return {"passed": False, "how": f"{how}; the attack could not be run on them: {found.reason}"}
    figure = found.metrics[attack.headline]
    read = found.metrics.get("field_gain")
    passed = figure.low > found.baselines[attack.headline] and (read is None or read.low > 0)
    return {"passed": passed, "how": how, "figure": figure.to_dict()}
