"""Records searched for until they give the update that was intercepted.

`squared`: the squared difference of gradients by L-BFGS (Zhu, Liu & Han, Deep Leakage from Gradients, NeurIPS 2019), with
labels known or recovered first (iDLG, Zhao et al. 2020) or searched for beside the records. Works where activations are
smooth. `cosine`: one minus the cosine, total variation beside it, signed Adam (Geiping et al., NeurIPS 2020): for ReLU nets.

Restarts are chosen by how well they give the update: all that an attacker sees.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from govtool.attacks.gradient.update import Update, prepare, simulate
from govtool.attacks.interface import Labels
from govtool.attacks.inversion.question import Bounds, Shape

CLOSE = 1e-5
"""Share of the update's length by which a match may miss it for no further restart to be worth its time."""


@dataclass(frozen=True)
class Effort:
    """How hard is tried."""

    restarts: int
    steps: int
    smooth: float = 0.0
    """Weight of total variation, per difference of neighbouring pixels; of pictures only."""


_EXACT = 1e-14
"""Squared share: the update was sent in single precision, so a nearer match says nothing."""
SQUARED = Effort(restarts=2, steps=300)
COSINE = Effort(restarts=1, steps=400, smooth=1e-1)


@dataclass(frozen=True)
class Match:
    """What a search ended with."""

    inputs: NDArray[np.float32]
    """(size, features), inside the data range."""
    residual: float
    """Distance between its update and the intercepted one, as a share of the latter's length."""


@dataclass(frozen=True)
class _Search:
    """One update being matched: the objective in shares of the data range."""

    net: Any
    update: Update
    bounds: Bounds
    shape: Shape | None
    labels: Labels | None
    classes: int

    @classmethod
    def of(
        cls, net: Any, update: Update, labels: Labels | None, bounds: Bounds, shape: Shape | None, classes: int
    ) -> "_Search":
        return cls(prepare(copy.deepcopy(net).double(), update.local), update, bounds, shape, labels, classes)

    @property
    def wanted(self) -> list[Any]:
        import torch

        return [torch.from_numpy(self.update.tensors[name]).double() for name, _ in self.net.named_parameters()]

    def inputs(self, units: Any) -> Any:
        """(n, features) shares of the range as the model's inputs, differentiable."""
        import torch

        low, high = (torch.from_numpy(one.astype(np.float64)).flatten() for one in (self.bounds.low, self.bounds.high))
        return low + units * (high - low)

    def found(self, units: Any, hidden: Any | None, *, graph: bool) -> list[Any]:
        """The update of these records. `hidden` are logits of the labels, where those are searched for."""
        import torch

        targets = torch.from_numpy(self.labels) if hidden is None else torch.softmax(hidden, 1)
        return simulate(self.net, self.inputs(units), targets, self.update.local, graph=graph)

    def difference(self, units: Any, hidden: Any | None, wanted: list[Any], *, graph: bool = True) -> Any:
        """Squared distance as a share of the intercepted update's squared length."""
        found = self.found(units, hidden, graph=graph)
        pairs = list(zip(found, wanted, strict=True))
        if self.update.readout.sparse:
            pairs = [(one * (goal != 0), goal) for one, goal in pairs]
        length = sum((goal**2).sum() for goal in wanted)
        return sum(((one - goal) ** 2).sum() for one, goal in pairs) / length

    def cosine(self, units: Any, wanted: list[Any]) -> Any:
        """One minus the cosine."""
        found = self.found(units, None, graph=True)
        if self.update.readout.sparse:
            found = [one * (goal != 0) for one, goal in zip(found, wanted, strict=True)]
        inner = sum((one * goal).sum() for one, goal in zip(found, wanted, strict=True))
        lengths = (sum((one**2).sum() for one in found) * sum((goal**2).sum() for goal in wanted)).sqrt()
        return 1 - inner / (lengths + 1e-30)

    def match(self, units: Any, hidden: Any | None) -> Match:
        import torch

        with torch.no_grad():
            inputs = self.inputs(units.detach().clamp(0, 1))
        missed = self.difference(units.detach().clamp(0, 1), hidden, self.wanted, graph=False).detach()
        return Match(inputs.numpy().astype(np.float32), float(missed.clamp(min=0).sqrt()))


