"""White-box reconstruction: the inputs a model finds most typical of each of its classes, by gradient descent on `objectives`.

After Fredrikson, Jha & Ristenpart, 'Model Inversion Attacks that Exploit Confidence Information' (CCS 2015, MI-Face), with
what later work showed to matter: log odds instead of probability, a prior of pictures, jittered copies, the statistics of
batch normalisation, and restarts chosen by the attacker's own score under perturbation. All classes and restarts are one
batch, and one backward pass serves them all.
"""

import copy
import math
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from govtool.attacks.inversion import smoothness
from govtool.attacks.inversion.batch_statistics import Watch
from govtool.attacks.inversion.canvas import Blurred, Canvas, Codes, Pixels, Spectrum
from govtool.attacks.inversion.jitter import NOISE, jitter
from govtool.attacks.inversion.objectives import LOSSES
from govtool.attacks.inversion.process import denoise_and_sharpen
from govtool.attacks.inversion.question import STILL, Question, Reconstructions, Shape
from govtool.attacks.inversion.settings import FALLOFF, PRIOR_WEIGHTS, SPECTRUM_WEIGHT, Settings
from govtool.attacks.optimizer import Optimizer
from govtool.errors import InputError

START_NOISE = 0.1
_LAST_RATE = 0.05
"""Of the first step size, at the end; it falls along half a cosine."""
SELECTION_COPIES = 8
_SELECTION_SHARE = 0.05
"""How far copies are jittered when restarts are compared."""
_SELECTION_NOISE = 0.05
GAINS = (1e3, 1e6)
"""Tried in turn on a model that stays timid."""
_TIMID = 2.0
"""Times chance; a median confidence below, in drawings made to be believed in, is no confidence."""


@dataclass(frozen=True)
class _Model:
    """The attacker's copy of the target, seen through the observed range of inputs."""

    module: Any
    low: Any
    width: Any
    gain: float = 1.0
    """What its logits are multiplied by."""

    @classmethod
    def of(cls, module: Any, asked: Question, device: str) -> "_Model":
        import torch

        own = copy.deepcopy(module).to(device).float().eval().requires_grad_(False)
        low, high = (torch.as_tensor(side).to(device) for side in (asked.bounds.low, asked.bounds.high))
        return cls(own, low, high - low)

    def logits(self, units: Any) -> Any:
        return self.gain * self.module(self.low + units * self.width)


def reconstruct(
    module: Any, asked: Question, settings: Settings, rng: np.random.Generator, device: str = "cpu"
) -> Reconstructions:
    """Invert a torch module (inputs -> logits) for all classes asked at once, from grey. It is copied, not changed.

    A model whose logits are all but alike is asked again with its logits multiplied, as whoever holds it may do: a
    temperature would otherwise leave the prior of pictures to decide alone, and the picture grey.

    Raises:
        InputError: the prior is the model's autoencoder, and it has none.
    """
    model = _Model.of(module, asked, device)
    first, timid = _reconstruct(model, asked, settings, rng, device)
    for gain in GAINS:
        if not timid:
            break
        found, timid = _reconstruct(replace(model, gain=gain), asked, settings, rng, device)
        if not timid:
            return found
    return first


def _reconstruct(
    model: _Model, asked: Question, settings: Settings, rng: np.random.Generator, device: str
) -> tuple[Reconstructions, bool]:
    """And whether the logits as they are multiplied hardly tell the classes apart, even on the drawings."""
    import torch

    starts = _starts(len(asked.classes), settings.restarts, asked.bounds.low.shape, rng)
    wanted = torch.as_tensor(np.tile(asked.classes, settings.restarts)).to(device)
    units = _search(model, torch.as_tensor(starts).to(device), wanted, asked.shape, settings, rng)
    with torch.no_grad():
        rows = torch.arange(len(asked.classes), device=device)
        best = rows
        if settings.restarts > 1:
            score = _steadiness(model, units, wanted, asked.shape, rng).reshape(settings.restarts, -1)
            best = score.argmax(0) * len(rows) + rows
        found = units[best]
        logits, own = model.logits(found).double(), wanted[: len(rows)]
        sure = float(torch.softmax(logits, 1)[rows, own].median())
        confidence = torch.softmax(logits / model.gain, 1)[rows, own]
        named = logits.argmax(1) == own
        guess = 1 / logits.shape[1]
        grey = (found - 0.5).abs().flatten(1).amax(1) < STILL
    drawn = Reconstructions(
        asked.bounds.from_units(found.cpu().numpy()),
        confidence.cpu().numpy(),
        grey.cpu().numpy(),
        named.cpu().numpy(),
        detail={"search": {**asdict(settings), "device": device, "logits_times": model.gain}},
    )
    return drawn, sure < min(_TIMID * guess, (1 + guess) / 2)


