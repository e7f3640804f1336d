"""Reads texts back from stored vectors: as the nearest of many candidates, and as words by a decoder.

What is stored beside a document for searching is often treated as harmless numbers. Whoever copies the vectors and can ask
the embedder, or holds pairs of public texts and vectors, may read names and numbers in them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from govtool.access import Access
from govtool.attacks import values
from govtool.attacks.attribute import assembly, paired
from govtool.attacks.embedding import decoder as decoders
from govtool.attacks.embedding import scoring
from govtool.attacks.embedding.defence import cosine, defences, neighbours_kept
from govtool.attacks.embedding.question import FAMILY, Store, scaled
from govtool.attacks.embedding.texts import Words
from govtool.attacks.finding import Finding, Limited, decide
from govtool.attacks.interface import AttackResult, FloatArray, NotApplicable, Outcome
from govtool.estimate import Estimate, clopper_pearson

EXACT = 0.05
FIELDS = 0.10
"""Whole texts, and names or numbers beyond a guess without vectors: surely above is a leak, surely below is none."""
FARTHER = 5.0
NEAR = 2.0
"""Times chance: a candidate surely named more often is a leak, surely less often is none (at least 3 in n either way)."""
MOST_DECOYS = 2_000
_SAME = 1e-6


def run_nearest(store: Store, params: Mapping[str, Any], rng: np.random.Generator) -> Outcome:
    """Which of the candidates does each vector stand for? The stored texts among public ones, embedded by the attacker."""
    if store.embed is None:
        return NotApplicable(
            "candidates cannot be embedded: the spec names no embedder, only public texts with vectors"
        )
    decoys = _decoys(store, rng)
    candidates = [*store.texts, *decoys]
    embedded = np.asarray(store.embed(candidates), dtype=np.float64)
    hits = {
        "identified_cosine": _named(cosine(store.vectors, embedded), candidates, store.texts),
        "identified_whitened": _named(
            cosine(*_whitened(store.public_vectors, store.vectors, embedded)), candidates, store.texts
        ),
    }
    level = 1 - (1 - scoring.CONFIDENCE) / len(hits)
    rates = {name: clopper_pearson(int(found.sum()), len(found), level) for name, found in hits.items()}
    best = paired.worst(list(rates.values()))
    chance = 1 / len(candidates)
    least = 3 / len(store.texts)
    figure = Limited(
        "vectors whose text is named among the candidates",
        best,
        max(FARTHER * chance, least),
        max(NEAR * chance, least),
    )
    control, passed, void = _control(params)
    return AttackResult(
        attack="nearest_candidate",
        family=FAMILY,
        knowledge=(
            f"The attacker holds the stored vectors, may ask the embedder, and has a list of {len(candidates):,} texts in which "
            f"the right ones stand."
        ),
        access=frozenset({Access.EMBEDDINGS}),
        metrics={"identification_rate": best, **rates},
        baselines=dict.fromkeys(("identification_rate", *rates), chance),
        counts=None,
        arrays=dict(hits),
        detail={
            "candidates": len(candidates),
            "embedder_agreement": agreement(store),
            "findings": [decide("text_identifiable", [figure], control=passed, void=void).to_dict()],
            "positive_control": control,
        },
        caveats=_caveats(store, passed),
        void=void,
    )


def run_decoder(store: Store, params: Mapping[str, Any], rng: np.random.Generator) -> Outcome:
    """Write each text from its vector. `params`: `defences` (whether to measure them), `steps` (batches the net learns
    from), `tell` (is given what was written).

    Raises:
        InputError: parameters that cannot be.
    """
    steps, wanted = check(params)
    guesses, asked = _read(store, steps, rng)
    if tell := params.get("tell"):
        tell(guesses)
    attack, baseline = scoring.score(store, guesses), scoring.without_vectors(store)
    figures = scoring.metrics(attack, baseline)
    control, passed, void = _control(params)
    rows = _defended(store, steps, rng) if wanted else []
    return AttackResult(
        attack="learned_decoder",
        family=FAMILY,
        knowledge=(
            f"The attacker holds the stored vectors and {len(store.public):,} public texts with vectors"
            + (", and may ask the embedder." if store.embed else "; the embedder cannot be asked about others.")
        ),
        access=frozenset({Access.EMBEDDINGS}),
        metrics={name: estimate for name, (estimate, _guess) in figures.items()},
        baselines={name: guess for name, (_estimate, guess) in figures.items()},
        counts=None,
        arrays={"exact": attack.exact, "token_f1": attack.f1, "bleu": attack.bleu, "field_found": attack.found},
        detail={
            "texts": len(store.texts),
            "fields": len(attack.found),
            "embedder_agreement": agreement(store),
            "hypotheses_embedded": asked,
            "unknown_words": _unknown(store),
            "vector_defences": rows,
            "findings": [_finding(figures, passed, void).to_dict()],
            "positive_control": control,
        },
        caveats=_caveats(store, passed),
        void=void,
    )


def _read(store: Store, steps: int, rng: np.random.Generator) -> tuple[list[Words], int]:
    decoder = decoders.train(store, steps, rng)
    guesses = decoder.write(scaled(store.vectors, store.public_vectors))
    if store.embed is None or not any(guesses):
        return guesses, 0
    return decoders.corrected(decoder, store.embed, store, guesses)


def check(params: Mapping[str, Any]) -> tuple[int, bool]:
    """How many batches the net learns from, and whether defences are measured.

    Raises:
        InputError: no such number, or neither true nor false.
    """
    steps = values.whole("steps", params.get("steps", decoders.STEPS), 10, 100_000)
    return steps, values.flag("defences", params.get("defences", True))


def _defended(store: Store, steps: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    """One row for each: what an attacker who knows of the defence still reads, and what a search loses."""
    rows = []
    for name, change in defences(store.public_vectors, rng).items():
        changed = store.defended(change)
        guesses, _asked = _read(changed, steps, rng)
        figures = scoring.metrics(scoring.score(changed, guesses), scoring.without_vectors(changed))
        rows.append(
            {
                "defence": name,
                "figures": {key: estimate.to_dict() for key, (estimate, _guess) in figures.items()},
                "neighbours_kept": neighbours_kept(store.public_vectors, changed.public_vectors),
            }
        )
    return rows


def _finding(figures: Mapping[str, tuple[Estimate, float]], control: bool | None, void: str) -> Finding:
    limits = [Limited("texts read back word for word", figures["exact"][0], EXACT, EXACT)]
    if "field_gain" in figures:
        gain = figures["field_gain"][0]
        limits.append(Limited("names and numbers read back beyond a guess without vectors", gain, FIELDS, FIELDS))
    return decide("text_recoverable", limits, control=control, void=void)


def _control(params: Mapping[str, Any]) -> tuple[dict[str, Any], bool | None, str]:
    control = params.get("positive_control")
    told = dict(control) if control else {"passed": None, "how": "not run"}
    return told, None if control is None else bool(control["passed"]), assembly.failed(control)


def _decoys(store: Store, rng: np.random.Generator) -> list[Words]:
    own = set(store.texts)
    others = sorted({text for text in store.public if text not in own})
    chosen = rng.permutation(len(others))[:MOST_DECOYS]
    return [others[position] for position in chosen]


def _named(alike: FloatArray, candidates: Sequence[Words], texts: Sequence[Words]) -> Any:
    """(n,) whether the nearest candidate is the text, or the same words. A tie with another text is a miss."""
    best = alike.max(axis=1, keepdims=True)
    tied = alike >= best - _SAME
    return np.array(
        [
            all(candidates[position] == text for position in np.flatnonzero(row).tolist())
            for row, text in zip(tied, texts, strict=True)
        ]
    )


def _whitened(public: FloatArray, *groups: FloatArray) -> list[FloatArray]:
    """Brought to no correlation and equal spread by the public vectors; directions in which those hardly vary are left out."""
    centre = public.mean(axis=0)
    _, spread, directions = np.linalg.svd(public - centre, full_matrices=False)
    kept = spread > spread.max() * 1e-3 if spread.max() > 0 else np.zeros(len(spread), dtype=bool)
    scale = directions[kept].T / spread[kept]
    return [(group - centre) @ scale for group in groups]


def agreement(store: Store) -> float | None:
    """Median cosine between stored vectors and the embedder's own of the same texts: 1 where nothing was changed."""
    if store.embed is None:
        return None
    own = np.asarray(store.embed(store.texts), dtype=np.float64)
    return float(np.median(np.diagonal(cosine(store.vectors, own))))


def _unknown(store: Store) -> float:
    """Share of the stored texts' words that stand in no public text, which a decoder cannot write."""
    known = {word for text in store.public for word in text}
    return float(np.mean([word not in known for text in store.texts for word in text]))


def _caveats(store: Store, control: bool | None) -> list[str]:
    said = []
    if (agrees := agreement(store)) is not None and agrees < 0.9:  # noqa: PLR2004 - said in the sentence
        said.append(
            f"The embedder's own vectors of the stored texts agree with what is stored only to a cosine of {agrees:.2f}: another "
            f"version, other preparation of texts, or vectors changed before storing. A low figure may come from that."
        )
    if store.embed is None:
        said.append("The embedder was not asked: hypotheses were not corrected, and a stronger attacker reads more.")
    if (unknown := _unknown(store)) > 0.1:  # noqa: PLR2004 - said in the sentence
        said.append(
            f"{unknown:.0%} of the words stand in no public text, so this decoder cannot write them; others might."
        )
    if control is None:
        said.append("No positive control was run: a low figure may mean a weak attack and not private vectors.")
    return said
