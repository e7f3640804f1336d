"""Are control records like the originals? Asked before any risk is read: else the attack may only measure that they are not."""

import numpy as np

from govtool.attacks import validity
from govtool.attacks.interface import AttackData, FloatArray, Records
from govtool.attacks.synthetic.interface import Tables

MOST_SHARED = 0.10
"""Share of control records found among the originals, beyond what twins among the originals explain."""


_MOST_KNOWN = 50
"""Values of a category that the classifier is told apart, the most frequent first; a column each for all of thousands of
postcodes would not fit in memory."""


def void(tables: Tables, rng: np.random.Generator) -> str:
    """Why no risk on these tables may be used; empty when it may."""
    shared, natural = _shared(tables.control, tables.originals), _twins(tables.originals)
    if shared > natural + MOST_SHARED:
        return (
            f"{shared:.0%} of the control records are among the originals ({natural:.0%} of the originals have a twin "
            f"there), so they are no control: the synthesiser has seen them"
        )
    blind = validity.blind_baseline(
        AttackData(_records(tables, tables.originals), _records(tables, tables.control)), rng
    )
    if blind.low > validity.CHANCE:
        return (
            f"originals and control records differ without the synthetic table: a classifier that never saw it tells them "
            f"apart (AUC {blind.value:.3f}, {blind.low:.3f} to {blind.high:.3f}), so a risk may only measure that difference"
        )
    return ""


def _records(tables: Tables, rows: FloatArray) -> Records:
    """Numbers as they are and one column per category, for a classifier that knows no names."""
    columns = [rows[:, ~tables.categorical]]
    for column in np.flatnonzero(tables.categorical):
        known, times = np.unique(
            np.concatenate([tables.originals[:, column], tables.control[:, column]]), return_counts=True
        )
        columns.append(rows[:, [column]] == known[np.argsort(-times, kind="stable")[:_MOST_KNOWN]])
    return Records(np.hstack(columns).astype(np.float32), np.zeros(len(rows), dtype=np.int64))


def _shared(asked: FloatArray, table: FloatArray) -> float:
    return float(np.isin(_opaque(asked), _opaque(table)).mean())


def _twins(table: FloatArray) -> float:
    _, counts = np.unique(_opaque(table), return_counts=True)
    return float(counts[counts > 1].sum() / len(table))


def _opaque(table: FloatArray) -> np.ndarray[tuple[int], np.dtype[np.void]]:
    plain = np.ascontiguousarray(table + 0.0)  # -0.0 and 0.0 are the same value
    return plain.view(np.dtype((np.void, plain.shape[1] * plain.itemsize))).ravel()
