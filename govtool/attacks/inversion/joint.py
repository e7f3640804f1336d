"""The search of ensemble inversion: inputs that several models at once find typical of a class.

After Wang & Kurz, 'Reconstructing Training Data from Diverse ML Models by Ensemble Inversion' (WACV 2022, arXiv
2111.03702): the members' losses are averaged, so that specks which please one model alone find no majority. Two of
the paper's responses are here, one-hot (cross-entropy) and maximum response (the class's own output); the margin, whose
gradient neither vanishes far from the class nor rewards certainty without end, is ours and the default. Members differ in
how steep they are, and the steepest would draw alone: each one's gradient is weighed so that all start equally steep.

All classes and restarts are one batch. Pictures are drawn as offsets from grey seen through a Gaussian blur, or in the
latent space of a prior, and each member sees them moved by a pixel or two, each by its own.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from govtool.attacks.inversion.priors.interface import Prior
from govtool.attacks.inversion.question import Shape
from govtool.attacks.optimizer import Optimizer

if TYPE_CHECKING:
    from torch import Tensor

Response = Literal["margin", "one_hot", "max_response"]
UNKNOWN = -1
"""A class that a member has no answer for."""

STEPS = 200
RESTARTS = 2
MARGIN = 10.0
"""Log odds to strive for."""
BLUR = 1 / 30
"""Standard deviation of the blur, as a share of the picture's shorter side."""
MOVED = 1 / 25
"""By how much of the shorter side a member may see the pictures moved, each way."""
DISTANCE = 3e-3
"""Weight of the squared distance from grey, summed over pixels."""
LATENT = 0.05
"""Weight of the squared latents, summed; typical records have latents of about standard normal size."""
RATE = {"pixels": 0.05, "latents": 0.1}
START_NOISE = 0.5
LOOKS = 8
"""Moved copies by which restarts are compared."""


@dataclass(frozen=True)
class Member:
    """One model of the ensemble."""

    module: Any
    """(n, *record) records in units of the range, to (n, its classes) logits."""
    wanted: "Tensor"
    """(classes attacked,) its own class for each, or UNKNOWN."""


class Space(Protocol):
    """What is searched: parameters, one row per picture."""

    @property
    def rate(self) -> float: ...

    def start(self, members: Sequence[Member], rng: np.random.Generator) -> "Tensor":
        """(RESTARTS * classes, ...) parameters, restart-major."""
        ...

    def draw(self, parameters: "Tensor") -> "Tensor":
        """(n, *record) records in units of the range."""
        ...

    def penalty(self, parameters: "Tensor") -> "Tensor":
        """What speaks against them before any model is asked, summed."""
        ...


def search(
    members: Sequence[Member],
    space: Space,
    shape: Shape | None,
    response: Response,
    steps: int,
    rng: np.random.Generator,
) -> "Tensor":
    """(classes, *record) the pictures, in units of the range, that the members together find most typical.

    The best of `RESTARTS` is the one whose moved copies the members are surest of on average, each member counting alike.
    """
    import torch

    parameters = space.start(members, rng).requires_grad_(True)
    wanted = [member.wanted.repeat(RESTARTS) for member in members]
    optimizer = Optimizer([parameters], "adam", space.rate, 0.0)
    steepness: list[float] = []
    for _ in range(steps):
        pictures = space.draw(parameters)
        pulls = [
            _pull(pictures.detach(), member, own, shape, response, rng)
            for member, own in zip(members, wanted, strict=True)
        ]
        steepness = steepness or [float(pull.flatten(1).norm(dim=1).mean()) for pull in pulls]
        pull = _together(pulls, steepness)
        (gradient,) = torch.autograd.grad(
            [pictures, space.penalty(parameters)], [parameters], [pull, torch.ones(())], allow_unused=False
        )
        optimizer.update([gradient])
    with torch.no_grad():
        pictures = space.draw(parameters)
        total = torch.zeros(len(pictures))
        for _ in range(LOOKS):
            for member, own in zip(members, wanted, strict=True):
                total += _log_probability(member.module(moved(pictures, shape, rng)), own)
        classes = len(pictures) // RESTARTS
        best = total.reshape(RESTARTS, classes).argmax(0) * classes + torch.arange(classes)
        return pictures[best]


def _pull(
    pictures: "Tensor", member: Member, own: "Tensor", shape: Shape | None, response: Response, rng: np.random.Generator
) -> "Tensor":
    """The gradient of one member's loss with respect to the pictures as it sees them."""
    import torch

    seen = pictures.clone().requires_grad_(True)
    loss = RESPONSES[response](member.module(moved(seen, shape, rng)), own.clamp_min(0)) * (own != UNKNOWN)
    (gradient,) = torch.autograd.grad(loss.sum(), seen)
    return gradient


def _together(pulls: "Sequence[Tensor]", steepness: Sequence[float]) -> "Tensor":
    """The mean pull, each member's brought to the mean steepness that the members had at the start.

    A member that pulled at nothing then has no steepness to be measured by, and is left as it is.
    """
    import torch

    typical = float(np.mean(steepness))
    weighed = [pull * (typical / steep) if steep > 0 else pull for pull, steep in zip(pulls, steepness, strict=True)]
    return torch.stack(weighed).mean(0)


