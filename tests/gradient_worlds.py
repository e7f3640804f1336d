"""For tests of gradient inversion: digits, small nets whose weights come from a seed, and clients that send updates."""

from functools import cache
from typing import Any

import numpy as np
import torch

from govtool.attacks.gradient.attacker import Attacker
from govtool.attacks.gradient.update import Local, Update, prepare, send
from govtool.attacks.interface import Records
from govtool.attacks.inversion.question import Bounds

SIDE, PIXELS, CLASSES = (1, 8, 8), 64, 10
BOUNDS = Bounds(np.zeros(PIXELS, dtype=np.float32), np.ones(PIXELS, dtype=np.float32))


@cache
def digits() -> Records:
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    return Records((pixels / 16).astype(np.float32), labels.astype(np.int64))


def some(start: int, stop: int) -> Records:
    return Records(digits().features[start:stop], digits().labels[start:stop])


def attacker(*, public: bool = True, most: int = 4) -> Attacker:
    return Attacker(BOUNDS, SIDE, some(1000, 1400) if public else None, most)


def dense(hidden: int = 128, seed: int = 0, inputs: int = PIXELS, act: type = torch.nn.ReLU) -> Any:
    torch.manual_seed(seed)
    layers = [torch.nn.Linear(inputs, hidden), act(), torch.nn.Linear(hidden, CLASSES)]
    return prepare(torch.nn.Sequential(*layers), Local())


def smooth_conv(seed: int = 0) -> Any:
    """The net of the first papers: convolutions and sigmoids, wide weights (Zhu et al. 2019)."""
    torch.manual_seed(seed)
    net = torch.nn.Sequential(
        torch.nn.Unflatten(1, SIDE),
        torch.nn.Conv2d(1, 12, 3, padding=1),
        torch.nn.Sigmoid(),
        torch.nn.Conv2d(12, 12, 3, padding=1, stride=2),
        torch.nn.Sigmoid(),
        torch.nn.Flatten(),
        torch.nn.Linear(12 * 16, CLASSES),
    )
    for parameter in net.parameters():
        torch.nn.init.uniform_(parameter, -0.5, 0.5)
    return prepare(net, Local())


def sent(net: Any, records: Records, local: Local = Local(), *, tell: bool = False) -> Update:  # noqa: B008 - frozen
    return send(net, records.features, records.labels, local, tell_labels=tell)