def squared(
    net: Any,
    update: Update,
    labels: Labels | None,
    bounds: Bounds,
    shape: Shape | None,
    classes: int,
    rng: np.random.Generator,
    effort: Effort = SQUARED,
) -> Match:
    """Records whose update is nearest to the intercepted one.

    Args:
        net: the module that the client was sent.
        update: what was intercepted.
        labels: (size,) known or recovered; None searches for them too.
        bounds: range of the data; the search stays inside.
        shape: says nothing here; so that both searches are called alike.
        classes: how many the model tells apart.
        rng: for the starts.
        effort: restarts and steps of each.
    """
    search = _Search.of(net, update, labels, bounds, shape, classes)
    return _best(effort, lambda: _lbfgs(search, effort, rng))


def _lbfgs(search: _Search, effort: Effort, rng: np.random.Generator) -> Match:
    import torch
    from scipy.optimize import Bounds as Box
    from scipy.optimize import minimize

    size, width = search.update.size, search.bounds.low.size
    wanted = search.wanted
    free = 0 if search.labels is not None else search.classes

    def objective(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        point = torch.from_numpy(flat.reshape(size, width + free)).requires_grad_()
        loss = search.difference(point[:, :width], point[:, width:] if free else None, wanted)
        (slope,) = torch.autograd.grad(loss, [point])
        return float(loss.detach()), slope.numpy().ravel()

    start = np.concatenate([rng.uniform(0.3, 0.7, (size, width)), rng.normal(size=(size, free))], axis=1)
    limits = np.concatenate([np.ones((size, width)), np.full((size, free), np.inf)], axis=1).ravel()
    box = Box(np.where(np.isinf(limits), -np.inf, 0.0), limits)
    options = {"maxiter": effort.steps, "maxfun": 2 * effort.steps, "maxcor": 50, "ftol": 0.0, "gtol": 1e-14}

    def enough(intermediate_result: Any) -> None:
        if intermediate_result.fun <= _EXACT:
            raise StopIteration

    done = minimize(objective, start.ravel(), jac=True, method="L-BFGS-B", bounds=box, options=options, callback=enough)
    point = torch.from_numpy(done.x.reshape(size, width + free))
    return search.match(point[:, :width], point[:, width:] if free else None)


def cosine(
    net: Any,
    update: Update,
    labels: Labels,
    bounds: Bounds,
    shape: Shape | None,
    classes: int,
    rng: np.random.Generator,
    effort: Effort = COSINE,
) -> Match:
    """Records whose update points the way of the intercepted one, smooth where they are pictures. Arguments as in `squared`."""
    search = _Search.of(net, update, labels, bounds, shape, classes)
    return _best(effort, lambda: _signed(search, effort, rng))


def _signed(search: _Search, effort: Effort, rng: np.random.Generator) -> Match:
    import torch

    units = torch.from_numpy(rng.uniform(0.3, 0.7, (search.update.size, search.bounds.low.size))).requires_grad_()
    optimiser = torch.optim.Adam([units], lr=0.05)
    milestones = [int(effort.steps * share) for share in (3 / 8, 5 / 8, 7 / 8)]
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimiser, milestones, gamma=0.1)
    wanted = search.wanted
    for _ in range(effort.steps):
        loss = search.cosine(units, wanted) + effort.smooth * _variation(units, search.shape)
        (slope,) = torch.autograd.grad(loss, [units])
        units.grad = slope.sign()
        optimiser.step()
        schedule.step()
        with torch.no_grad():
            units.clamp_(0, 1)
    return search.match(units, None)


def _variation(units: Any, shape: Shape | None) -> Any:
    """Mean absolute difference of neighbouring pixels; zero for tables."""
    if shape is None:
        return 0.0
    picture = units.reshape(-1, *shape)
    return (picture[..., 1:, :] - picture[..., :-1, :]).abs().mean() + (
        picture[..., 1:] - picture[..., :-1]
    ).abs().mean()


def _best(effort: Effort, attempt: Callable[[], Match]) -> Match:
    best = attempt()
    for _ in range(effort.restarts - 1):
        if best.residual <= CLOSE:
            break
        best = min(best, attempt(), key=lambda one: one.residual)
    return best