def _margin(logits: "Tensor", own: "Tensor") -> "Tensor":
    import torch

    mine = logits.gather(1, own[:, None]).squeeze(1)
    others = logits.scatter(1, own[:, None], float("-inf")).logsumexp(1)
    return torch.nn.functional.softplus(MARGIN - (mine - others))


def _one_hot(logits: "Tensor", own: "Tensor") -> "Tensor":
    import torch

    return torch.nn.functional.cross_entropy(logits, own, reduction="none")


def _max_response(logits: "Tensor", own: "Tensor") -> "Tensor":
    return -logits.gather(1, own[:, None]).squeeze(1)


RESPONSES: "dict[str, Callable[[Tensor, Tensor], Tensor]]" = {
    "margin": _margin,
    "one_hot": _one_hot,
    "max_response": _max_response,
}
"""(n, classes) logits and (n,) classes to (n,) losses."""


def _log_probability(logits: "Tensor", own: "Tensor") -> "Tensor":
    """0 where the member does not know the class: it has no say in which restart is best."""
    import torch

    found = torch.log_softmax(logits, 1).gather(1, own.clamp_min(0)[:, None]).squeeze(1)
    return torch.where(own == UNKNOWN, torch.zeros_like(found), found)


def moved(pictures: "Tensor", shape: Shape | None, rng: np.random.Generator) -> "Tensor":
    """All pictures moved by the same few pixels, edges repeated; tables as they are."""
    import torch

    reach = 0 if shape is None else round(MOVED * min(shape[1:]))
    if not reach or shape is None:
        return pictures
    down, across = (int(step) for step in rng.integers(0, 2 * reach + 1, 2))
    padded = torch.nn.functional.pad(pictures.reshape(-1, *shape), [reach] * 4, mode="replicate")
    return padded[..., down : down + shape[1], across : across + shape[2]].reshape(pictures.shape)


@dataclass(frozen=True)
class Pixels:
    """Offsets from grey; for pictures seen through a blur, so that what is drawn is smooth."""

    record: tuple[int, ...]
    shape: Shape | None
    classes: int
    rate: float = RATE["pixels"]

    def start(self, members: Sequence[Member], rng: np.random.Generator) -> "Tensor":  # noqa: ARG002 - as every space
        """Grey, then noise."""
        import torch

        noise = START_NOISE * rng.standard_normal((RESTARTS, self.classes, *self.record))
        noise[0] = 0
        return torch.from_numpy(noise.reshape(-1, *self.record).astype(np.float32))

    def draw(self, parameters: "Tensor") -> "Tensor":
        smooth = parameters if self.shape is None else blurred(parameters, self.shape)
        return (0.5 + smooth).clamp(0, 1)

    def penalty(self, parameters: "Tensor") -> "Tensor":
        return DISTANCE * ((self.draw(parameters) - 0.5) ** 2).sum()


@dataclass(frozen=True)
class Latents:
    """The latent space of a prior learnt from public records."""

    prior: Prior
    classes: int
    rate: float = RATE["latents"]

    def start(self, members: Sequence[Member], rng: np.random.Generator) -> "Tensor":  # noqa: ARG002
        """For each class the public records that the members together find likest, best first."""
        import torch

        latents = torch.from_numpy(self.prior.public)
        with torch.no_grad():
            pictures = self.prior.decode(latents)
            likeness = torch.zeros(len(latents), self.classes)
            for member in members:
                known = member.wanted != UNKNOWN
                likeness += torch.log_softmax(member.module(pictures), 1)[:, member.wanted.clamp_min(0)] * known
        order = likeness.argsort(0, descending=True)[torch.arange(RESTARTS) % len(latents)]
        return latents[order.reshape(-1)].clone()

    def draw(self, parameters: "Tensor") -> "Tensor":
        return self.prior.decode(parameters)

    def penalty(self, parameters: "Tensor") -> "Tensor":
        return LATENT * (parameters**2).sum()


def blurred(pictures: "Tensor", shape: Shape) -> "Tensor":
    """Gaussian blur, edges mirrored."""
    import torch

    sigma = BLUR * min(shape[1:])
    reach = min(round(3 * sigma), min(shape[1:]) - 1)
    if not reach:
        return pictures
    steps = torch.arange(-reach, reach + 1, dtype=torch.float32)
    kernel = torch.exp(-(steps**2) / (2 * sigma**2))
    kernel = kernel / kernel.sum()
    planes = pictures.reshape(-1, 1, *shape[1:])
    planes = torch.nn.functional.pad(planes, [reach] * 4, mode="reflect")
    planes = torch.nn.functional.conv2d(planes, kernel[None, None, :, None])
    planes = torch.nn.functional.conv2d(planes, kernel[None, None, None, :])
    return planes.reshape(pictures.shape)


def frozen(module: Any) -> Any:
    """A copy that no search can change."""
    return copy.deepcopy(module).cpu().float().eval().requires_grad_(False)
