"""Faces for the benchmarks of reconstruction: a pinned copy of the ORL database, and models of it to attack.

The folder given holds ``orl_faces.npz``: images uint8 (400, 112, 92), labels (400,), shot (400,), ten photos of each of 40
people (Samaria & Harter 1994; credit to Olivetti Research Laboratory). Public copies often have people replaced by somebody
else's own photos, under the same name and with the same counts, so the pixels are pinned here by their digest.

Nothing of it may be shipped. Each person's first seven photos train the target; the other three are the judges'.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from govtool.access import Access, reachable
from govtool.attacks.interface import Features, FloatArray, Labels, Records
from govtool.errors import EvidenceError

PIXELS = "2e4844a9f4fa4397058f69d6208047170f2e9d399cda18b55c1e8d28f0a83431"
PEOPLE, PHOTOS, TRAINED_ON = 40, 10, 7


@dataclass(frozen=True)
class Faces:
    """Photos in 0..1, float32 (people, photos, height, width), in the order of the file."""

    pictures: NDArray[np.float32]

    @property
    def shape(self) -> tuple[int, int, int]:
        return (1, *self.pictures.shape[2:])

    def records(self, people: Sequence[int], photos: Sequence[int]) -> Records:
        """Flat records of these photos of these people, labelled 0, 1, 2, ... in the order given."""
        chosen = self.pictures[np.ix_(people, photos)]
        labels = np.repeat(np.arange(len(people)), len(photos))
        return Records(chosen.reshape(len(labels), -1), labels)


def load(folder: Path, pool: int = 2) -> Faces:
    """The database, each side divided by `pool` by averaging (2 gives 56 x 46).

    Raises:
        EvidenceError: the pixels are not those of the pinned copy.
    """
    with np.load(folder / "orl_faces.npz", allow_pickle=False) as file:
        images = np.ascontiguousarray(file["images"])
    if hashlib.sha256(images.tobytes()).hexdigest() != PIXELS:
        raise EvidenceError("orl_faces.npz is not the pinned copy of the ORL faces: some pixels differ")
    height, width = images.shape[1:]
    blocks = images.reshape(len(images), height // pool, pool, width // pool, pool).mean(axis=(2, 4)) / 255
    return Faces(blocks.astype(np.float32).reshape(PEOPLE, PHOTOS, height // pool, width // pool))


@dataclass(frozen=True)
class Net:
    """A torch module as a target whose weights are exposed."""

    network: Any
    n_classes: int
    access: frozenset[Access] = reachable(frozenset({Access.WEIGHTS}))

    def log_probabilities(self, features: Features) -> FloatArray:
        import torch

        with torch.no_grad():
            answers = torch.log_softmax(self.network(torch.from_numpy(features)).double(), 1)
        return np.asarray(answers.numpy(), dtype=np.float64)

    def labels(self, features: Features) -> Labels:
        return np.asarray(self.log_probabilities(features).argmax(axis=1), dtype=np.int64)

    def module(self) -> Any:
        return self.network

    def accuracy(self, records: Records) -> float:
        return float((self.labels(records.features) == records.labels).mean())


def softmax(shape: tuple[int, int, int], classes: int) -> Any:
    import torch

    return torch.nn.Sequential(torch.nn.Linear(int(np.prod(shape)), classes))


def mlp(shape: tuple[int, int, int], classes: int, hidden: int = 3000) -> Any:
    import torch

    return torch.nn.Sequential(
        torch.nn.Linear(int(np.prod(shape)), hidden), torch.nn.Sigmoid(), torch.nn.Linear(hidden, classes)
    )


def cnn(shape: tuple[int, int, int], classes: int) -> Any:
    """Three convolutions with batch norm, ReLU and pooling, then one linear layer."""
    import torch

    channels, height, width = shape
    layers: list[Any] = [torch.nn.Unflatten(1, shape)]
    for out in (16, 32, 64):
        layers += [
            torch.nn.Conv2d(channels, out, 3, padding=1),
            torch.nn.BatchNorm2d(out),
            torch.nn.ReLU(),
            torch.nn.MaxPool2d(2),
        ]
        channels, height, width = out, height // 2, width // 2
    return torch.nn.Sequential(*layers, torch.nn.Flatten(), torch.nn.Linear(channels * height * width, classes))


def autoencoder(shape: tuple[int, int, int], classes: int, hidden: tuple[int, int] = (1000, 300)) -> Any:
    """Softmax on the codes of an autoencoder, whose decoder ships with it: Fredrikson et al. 2015, section 5, with their sizes."""
    import torch

    class Autoencoding(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            sizes = (int(np.prod(shape)), *hidden)
            self.encoder, self.decoder = (
                torch.nn.Sequential(
                    torch.nn.Linear(way[0], way[1]),
                    torch.nn.Sigmoid(),
                    torch.nn.Linear(way[1], way[2]),
                    torch.nn.Sigmoid(),
                )
                for way in (sizes, sizes[::-1])
            )
            self.head = torch.nn.Linear(hidden[-1], classes)

        def forward(self, inputs: Any) -> Any:
            return self.head(self.encoder(inputs))

    return Autoencoding()


def denoising(network: Any, records: Records, seed: int, *, noise: float = 0.1, epochs: int = 60) -> Net:
    """Train an `autoencoder` to undo noise and to tell people apart, both at once; its decoder learns from the first alone."""
    import torch

    torch.manual_seed(seed)
    features, labels = torch.from_numpy(records.features), torch.from_numpy(records.labels)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    for _ in range(epochs):
        for batch in torch.randperm(len(features)).split(32):
            optimizer.zero_grad()
            codes = network.encoder(features[batch] + noise * torch.randn_like(features[batch]))
            apart = ((network.decoder(codes) - features[batch]) ** 2).sum(1).mean()
            (torch.nn.functional.cross_entropy(network.head(codes), labels[batch]) + 0.1 * apart).backward()
            optimizer.step()
    return Net(network.eval(), int(records.labels.max()) + 1)


def train(network: Any, records: Records, seed: int, *, epochs: int, rate: float = 1e-3, decay: float = 1e-4) -> Net:
    """Adam with batches of 32 and a little weight decay."""
    import torch

    torch.manual_seed(seed)
    for layer in network.modules():
        if hasattr(layer, "reset_parameters"):
            layer.reset_parameters()
    optimizer = torch.optim.Adam(network.parameters(), lr=rate, weight_decay=decay)
    features, labels = torch.from_numpy(records.features), torch.from_numpy(records.labels)
    network.train()
    for _ in range(epochs):
        for batch in torch.randperm(len(labels)).split(32):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(network(features[batch]), labels[batch]).backward()
            optimizer.step()
    return Net(network.eval(), int(records.labels.max()) + 1)


TARGETS = {"softmax": (softmax, 150), "mlp": (mlp, 40), "cnn": (cnn, 15)}
"""Networks and epochs. Trained on 7 photos of 40 people at 56 x 46 they name 95.8, 95.8 and 98.3 % of the other photos (seed 0)."""


def target(
    faces: Faces, name: str, people: Sequence[int] = range(PEOPLE), *, photos: int = TRAINED_ON, seed: int = 0
) -> Net:
    """One of `TARGETS`, trained on the first photos of these people."""
    build, epochs = TARGETS[name]
    return train(build(faces.shape, len(people)), faces.records(people, range(photos)), seed, epochs=epochs)
