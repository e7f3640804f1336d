"""Search among what a prior can draw for what the model takes for each class.

The three stages of Struppek et al., 'Plug & Play Attacks' (ICML 2022): many latents scored by the target, the best of them
moved by gradients, and a robust choice among the results. GMI (Zhang et al., CVPR 2020) and KEDMI (Chen et al., ICCV 2021)
differ in how the generator is trained. Everything is judged under disturbance, and by the attacker's own score alone.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from govtool.attacks.inversion.disturbance import disturb
from govtool.attacks.inversion.objectives import margin
from govtool.attacks.inversion.priors.interface import Prior
from govtool.attacks.inversion.question import STILL, Question, Reconstructions
from govtool.attacks.optimizer import Optimizer

if TYPE_CHECKING:
    from torch import Generator, Tensor

    Logits = Callable[[Tensor], Tensor]

# Frozen on models of ORL faces 6 to 20 with the photos of faces 1 to 5 as public ones (one softmax model, one CNN; about 25
# cells looked at), and scored on others: benchmarks/inversion_prior.py.
POOL = 500
"""Latents scored before any is moved: those of public records, filled up with draws of the prior."""
POOL_LOOKS = 3
CANDIDATES = 4
KEPT = 3
"""Candidates whose mean is the answer: what they have in common is the class, what each has alone is chance."""
STEPS = 50
RATE = 0.15
MARGIN = 10.0
"""Log odds to strive for."""
TYPICAL = 0.005
"""Weight of a latent's squared length, summed: what the prior holds for likely."""
LOOKS = 10
"""Disturbed copies that the final choice is made by."""
MOST_ROWS = 1024
"""Candidates moved at a time."""


@dataclass(frozen=True)
class _Search:
    logits: "Logits"
    prior: Prior
    asked: Question
    draws: "Generator"

    def look(self, records: "Tensor") -> "Tensor":
        """(n, classes) the target's logits of records in units of the range, disturbed."""
        return self.logits(disturb(records, self.asked.shape, self.draws))

    def steadiness(self, records: "Tensor", looks: int) -> "Tensor":
        """(n, classes) mean log probability under disturbance."""
        import torch

        with torch.no_grad():
            return sum((torch.log_softmax(self.look(records), 1) for _ in range(looks)), torch.zeros(())) / looks


def search(module: Any, prior: Prior, asked: Question, rng: np.random.Generator) -> Reconstructions:
    """Invert a torch module (inputs -> logits) for all classes asked. It is copied, not changed."""
    import torch

    model = copy.deepcopy(module).cpu().float().eval().requires_grad_(False)
    low, width = torch.as_tensor(asked.bounds.low), torch.as_tensor(asked.bounds.high - asked.bounds.low)

    def logits(units: "Tensor") -> "Tensor":
        return model(low + units * width)  # type: ignore[no-any-return]

    at = _Search(logits, prior, asked, torch.Generator().manual_seed(int(rng.integers(2**62))))
    pool = torch.from_numpy(_pool(prior, rng))
    with torch.no_grad():
        scores = at.steadiness(prior.decode(pool), POOL_LOOKS)
    found: list[Tensor] = []
    starts: list[Tensor] = []
    for classes in torch.split(torch.from_numpy(asked.classes), MOST_ROWS // CANDIDATES):
        first = scores[:, classes].topk(min(CANDIDATES, len(pool)), dim=0).indices
        found.append(_drawn(at, pool[first], classes))
        starts.append(prior.decode(pool[first[0]]).detach())
    units, start = torch.cat(found), torch.cat(starts)
    with torch.no_grad():
        classes = torch.from_numpy(asked.classes)
        answers = torch.softmax(logits(units), 1)
        confidence = answers.gather(1, classes[:, None]).squeeze(1)
    return Reconstructions(
        asked.bounds.from_units(units.numpy()),
        confidence.numpy().astype(np.float64),
        ((units - 0.5).abs().flatten(1).amax(1) < STILL).numpy(),
        (answers.argmax(1) == classes).numpy(),
        start=asked.bounds.from_units(start.numpy()),
        detail={"prior": prior.name, "latent_size": prior.size, "public_starts": len(prior.public)},
    )


def _pool(prior: Prior, rng: np.random.Generator) -> Any:
    """(at least POOL, size) latents: the public ones first."""
    return np.concatenate([prior.public, prior.sample(max(0, POOL - len(prior.public)), rng)])


def _drawn(at: _Search, first: "Tensor", classes: "Tensor") -> "Tensor":
    """(classes, *record) pictures in units, from (candidates, classes, size) latents to begin with."""
    import torch

    candidates, n, _size = first.shape
    wanted = classes.repeat(candidates)
    latents = first.flatten(0, 1).clone().requires_grad_(True)
    optimizer = Optimizer([latents], "adam", RATE, 0.0)
    for step in range(STEPS):
        optimizer.rate = RATE * min(1.0, 2 * (1 - step / STEPS))  # halfway on, ever smaller steps: looks are noisy
        loss = margin(at.look(at.prior.decode(latents)), wanted, MARGIN) + TYPICAL * (latents**2).sum()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        records = at.prior.decode(latents)
        scores = at.steadiness(records, LOOKS).gather(1, wanted[:, None]).reshape(candidates, n)
        best = scores.topk(min(KEPT, candidates), dim=0).indices
        return records.reshape(candidates, n, *records.shape[1:])[best, torch.arange(n)].mean(0)