def _search(
    model: _Model, starts: Any, wanted: Any, shape: Shape | None, settings: Settings, rng: np.random.Generator
) -> Any:
    """(rows, *record) in 0..1, where the descent ends."""
    import torch

    canvas = _canvas(model, starts, shape, settings)
    canvas.variables.requires_grad_(True)
    optimizer = Optimizer([canvas.variables], "adam", settings.rate, 0.0)
    loss, weights = LOSSES[settings.loss], PRIOR_WEIGHTS.get(settings.prior, smoothness.Weights())
    with Watch(model.module if settings.batch_norm else None) as watch:
        for step in range(settings.steps):
            optimizer.rate = settings.rate * _slowing(step / settings.steps)
            units = canvas.draw()
            shown = jitter(units, shape, settings.jitter, NOISE, rng) if settings.jitter else units
            cost = loss(model.logits(shown), wanted, settings.margin) + canvas.penalty()
            cost = cost + smoothness.penalty(units, shape, weights)
            cost = cost + settings.batch_norm * len(starts) * watch.misfit()
            (gradient,) = torch.autograd.grad(cost, canvas.variables)
            optimizer.update([gradient])
            with torch.no_grad():
                canvas.settle()
                if settings.process and shape and (step + 1) % settings.process == 0:
                    canvas.absorb(denoise_and_sharpen(canvas.draw().clamp(0, 1), shape))
    return canvas.draw().detach().clamp(0, 1)


def _slowing(done: float) -> float:
    """The share of the first step size that is left when this share of the steps is done."""
    return _LAST_RATE + (1 - _LAST_RATE) * (1 + math.cos(math.pi * done)) / 2


def _canvas(model: _Model, starts: Any, shape: Shape | None, settings: Settings) -> Canvas:
    if settings.prior == "autoencoder":
        encoder, decoder = (_part(model.module, name) for name in ("encoder", "decoder"))
        return Codes.of(starts, encoder, decoder, model.low, model.width)
    if settings.prior == "spectrum" and shape:
        return Spectrum.of(starts, shape, FALLOFF, SPECTRUM_WEIGHT)
    if settings.prior == "blurred" and shape:
        return Blurred.of(starts, shape)
    return Pixels(starts.clone())


def _part(module: Any, name: str) -> Any:
    found = getattr(module, name, None)
    if found is None:
        raise InputError(
            f"prior 'autoencoder' searches among the codes of the model's own autoencoder, and it has no {name!r}",
            hint="such a module has the parts 'encoder' and 'decoder'",
        )
    return found


def _starts(classes: int, restarts: int, record: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float32]:
    """Grey for the first start of each class, grey with noise for the others; restart-major."""
    noise = START_NOISE * rng.standard_normal((restarts, classes, *record))
    noise[0] = 0
    return np.clip(0.5 + noise, 0, 1).reshape(restarts * classes, *record).astype(np.float32)


def _steadiness(model: _Model, units: Any, wanted: Any, shape: Shape | None, rng: np.random.Generator) -> Any:
    """(rows,) mean log probability of jittered copies: adversarial specks do not survive it."""
    import torch

    total: Any = 0.0
    for _ in range(SELECTION_COPIES):
        shown = jitter(units, shape, _SELECTION_SHARE, _SELECTION_NOISE, rng).clamp(0, 1)
        total = total + torch.log_softmax(model.logits(shown), 1).gather(1, wanted[:, None]).squeeze(1)
    return total / SELECTION_COPIES
