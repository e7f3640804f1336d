"""What could be done to vectors before they are stored. Each is measured against a decoder trained on vectors changed alike."""

from collections.abc import Callable

import numpy as np

from govtool.attacks.interface import FloatArray, Labels

NEIGHBOURS = 10
MOST_COMPARED = 1_000

Change = Callable[[FloatArray], FloatArray]


def defences(public: FloatArray, rng: np.random.Generator) -> dict[str, Change]:
    """By what they do; strengths are relative to the spread of the (m, d) public vectors."""
    spread, width = public.std(axis=0), public.shape[1]
    low, high = public.min(axis=0), public.max(axis=0)

    def noise(strength: float) -> Change:
        return lambda vectors: vectors + strength * spread * rng.standard_normal(vectors.shape)

    def levels(count: int) -> Change:
        step = np.where(high > low, (high - low) / (count - 1), 1.0)
        return lambda vectors: low + np.round((np.clip(vectors, low, high) - low) / step) * step

    def keep(count: int) -> Change:
        return lambda vectors: np.where(np.arange(width) < count, vectors, 0.0)

    return {
        "noise, a tenth of the spread": noise(0.1),
        "noise, half of the spread": noise(0.5),
        "noise, twice the spread": noise(2.0),
        "rounded to 256 levels": levels(256),
        "rounded to 2 levels": levels(2),
        "the first half of the dimensions": keep(max(1, width // 2)),
        "the first eighth of the dimensions": keep(max(1, width // 8)),
    }


def neighbours_kept(before: FloatArray, after: FloatArray) -> float:
    """What a defence costs a search: the share of each vector's ten nearest that are still among its ten nearest."""
    before, after = before[:MOST_COMPARED], after[:MOST_COMPARED]
    count = min(NEIGHBOURS, len(before) - 1)
    first, second = _nearest(before, count), _nearest(after, count)
    return float(np.mean([len(set(one) & set(two)) / count for one, two in zip(first, second, strict=True)]))


def _nearest(vectors: FloatArray, count: int) -> Labels:
    alike = cosine(vectors, vectors)
    np.fill_diagonal(alike, -np.inf)
    return np.argpartition(-alike, count - 1, axis=1)[:, :count].astype(np.int64)


def cosine(first: FloatArray, second: FloatArray) -> FloatArray:
    """(n, m) cosines; 0 where a vector is nought."""

    def unit(vectors: FloatArray) -> FloatArray:
        length = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.asarray(np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0))

    return np.asarray(unit(np.asarray(first, dtype=np.float64)) @ unit(np.asarray(second, dtype=np.float64)).T)
