"""Records read off the first fully connected layer without any search.

For unit i of a layer z = W x + b the gradients are dL/dW_i = sum_j d_ij x_j and dL/db_i = sum_j d_ij. Their ratio is the
record itself where only one record moves the unit: always with one record (Geiping et al., NeurIPS 2020, proposition 3.1),
and where a ReLU is on for one record only with several (Boenisch et al., 'When the Curious Abandon Honesty', 2021, arXiv
2112.02918). Several local steps change the weights d_ij and not the ratio.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from govtool.attacks.gradient.layers import Dense
from govtool.attacks.gradient.update import Readout, Update
from govtool.attacks.inversion.question import Bounds

Matrix = NDArray[np.float64]

SLACK = 1e-3
"""Share of a feature's range by which a record read from exact numbers may leave it: rounding, not data."""
SAME = 1e-2
"""Root mean square, in shares of the range, within which two readings are of one record. Rounding gives far less where a
unit's gradient is worth reading; records of two people differ by far more."""
FAINT = 1e-6
"""Units whose gradient is weaker than this share of the strongest hold rounding only."""
_APART = 1e-3
"""Share of a reading's length that must lie outside the span of the units that it leaves off."""
_SURER = 2.5
"""How many units that agree a reading counts for that is shown to be no mixture."""
_SURE = 4.0
"""Standard deviations of noise that a unit's gradient must stand out by."""


@dataclass(frozen=True)
class Reading:
    """Distinct records, the surest first."""

    inputs: NDArray[np.float32]
    """(found, features), at most as many as the update was made from."""
    support: NDArray[np.int64]
    """(found,) units that gave the same one."""
    sure: NDArray[np.bool_]
    """(found,) shown to be one record and no mixture of several. Known without the truth."""
    candidates: int
    """Distinct readings inside the data range before the best were kept."""


def read(update: Update, layer: Dense, bounds: Bounds, prior: "Prior | None" = None) -> Reading | None:
    """The records that the layer gives away; None where it has no bias, or nothing of it was sent.

    Args:
        update: the intercepted update.
        layer: the one that is given the record itself.
        bounds: range of the data, per feature.
        prior: what is known of such records anyway; used where noise was added.
    """
    rows = layer.rows(update.tensors)
    if rows is None or not np.any(rows[1]):
        return None
    if update.size == 1:
        one = _single(*rows, update.readout, bounds)
        if prior is not None and update.readout.noise:
            one = prior.cleaned(one, update.readout.noise / max(_strength(rows[1], update.readout.noise), 1e-12))
        inputs = np.clip(one, bounds.low.ravel(), bounds.high.ravel())[None].astype(np.float32)
        clean = update.readout == Readout()
        return Reading(inputs, np.array([int((rows[1] != 0).sum())]), np.array([clean]), 1)
    return _several(*rows, update, layer, bounds)


def _strength(bias: Matrix, noise: float) -> float:
    """Length of the bias's gradient without the noise's own part."""
    return float(np.sqrt(max(float(bias @ bias) - len(bias) * noise**2, 0.0)))


def _single(weights: Matrix, bias: Matrix, readout: Readout, bounds: Bounds) -> Matrix:
    """One record from all units at once.

    [dW | db] = d [x | 1] has rank one, so its leading singular vectors give d and x with the noise of all entries averaged
    out (total least squares; Eckart & Young 1936). A single unit's ratio is far noisier.
    """
    if readout.signs:
        return _from_signs(weights, bias, bounds)
    if readout.sparse:
        return _from_survivors(weights, bias, bounds)
    # Without noise the bias's gradient is d itself.
    left = _leading(np.concatenate([weights, bias[:, None]], axis=1)) if readout.noise else bias
    return np.asarray(left @ weights / (left @ bias), dtype=np.float64)


def _leading(matrix: Matrix) -> Matrix:
    """The leading left singular vector, from whichever Gram matrix is smaller."""
    rows, columns = matrix.shape
    if rows <= columns:
        return np.asarray(np.linalg.eigh(matrix @ matrix.T)[1][:, -1], dtype=np.float64)
    vector = matrix @ np.linalg.eigh(matrix.T @ matrix)[1][:, -1]
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float64)


def _from_survivors(weights: Matrix, bias: Matrix, bounds: Bounds) -> Matrix:
    """After sparsification: least squares over the entries that were kept; a pixel of which none was kept was small.

    Units are weighed by their bias's gradient, where it was kept.
    """
    kept = weights != 0
    power = (kept * bias[:, None] ** 2).sum(axis=0)
    found = np.where(power > 0, (weights * bias[:, None]).sum(axis=0) / np.where(power > 0, power, 1), 0)
    smallest = np.abs(weights[kept]).min() if kept.any() else 0.0
    small = smallest / max(np.abs(bias).max(), np.finfo(float).tiny)  # |d x| fell below the smallest that was sent
    empty = np.clip(small / 2, bounds.low.ravel(), bounds.high.ravel())
    return np.asarray(np.where(power > 0, found, empty), dtype=np.float64)


def _from_signs(weights: Matrix, bias: Matrix, bounds: Bounds) -> Matrix:
    """After sign compression: sign(d x) sign(d) is the sign of x, so what is left of a record is where it is not zero."""
    agreed = (np.sign(weights) * np.sign(bias)[:, None])[bias != 0].mean(axis=0)
    low, high = bounds.low.ravel().astype(np.float64), bounds.high.ravel().astype(np.float64)
    return np.where(agreed > 0, np.maximum(low, 0) / 2 + high / 2, np.where(agreed < 0, low / 2, np.clip(0, low, high)))


