"""What a white-box attacker minimises of a model's logits: how far the wanted class is from being the answer.

Never the bare probability, whose gradient vanishes far from the class. Each is summed over rows, which are independent, so
that one backward pass serves them all. Logits are (rows, classes), wanted (rows,).
"""

from collections.abc import Callable
from typing import Any

_ALMOST_ONE = 0.9999
"""Poincare distance to the edge of the ball is infinite; Struppek et al. stop this short of it."""

Loss = Callable[[Any, Any, float], Any]


def margin(logits: Any, wanted: Any, striven: float) -> Any:
    """How far the log odds of the wanted classes fall short of those striven for, softly.

    Unlike plain cross-entropy it goes on where the class is the answer already, so a class that the model sees in grey is
    drawn as well.
    """
    import torch

    own = logits.gather(1, wanted[:, None]).squeeze(1)
    others = logits.scatter(1, wanted[:, None], float("-inf")).logsumexp(1)
    return torch.nn.functional.softplus(striven - (own - others)).sum()


def cross_entropy(logits: Any, wanted: Any, _striven: float = 0.0) -> Any:
    """Negative log probability of the wanted classes."""
    import torch

    return torch.nn.functional.cross_entropy(logits, wanted, reduction="sum")


def poincare(logits: Any, wanted: Any, striven: float) -> Any:
    """Distance in the Poincare ball from the logits, scaled to unit L1 norm, to the wanted class's corner.

    Struppek et al., 'Plug & Play Attacks' (ICML 2022, arXiv 2201.12179), equation 4: its gradient does not vanish where a
    saturated model's cross-entropy has done so. Times the log odds striven for, so that priors weigh as beside the others.
    """
    import torch

    shares = logits / logits.abs().sum(1, keepdim=True).clamp_min(1e-12)
    corners = torch.nn.functional.one_hot(wanted, logits.shape[1]).to(logits.dtype) * _ALMOST_ONE
    apart = ((shares - corners) ** 2).sum(1)
    inside = (1 - (shares**2).sum(1)) * (1 - _ALMOST_ONE**2)
    return striven * torch.acosh(1 + 2 * apart / inside.clamp_min(1e-9)).sum()


LOSSES: dict[str, Loss] = {"margin": margin, "cross_entropy": cross_entropy, "poincare": poincare}
