"""White-box reconstruction: the inputs a model finds most typical of each of its classes, by gradient ascent.

After Fredrikson, Jha & Ristenpart, 'Model Inversion Attacks that Exploit Confidence Information' (CCS 2015, MI-Face), with
what later work showed to matter: log odds instead of probability (whose gradient vanishes far from the class), a
smoothness prior, all classes in one batch, and restarts chosen by the attacker's own score under perturbation (Struppek
et al. 2022), never by looking at the truth.
"""

import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from govtool.attacks.inversion.question import STILL, Question, Reconstructions, Shape
from govtool.attacks.optimizer import Optimizer

# Frozen on four softmax and four MLP models of the 8x8 digits (16 cells tried); never fitted to the model under attack.
STEPS = 200
RATE = 0.05
MARGIN = 10.0
"""Log odds to strive for. At 0 (plain cross-entropy) a class the model sees in grey already stays grey."""
ROUGHNESS = 0.3
"""Weight of squared differences between neighbouring pixels, in units of the observed range."""
DISTANCE = 0.1
"""Weight of the squared distance from grey, summed over features."""
RESTARTS = 3
START_NOISE = 0.1
JITTER = 0.05
JITTERED_COPIES = 8


def reconstruct(module: Any, asked: Question, rng: np.random.Generator) -> Reconstructions:
    """Invert a torch module (inputs -> logits) for all classes asked at once, from grey. It is copied, not changed."""
    import torch

    classes, bounds, shape = asked.classes, asked.bounds, asked.shape

    model = copy.deepcopy(module).cpu().float().eval().requires_grad_(False)
    low, width = torch.as_tensor(bounds.low), torch.as_tensor(bounds.high - bounds.low)

    def logits(units: Any) -> Any:
        return model(low + units * width)

    wanted = torch.as_tensor(np.tile(classes, RESTARTS))
    units = torch.as_tensor(_starts(len(classes), bounds.low.shape, rng)).requires_grad_(True)
    optimizer = Optimizer([units], "adam", RATE, 0.0)
    for _ in range(STEPS):
        loss = _doubt(logits(units), wanted) + _prior(units, shape)
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            units.clamp_(0, 1)
    with torch.no_grad():
        score = _steadiness(logits, units, wanted, rng).reshape(RESTARTS, len(classes))
        best = score.argmax(0) * len(classes) + torch.arange(len(classes))
        chosen = units[best]
        confidence = torch.softmax(logits(chosen), 1)[torch.arange(len(classes)), torch.as_tensor(classes)]
        grey = (chosen - 0.5).abs().flatten(1).amax(1) < STILL
    return Reconstructions(bounds.from_units(chosen.numpy()), confidence.numpy().astype(np.float64), grey.numpy())


def _starts(classes: int, record: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float32]:
    """Grey for the first start of each class, grey with noise for the others; restart-major."""
    noise = START_NOISE * rng.standard_normal((RESTARTS, classes, *record))
    noise[0] = 0
    return np.clip(0.5 + noise, 0, 1).reshape(RESTARTS * classes, *record).astype(np.float32)


def _doubt(logits: Any, wanted: Any) -> Any:
    """How far the log odds of the wanted classes fall short of the margin, softly, summed; cross-entropy at margin 0."""
    import torch

    own = logits.gather(1, wanted[:, None]).squeeze(1)
    others = logits.scatter(1, wanted[:, None], float("-inf")).logsumexp(1)
    return torch.nn.functional.softplus(MARGIN - (own - others)).sum()


def _prior(units: Any, shape: Shape | None) -> Any:
    """What the attacker believes of inputs before asking the model: near grey and, for images, smooth."""
    distance = DISTANCE * ((units - 0.5) ** 2).sum()
    if shape is None:
        return distance
    pictures = units.reshape(-1, *shape)
    down, across = pictures[..., 1:, :] - pictures[..., :-1, :], pictures[..., 1:] - pictures[..., :-1]
    return distance + ROUGHNESS * ((down**2).sum() + (across**2).sum())


def _steadiness(logits: Any, units: Any, wanted: Any, rng: np.random.Generator) -> Any:
    """(restarts * classes,) mean log probability under small perturbations: adversarial specks do not survive them."""
    import torch

    total = torch.zeros(len(units))
    for _ in range(JITTERED_COPIES):
        noise = torch.as_tensor(JITTER * rng.standard_normal(tuple(units.shape)), dtype=torch.float32)
        total += torch.log_softmax(logits((units + noise).clamp(0, 1)), 1)[torch.arange(len(units)), wanted]
    return total / JITTERED_COPIES
