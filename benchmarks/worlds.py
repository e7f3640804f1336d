"""The real data sets of the benchmarks, as arrays, and split into members, non-members and population."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from govtool.attacks.interface import AttackData, Records


def load(folder: Path, name: str) -> Records:
    """location30, retail100 (0/1 features) or adult (levels one-hot, numbers standardised); classes from 0."""
    with np.load(folder / f"{name}.npz", allow_pickle=False) as archive:
        if "x_bits" in archive.files:
            features = np.unpackbits(archive["x_bits"], axis=1)[:, : int(archive["n_features"])].astype(np.float32)
            labels = archive["y"].astype(np.int64)
            return Records(features, labels - labels.min())
        columns = [_column(archive, name) for name in archive.files if name != "income" and "__" not in name]
        return Records(np.hstack(columns), archive["income"].astype(np.int64))


def _column(archive: np.lib.npyio.NpzFile, name: str) -> NDArray[np.float32]:
    values = archive[name]
    if f"{name}__levels" in archive.files:
        return np.eye(len(archive[f"{name}__levels"]), dtype=np.float32)[values]
    return np.asarray(((values - values.mean()) / values.std())[:, None], dtype=np.float32)


def load_pool(folder: Path, name: str, members: int, seed: int = 7) -> AttackData:
    """`members` members, as many non-members, and up to as many others as the population."""
    records = load(folder, name)
    order = np.random.default_rng(seed).permutation(len(records))
    parts = np.split(order, [members, 2 * members, 3 * members])[:3]
    return AttackData(*(Records(records.features[part], records.labels[part]) for part in parts))
