"""How much contrast a picture has: what tells a visible likeness from information that only a machine reads.

Some judges look at directions of edges and not at their strength, and name pictures that are plain grey to the eye. That
is information all the same, and anyone may stretch a picture's contrast; but it is no picture yet.
"""

import numpy as np

from govtool.attacks.interface import FloatArray

FAINT = 0.10
"""Below this share of a real record's contrast a picture is all but grey to the eye. (Chosen by looking at 12 photos of the
ORL faces at 50 to 2 % of their contrast: at 15 % they can be told apart, at 10 % hardly, at 5 % no more.)"""
FADED = 0.05
"""The share of its own contrast at which a real record is shown to find out which judges do not mind."""
BLIND = 0.5
"""A judge that still names this share of what it named at full contrast is blind to contrast."""


def contrast(units: FloatArray) -> FloatArray:
    """(n,): standard deviation over the values of each (n, features) row, in shares of the range."""
    return np.asarray(units.std(axis=1), dtype=np.float64)


def stretched(units: FloatArray, wanted: float) -> FloatArray:
    """(n, features) with the contrast wanted, each row's mean kept, cut off at the range; a plain row stays plain."""
    mean, found = units.mean(axis=1, keepdims=True), contrast(units)[:, None]
    factor = np.divide(wanted, found, out=np.ones_like(found), where=found > 0)
    return np.asarray(np.clip(mean + factor * (units - mean), 0, 1), dtype=np.float64)


def faded(units: FloatArray, share: float = FADED) -> FloatArray:
    """(n, features) with this share of their contrast, around the middle of the range."""
    return np.asarray(0.5 + share * (units - units.mean(axis=1, keepdims=True)), dtype=np.float64)


def blind(at_full: int, when_faded: int) -> bool:
    """Whether a judge that names so many real records at full contrast, and so many of them faded, does not mind."""
    return at_full > 0 and when_faded >= BLIND * at_full
