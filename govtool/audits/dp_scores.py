"""Bounds on epsilon from scores that somebody exported, of members and of non-members."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from govtool import runtime
from govtool.attacks.interface import FloatArray, Mask
from govtool.attacks.privacy import joint_beta, two_sample
from govtool.attacks.privacy.two_sample import TwoSample
from govtool.errors import InputError
from govtool.estimate import Estimate
from govtool.evidence.vault import open_regular
from govtool.registry.npzfile import UNREADABLE


def bounds(
    path: Path, delta: float, thresholds: Sequence[float] | None, seed: int
) -> tuple[TwoSample, Estimate | None]:
    """The lower bound, and the Bayesian cross-check where one threshold was fixed.

    Raises:
        InputError: not such a file, too few records, a delta outside [0, 1) or a threshold that is no number.
    """
    if not 0 <= delta < 1:
        raise InputError(f"delta must be at least 0 and below 1, not {delta:g}")
    if not all(map(math.isfinite, thresholds or ())):
        raise InputError("--threshold must be a finite number")
    scores, membership = read(path)
    try:
        if thresholds:
            found = two_sample.at_thresholds(scores, membership, thresholds, delta)
        else:
            found = two_sample.multi_split(scores, membership, delta, runtime.rng(seed, "epsilon-splits"))
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
    fixed = thresholds is not None and len(thresholds) == 1 and found.counts is not None
    return found, joint_beta.interval(found.counts, delta) if fixed and found.counts else None


def read(path: Path) -> tuple[FloatArray, Mask]:
    """(n,) scores and (n,) membership from an .npz.

    Raises:
        InputError: absent, unreadable, or the arrays are not two equally long vectors of numbers and of 0 and 1.
    """
    hint = "numpy.savez(path, scores=..., membership=...), membership 1 for members"
    try:
        with open_regular(path) as stream, np.load(stream, allow_pickle=False) as archive:
            arrays: dict[str, Any] = {name: archive[name] for name in ("scores", "membership")}
    except (*UNREADABLE, AttributeError) as error:
        raise InputError(f"{path}: not an .npz with 'scores' and 'membership'", hint=hint) from error
    scores, membership = arrays["scores"], arrays["membership"]
    plain = scores.ndim == 1 and scores.shape == membership.shape and scores.dtype.kind in "fiu"
    if not plain or membership.dtype.kind not in "biuf" or not np.isin(membership, (0, 1)).all():
        raise InputError(f"{path}: scores and membership are not equally long vectors", hint=hint)
    return scores.astype(np.float64), membership.astype(np.bool_)
