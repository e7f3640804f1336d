"""A mechanism whose epsilon is known: each canary's own noisy counter, one Gaussian per coin."""

from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm


def gaussian_epsilon(sigma: float, delta: float) -> float:
    """Exact epsilon of the Gaussian mechanism with sensitivity 1 (Balle & Wang 2018, theorem 8)."""

    def excess(epsilon: float) -> float:
        first = norm.cdf(0.5 / sigma - epsilon * sigma)
        second = np.exp(epsilon + norm.logcdf(-0.5 / sigma - epsilon * sigma))
        return float(first - second - delta)

    return float(brentq(excess, 0.0, 500.0)) if excess(0.0) > 0 else 0.0


def gaussian_scores(canaries: int, sigma: float, rng: np.random.Generator) -> tuple[Any, Any]:
    """(m,) released values and (m,) fair coins."""
    coins = rng.random(canaries) < 0.5
    return coins + rng.normal(0, sigma, canaries), coins
