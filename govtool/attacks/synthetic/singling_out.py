"""Singling out: does a description taken from the synthetic table fit exactly one of the people it was made from?

The idea is that of predicate singling out (Cohen & Nissim, PNAS 2020) turned into guesses as in Giomi et al., PoPETs 2023,
section 5.1. Each guess describes one synthetic row by as few columns, in random order, as single it out among the synthetic
rows; numbers by a window of neighbouring ranks, open where the row lies at the end of its column.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from govtool.attacks.interface import FloatArray, Mask, NotTestable, Outcome
from govtool.attacks.synthetic import risk
from govtool.attacks.synthetic.interface import Rows, Tables, sample, whole
from govtool.estimate import Counts

NAME = "singling_out"
GUESSES = 1000
WINDOW = 0.025
"""Half the width of a number's window, as a share of the synthetic rows: wide enough to catch a near copy."""
_FEWEST_GUESSES = 20
_BLOCK = 8_000_000


@dataclass(frozen=True)
class Predicates:
    """`low` <= value <= `high` in each column, (guesses, columns); infinite where a column is not asked about."""

    low: FloatArray
    high: FloatArray

    def __len__(self) -> int:
        return len(self.low)

    def matches(self, table: FloatArray) -> Rows:
        """(guesses,) how many rows fit."""
        found = np.empty(len(self), dtype=np.int64)
        step = max(1, _BLOCK // len(table))
        for start in range(0, len(self), step):
            low, high = self.low[start : start + step], self.high[start : start + step]
            fits = np.ones((len(low), len(table)), dtype=bool)
            for column in np.flatnonzero((np.isfinite(low) | np.isfinite(high)).any(axis=0)):
                values = table[:, column]
                fits &= (values >= low[:, column, None]) & (values <= high[:, column, None])
            found[start : start + step] = fits.sum(axis=1)
        return found


def run(tables: Tables, params: Mapping[str, Any], rng: np.random.Generator) -> Outcome:
    """Guess from the synthetic table, from random values, and ask originals and control records."""
    guesses, seeds, asked = guess(tables, whole(params, "guesses", GUESSES), rng)
    if len(guesses) < _FEWEST_GUESSES:
        return NotTestable(
            f"only {len(guesses)} synthetic rows can be told from the other synthetic rows at all, too few to guess from"
        )
    control = tables.control[sample(tables.control, len(tables.originals), rng)]
    hits, control_hits = guesses.matches(tables.originals) == 1, guesses.matches(control) == 1
    blind = blindly(tables, asked, rng).matches(tables.originals) == 1
    counts = Counts(int(hits.sum()), len(guesses), int(control_hits.sum()), len(guesses))
    scale = len(tables.originals) / len(control)
    return risk.assess(
        attack=NAME,
        knowledge="The attacker holds the synthetic table and nothing else, and describes one of its rows at a time.",
        parts=[risk.Part(NAME, counts, float(blind.mean()), scale)],
        params=params,
        arrays={"synthetic_rows": seeds, "hits": hits, "control_hits": control_hits, "blind_hits": blind},
        detail={"guesses": len(guesses), "columns_per_guess": float(asked.sum(axis=1).mean())},
        caveats=_caveats(scale),
    )


def guess(tables: Tables, count: int, rng: np.random.Generator) -> tuple[Predicates, Rows, Mask]:
    """At most `count` predicates that fit one synthetic row each, those rows, and (guesses, columns) the columns asked."""
    seeds = sample(tables.synthetic, count, rng)
    low, high = windows(tables, tables.synthetic[seeds])
    order = rng.random(low.shape).argsort(axis=1)
    asked = np.zeros(low.shape, dtype=bool)
    alone = np.zeros(len(seeds), dtype=bool)
    step = max(1, _BLOCK // len(tables.synthetic))
    for start in range(0, len(seeds), step):
        block = slice(start, start + step)
        alone[block], asked[block] = _narrow(tables.synthetic, low[block], high[block], order[block])
    kept = Predicates(np.where(asked, low, -np.inf)[alone], np.where(asked, high, np.inf)[alone])
    return kept, seeds[alone], asked[alone]


def _narrow(table: FloatArray, low: FloatArray, high: FloatArray, order: Rows) -> tuple[Mask, Mask]:
    """Ask column after column until one row is left, and one more: whether that came about, and which were asked.

    The one more makes it rare that a stranger fits by chance, while the person whom the row copies still does.
    """
    fits = np.ones((len(low), len(table)), dtype=bool)
    asked = np.zeros(low.shape, dtype=bool)
    alone = np.zeros(len(low), dtype=bool)
    done = alone
    for columns in order.T:
        rows = np.flatnonzero(~done)
        if not len(rows):
            break
        chosen = columns[rows]
        values = table[:, chosen].T
        fits[rows] &= (values >= low[rows, chosen][:, None]) & (values <= high[rows, chosen][:, None])
        asked[rows, chosen] = True
        done, alone = alone, fits.sum(axis=1) == 1
    return alone, asked


def windows(tables: Tables, centres: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Limits around each value of (guesses, columns): the value itself for categories, neighbouring ranks for numbers."""
    low, high = centres.copy(), centres.copy()
    reach = max(1, round(WINDOW * len(tables.synthetic)))
    for column in np.flatnonzero(~tables.categorical):
        ladder = np.sort(tables.synthetic[:, column])
        first = np.searchsorted(ladder, centres[:, column], side="left") - reach
        last = np.searchsorted(ladder, centres[:, column], side="right") - 1 + reach
        low[:, column] = np.where(first < 0, -np.inf, ladder[np.maximum(first, 0)])
        high[:, column] = np.where(last >= len(ladder), np.inf, ladder[np.minimum(last, len(ladder) - 1)])
    return low, high


def blindly(tables: Tables, asked: Mask, rng: np.random.Generator) -> Predicates:
    """Guesses about the same columns with values drawn evenly from each column's range, or from its categories."""
    centres = np.empty(asked.shape)
    for column, values in enumerate(tables.synthetic.T):
        if tables.categorical[column]:
            centres[:, column] = rng.choice(np.unique(values), len(asked))
        else:
            centres[:, column] = rng.uniform(values.min(), values.max(), len(asked))
    low, high = windows(tables, centres)
    return Predicates(np.where(asked, low, -np.inf), np.where(asked, high, np.inf))


def _caveats(scale: float) -> list[str]:
    found = ["Guesses may point to the same person, so they are less independent than the interval takes them for."]
    if scale > 1:
        found.append(
            f"There are {scale:.3g} times as many originals as control records; the control's rate was scaled up to that "
            f"number, which it cannot exceed but may fall short of."
        )
    return found


def check(params: Mapping[str, Any]) -> None:
    """Raises InputError: "guesses" is no number of guesses."""
    whole(params, "guesses", GUESSES)
