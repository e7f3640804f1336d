"""What a client can do to its update before it sends it, and what the attacker then knows about it.

Noise is added after clipping to length 1, as in differentially private training, per entry. Each is measured with an attack
that adapts: reading one unit alone overstates noise by up to 16 dB.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from govtool.attacks.gradient.update import Readout, Tensors, Update

Change = Callable[[Update, np.random.Generator], Update]


@dataclass(frozen=True)
class Defence:
    """One row of the table."""

    title: str
    change: Change
    clients: int = 1
    """Whose updates are added up before anyone sees them."""


def _clipped(tensors: Tensors, length: float = 1.0) -> Tensors:
    norm = np.sqrt(sum(float((one.astype(np.float64) ** 2).sum()) for one in tensors.values()))
    shrink = np.float32(min(1.0, length / norm)) if norm else np.float32(1)
    return {name: one * shrink for name, one in tensors.items()}


def clip(update: Update, _rng: np.random.Generator) -> Update:
    return replace(update, tensors=_clipped(update.tensors))


def noise(deviation: float) -> Change:
    def change(update: Update, rng: np.random.Generator) -> Update:
        noisy = {
            name: (one + rng.normal(scale=deviation, size=one.shape)).astype(np.float32)
            for name, one in _clipped(update.tensors).items()
        }
        return replace(update, tensors=noisy, readout=Readout(noise=deviation))

    return change


def largest(share: float) -> Change:
    """Only this share of all entries is sent, the largest; the others are zero."""

    def change(update: Update, _rng: np.random.Generator) -> Update:
        sizes = np.concatenate([np.abs(one).ravel() for one in update.tensors.values()])
        kept = max(1, round(share * len(sizes)))
        least = np.partition(sizes, len(sizes) - kept)[len(sizes) - kept]
        tensors = {name: np.where(np.abs(one) >= least, one, np.float32(0)) for name, one in update.tensors.items()}
        return replace(update, tensors=tensors, readout=Readout(sparse=True))

    return change


def signs(update: Update, _rng: np.random.Generator) -> Update:
    tensors = {name: np.sign(one) for name, one in update.tensors.items()}
    return replace(update, tensors=tensors, readout=Readout(signs=True))


def nothing(update: Update, _rng: np.random.Generator) -> Update:
    return update


DEFENCES: Mapping[str, Defence] = {
    "none": Defence("no defence", nothing),
    "clip": Defence("clipped to length 1", clip),
    "noise_1e-4": Defence("clipped, noise 0.0001 on every entry", noise(1e-4)),
    "noise_1e-3": Defence("clipped, noise 0.001 on every entry", noise(1e-3)),
    "noise_1e-2": Defence("clipped, noise 0.01 on every entry", noise(1e-2)),
    "top_10": Defence("only the largest 10 % of entries sent", largest(0.10)),
    "top_1": Defence("only the largest 1 % of entries sent", largest(0.01)),
    "signs": Defence("only the sign of every entry sent", signs),
    "sum_of_8": Defence("secure aggregation over 8 clients", nothing, clients=8),
    "sum_of_32": Defence("secure aggregation over 32 clients", nothing, clients=32),
}
