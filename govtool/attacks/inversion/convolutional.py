"""The judge that learns its own features: a small convolutional net, trained with augmentation on records of its own.

Without augmentation such a net is a poor judge both ways: it names 15 % of pictures that the same net with augmentation
names at 82 %, because reconstructions are shifted, faint and noisy as no photograph is. Settings were chosen by how well
it names real photos (ORL faces, three photos per person to learn from: 96 % of seven others named, two seeds; 8x8 digits,
30 records per class: 96 %), never by what it says of reconstructions.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from govtool.attacks.interface import FloatArray, Labels
from govtool.attacks.inversion.question import Shape
from govtool.attacks.optimizer import Optimizer

if TYPE_CHECKING:
    from torch import Generator, Tensor
    from torch.nn import Module

SIDE = 28
"""Larger pictures are averaged down to about this many pixels a side."""
BATCH = 32
WIDTH = 16
RATE = 5e-3
STEPS_PER_CLASS, FEWEST_STEPS, MOST_STEPS = 6, 120, 1500
_BLOCKS = 3
_SHARPNESS = 12.0  # of the cosine classifier: what its cosines are multiplied by
_SMOOTHING = 0.1
_DECAY = 1e-4
_SHIFT, _SCALE, _TURN = 0.16, 0.1, 0.1  # in half sides, as a share, in radians
_CONTRAST, _LIGHT, _NOISE = 0.5, 0.1, 0.02
_ASKED_AT_ONCE = 256


@dataclass(frozen=True)
class Trained:
    """`scores`: (n, features) in range units to (n, classes), higher is likelier; `features`: to (n, d), what it looks at."""

    scores: Callable[[FloatArray], FloatArray]
    features: Callable[[FloatArray], FloatArray]


def train(units: FloatArray, numbers: Labels, shape: Shape, seed: int) -> Trained:
    """Learn (n, features) pictures in range units with their classes as numbers from 0.

    MissingExtraError is the caller's: whoever inverts a model has torch.
    """
    import torch

    classes = int(numbers.max()) + 1
    pictures, wanted = _prepared(units, shape), torch.as_tensor(numbers)
    chance = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        body, head = _network(pictures.shape[1:], classes)
    body.train(), head.train()
    optimizer = Optimizer([*body.parameters(), *head.parameters()], "adam", RATE, _DECAY)
    steps = min(MOST_STEPS, max(FEWEST_STEPS, STEPS_PER_CLASS * classes))
    for step, batch in zip(range(steps), _batches(len(wanted), chance), strict=False):
        optimizer.rate = RATE * min(1.0, 2 * (1 - step / steps))
        seen = head(body(_augmented(pictures[batch], chance)))
        loss = torch.nn.functional.cross_entropy(seen, wanted[batch], label_smoothing=_SMOOTHING)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    body.eval(), head.eval()

    def asked(layers: "Callable[[Tensor], Tensor]") -> Callable[[FloatArray], FloatArray]:
        def answer(rows: FloatArray) -> FloatArray:
            with torch.no_grad():
                parts = [layers(part) for part in torch.split(_prepared(rows, shape), _ASKED_AT_ONCE)]
            return np.asarray(torch.cat(parts).double().numpy(), dtype=np.float64)

        return answer

    return Trained(scores=asked(lambda seen: head(body(seen))), features=asked(body))


def _prepared(units: FloatArray, shape: Shape) -> "Tensor":
    """(n, channels, height, width) around 0, averaged down to about `SIDE`."""
    import torch

    pictures = (
        torch.from_numpy(np.array(units, dtype=np.float32)).reshape(-1, *shape) - 0.5
    )  # a copy: rows may be read-only
    shrink = max(1, round(max(shape[1:]) / SIDE))
    kernel = tuple(min(shrink, side) for side in shape[1:])
    return torch.nn.functional.avg_pool2d(pictures, kernel) if shrink > 1 else pictures


def _batches(records: int, chance: "Generator") -> Any:
    """Numbers of records, a batch at a time, every record once before any comes again; without end."""
    import torch

    while True:
        parts = torch.split(torch.randperm(records, generator=chance), BATCH)
        yield from (part for part in parts if len(part) > 1 or len(parts) == 1)  # one record has no batch statistics


def _network(record: Any, classes: int) -> "tuple[Module, Module]":
    """Convolutions with batch norm, ReLU and pooling; then cosines with one direction per class, which few records suffice for."""
    import torch

    channels, height, width = record
    layers: list[Module] = []
    for block in range(max(1, min(_BLOCKS, int(np.log2(min(height, width))) - 1))):
        out = WIDTH * 2**block
        pool = (min(2, height), min(2, width))
        layers += [
            torch.nn.Conv2d(channels, out, 3, padding=1, bias=False),
            torch.nn.BatchNorm2d(out),
            torch.nn.ReLU(),
            torch.nn.MaxPool2d(pool),
        ]
        channels, height, width = out, height // pool[0], width // pool[1]
    inputs = channels * height * width
    layers += [torch.nn.Flatten(), torch.nn.BatchNorm1d(inputs, affine=False)]

    class Cosines(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.directions = torch.nn.Parameter(torch.randn(classes, inputs) / inputs**0.5)

        def forward(self, seen: "Tensor") -> "Tensor":
            unit = torch.nn.functional.normalize
            return _SHARPNESS * torch.nn.functional.linear(unit(seen), unit(self.directions))

    return torch.nn.Sequential(*layers), Cosines()


def _augmented(pictures: "Tensor", chance: "Generator") -> "Tensor":
    """Each picture a little moved, turned, enlarged, brighter or darker, with more or less contrast, and noisy."""
    import torch

    n = len(pictures)

    def drawn(spread: float, *more: int) -> "Tensor":
        return spread * (2 * torch.rand(n, *more, generator=chance) - 1)

    turn, scale, shift = drawn(_TURN), 1 + drawn(_SCALE), drawn(_SHIFT, 2)
    cosine, sine = scale * turn.cos(), scale * turn.sin()
    moves = torch.stack([torch.stack([cosine, -sine, shift[:, 0]], 1), torch.stack([sine, cosine, shift[:, 1]], 1)], 1)
    grid = torch.nn.functional.affine_grid(moves, list(pictures.shape), align_corners=False)
    moved = torch.nn.functional.grid_sample(pictures, grid, padding_mode="border", align_corners=False)
    lit = (1 + drawn(_CONTRAST, 1, 1, 1)) * moved + drawn(_LIGHT, 1, 1, 1)
    return lit + _NOISE * torch.randn(lit.shape, generator=chance)