def _several(weights: Matrix, bias: Matrix, update: Update, layer: Dense, bounds: Bounds) -> Reading:
    """Each unit's ratio, as far as it lies in the data range; readings that agree are one record."""
    noise = update.readout.noise
    strength = np.abs(bias)
    loud = np.flatnonzero((strength > FAINT * strength.max()) & (strength > _SURE * noise))
    loud = loud[np.argsort(-strength[loud], kind="stable")]
    low, width = (one.ravel().astype(np.float64) for one in (bounds.low, bounds.high - bounds.low))
    width = np.where(width > 0, width, 1)
    units = (weights[loud] / bias[loud, None] - low) / width
    slack = SLACK + _SURE * noise / strength[loud] / width.mean()
    inside = (units.min(axis=1) >= -slack) & (units.max(axis=1) <= 1 + slack)
    groups = _distinct(units[inside], strength[loud][inside], slack[inside] - SLACK)
    if not groups:
        nothing = np.zeros((0, weights.shape[1]), dtype=np.float32)
        return Reading(nothing, np.zeros(0, dtype=np.int64), np.zeros(0, dtype=bool), 0)
    found = np.stack([one for one, _ in groups])
    support = np.array([count for _, count in groups])
    inputs = bounds.from_units(np.clip(found, 0, 1).reshape(len(found), *bounds.low.shape)).reshape(len(found), -1)
    sure = np.zeros(len(inputs), dtype=bool)
    if layer.rectified and update.readout == Readout() and update.local.steps == 1:
        sure = _unmixed(weights, bias, layer, inputs, update.size)
    best = np.argsort(-(support + _SURER * sure), kind="stable")[: update.size]
    return Reading(inputs[best], support[best], sure[best], len(found))


def _distinct(units: Matrix, weight: Matrix, slack: Matrix) -> list[tuple[Matrix, int]]:
    """Readings, the strongest first, put together with those that agree: (mean weighted by strength squared, how many)."""
    left = np.arange(len(units))
    groups: list[tuple[Matrix, int]] = []
    while len(left):
        apart = np.sqrt(((units[left] - units[left[0]]) ** 2).mean(axis=1))
        same = apart <= SAME + slack[left] + slack[left[0]]
        power = weight[left[same]] ** 2
        groups.append((power @ units[left[same]] / power.sum(), int(same.sum())))
        left = left[~same]
    return groups


def _unmixed(weights: Matrix, bias: Matrix, layer: Dense, inputs: NDArray[np.float32], size: int) -> NDArray[np.bool_]:
    """(found,) whether each reading is surely one record and no mixture.

    The rows of units that a record leaves off are made of the others' records alone. So a true record does not lie in
    their span, while a mixture of several does (the idea of Dimitrov et al., SPEAR, NeurIPS 2024, arXiv 2403.03945).
    """
    rows = np.concatenate([weights, bias[:, None]], axis=1)
    lengths = np.linalg.norm(rows, axis=1)
    heard = lengths > FAINT * lengths.max()
    rows = rows[heard] / lengths[heard, None]
    _, values, basis = np.linalg.svd(rows, full_matrices=False)
    rank = min(size, int((values > FAINT * values[0]).sum()))
    basis = basis[:rank]
    placed = rows @ basis.T
    full = np.concatenate([inputs.astype(np.float64), np.ones((len(inputs), 1))], axis=1)
    wanted = full @ basis.T
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    off = ~layer.active(inputs)[:, heard]
    apart = np.zeros(len(inputs), dtype=bool)
    for index, (one, silent) in enumerate(zip(wanted, off, strict=True)):
        if silent.sum() < rank:
            continue  # too few units to span anything: no evidence either way
        spectrum, axes = np.linalg.eigh(placed[silent].T @ placed[silent])
        blind = axes[:, spectrum < (1e-5**2) * spectrum[-1]]
        apart[index] = bool(blind.size) and float(np.linalg.norm(blind.T @ one)) > _APART
    return apart


@dataclass(frozen=True)
class Prior:
    """What is known of such records without the update: mean and principal axes of public ones, and what these leave out."""

    mean: Matrix
    axes: Matrix
    """(components, features), orthonormal."""
    variance: Matrix
    """(components,)."""
    outside: float
    """Variance per feature that other people's records have off these axes."""

    @classmethod
    def of(cls, features: NDArray[Any]) -> "Prior":
        """From (n, features) public records. What axes leave out is measured on the half that they were not drawn from."""
        flat = features.reshape(len(features), -1).astype(np.float64)
        half = len(flat) // 2
        mean, axes, _ = _principal(flat[:half])
        apart = flat[half:] - mean
        left = (apart**2).sum() - ((apart @ axes.T) ** 2).sum()
        free = max(len(apart) * (flat.shape[1] - len(axes)), 1)
        return cls(*_principal(flat), outside=max(float(left), 0.0) / free)

    def cleaned(self, noisy: Matrix, noise: float) -> Matrix:
        """The expected record given a reading with Gaussian noise of this standard deviation (Wiener filter)."""
        along = self.axes @ (noisy - self.mean)
        rest = noisy - self.mean - along @ self.axes
        kept = self.variance / (self.variance + noise**2)
        kept_rest = self.outside / (self.outside + noise**2) if self.outside else 0.0
        return np.asarray(self.mean + (kept * along) @ self.axes + kept_rest * rest, dtype=np.float64)


def _principal(flat: Matrix) -> tuple[Matrix, Matrix, Matrix]:
    """Mean, principal axes and variances; axes along which nothing varies are left out."""
    mean = flat.mean(axis=0)
    _, values, axes = np.linalg.svd(flat - mean, full_matrices=False)
    varied = values > _FLAT * max(float(values[0]), np.finfo(float).tiny)
    return mean, axes[varied], values[varied] ** 2 / max(len(flat) - 1, 1)


_FLAT = 1e-9
