"""How often bounds on epsilon err, and what an audit costs. Null suite, known mechanisms, ceilings.

python benchmarks/privacy.py [RUNS]        default 1000
"""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from table import Row, show

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from mechanisms import gaussian_epsilon, gaussian_scores

from govtool.attacks.privacy import accounting, one_run, statement, two_sample
from govtool.attacks.privacy.accounting import Mechanism

DELTA = 1e-5
CANARIES = 400
PUBLISHED = {10: 1.05, 60: 2.97, 100: 3.49, 200: 4.19, 500: 5.11, 1000: 5.81, 10_000: 8.11}


def bounds(sigma: float, runs: int, *, permuted: bool) -> dict[str, list[tuple[float, float]]]:
    """(bound, ceiling) of every run, by method."""
    found: dict[str, list[tuple[float, float]]] = {"one-run": [], "split": [], "multi-split": []}
    for seed in range(runs):
        rng = np.random.default_rng([seed, int(sigma * 1000), permuted])
        scores, coins = gaussian_scores(CANARIES, sigma, rng)
        if permuted:
            coins = rng.permutation(coins)
        one = one_run.audit(scores, coins, DELTA)
        found["one-run"].append((one.epsilon, one.ceiling))
        for name, method in (("split", two_sample.split), ("multi-split", two_sample.multi_split)):
            two = method(scores, coins, DELTA, rng)
            found[name].append((two.epsilon, two.ceiling))
    return found


def null_suite(runs: int) -> Iterator[Row]:
    """Membership permuted: nothing to find, so a bound above zero is a false alarm, and a claim of 0.1 is never false."""
    for name, pairs in bounds(0.3, runs, permuted=True).items():
        alarms = sum(bound > 0 for bound, _ in pairs)
        wrong = sum(statement.judge(0.1, bound, ceiling) == "contradicted" for bound, ceiling in pairs)
        note = f"{runs} runs of {CANARIES}; a claim of 0.1 wrongly contradicted {100 * wrong / runs:.1f} %"
        yield Row(f"null: {name} bound above 0", 100 * alarms / runs, "% of runs", note)


def known_mechanisms(runs: int) -> Iterator[Row]:
    """One Gaussian per canary, its epsilon known exactly."""
    for sigma in (0.5, 1.0, 2.0):
        truth = gaussian_epsilon(sigma, DELTA)
        for name, pairs in bounds(sigma, runs, permuted=False).items():
            held = sum(bound <= truth for bound, _ in pairs)
            below = all(bound <= ceiling for bound, ceiling in pairs)
            middle = float(np.median([bound for bound, _ in pairs]))
            note = f"truth {truth:.2f}, median bound {middle:.2f}, ceiling {pairs[0][1]:.2f}, never above it: {below}"
            yield Row(f"Gaussian sigma {sigma}: {name} <= truth", 100 * held / runs, "% of runs", note)


def ceilings() -> Iterator[Row]:
    for canaries, published in PUBLISHED.items():
        yield Row(
            f"one-run ceiling, {canaries} canaries", one_run.ceiling(canaries, 0.0), "epsilon", f"published {published}"
        )
    for n, published in ((100, 3.28), (1000, 5.60)):
        yield Row(f"two-sample ceiling, {n} + {n}", two_sample.ceiling(n, n, 0.0), "epsilon", f"published {published}")


def costs() -> Iterator[Row]:
    accounting.recompute(Mechanism(1.0, 0.01, 10, DELTA))  # imports
    started = time.perf_counter()
    found = accounting.recompute(Mechanism(1.1, 0.01, 10_000, DELTA))
    yield Row("four accountants", time.perf_counter() - started, "s", f"epsilon {found.epsilon:.3f}")
    scores, coins = gaussian_scores(10_000, 0.5, np.random.default_rng(0))
    started = time.perf_counter()
    one_run.audit(scores, coins, DELTA)
    yield Row("one-run bound, 10,000 canaries", time.perf_counter() - started, "s")


def rows(runs: int = 1000) -> Iterator[Row]:
    yield from ceilings()
    yield from costs()
    yield from null_suite(runs)
    yield from known_mechanisms(runs)


if __name__ == "__main__":
    show(rows(int(sys.argv[1]) if len(sys.argv) > 1 else 1000))
