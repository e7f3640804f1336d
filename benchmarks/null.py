"""How often a model that leaks nothing is accused, in a thousand runs with membership dealt by lot.

    python benchmarks/null.py [RUNS]

Scores are drawn without looking at membership, and so are those of the references that set the threshold, so every figure
above chance is a false alarm. An interval at 95 % may exclude chance upwards in 2.5 % of runs.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from table import Row, show

from govtool.attacks.interface import AttackData, Records
from govtool.attacks.membership import assembly
from govtool.attacks.membership.worlds import threshold
from govtool.attacks.validity import Validity
from govtool.estimate import Estimate

SIZE = 500
LIMIT = 0.6
"""The shipped policy's limit for balanced accuracy."""
UNCHECKED = Validity(Estimate(0.5, 0.45, 0.55, 0.95, 100), 0, 50, 0.0, 1.0)


def rows(runs: int = 1000) -> Iterator[Row]:
    rng = np.random.default_rng(5)
    alarms: Counter[str] = Counter()
    for _run in range(runs):
        scores = rng.standard_t(3, 2 * SIZE)
        mocks = [(rng.standard_t(3, 2 * SIZE), rng.permutation(np.repeat([True, False], SIZE))) for _mock in range(4)]
        line = assembly.Threshold(threshold(mocks), "references posing as the target")
        blank = Records(np.zeros((SIZE, 1), dtype=np.float32), np.zeros(SIZE, dtype=np.int64))
        data = replace(AttackData(blank, blank), unit="record")
        found = assembly.assess(
            attack="null",
            knowledge="",
            data=data,
            scores=scores,
            threshold=line,
            params={"validity": UNCHECKED},
            rng=rng,
        )
        for name, guess in found.baselines.items():
            alarms[f"{name} above {guess:g}"] += found.metrics[name].low > guess
        alarms[f"balanced_accuracy fails the limit of {LIMIT:.0%}"] += found.metrics["balanced_accuracy"].low >= LIMIT
        alarms["a threshold that fits is called a misfit"] += bool(found.detail["threshold_misfit"])
    for what, count in alarms.items():
        yield Row(what, count / runs, "of runs", f"{runs} runs of {SIZE} + {SIZE} records")


if __name__ == "__main__":
    show(rows(int(sys.argv[1]) if len(sys.argv) > 1 else 1000))
