"""Why few reconstructions being recognised shows nothing of this model, however well the attack does on a planted one.

The positive control shows that attack and judges work on a model that hides nothing. It cannot see that this model gives no
gradients, or was trained under other labels than the records carry. Both look like a model that leaks nobody.
"""

from dataclasses import dataclass

import numpy as np

from govtool.attacks.interface import Labels, Records, Target
from govtool.attacks.inversion.question import Reconstructions

MOST_UNDRAWN = 0.1
"""Share of classes that a search may leave without an input the target itself takes for the class."""
_MOST_ASKED = 100
_CHOICE = 0


def not_drawn(found: Reconstructions) -> str:
    """The search failed by its own measure: what it drew is not even to the target an example of the class."""
    missed = int((~found.named).sum())
    if missed <= MOST_UNDRAWN * len(found.named):
        return ""
    return (
        f"for {missed} of {len(found.named)} classes the search found no input that the model itself takes for the class, "
        "as when gradients or scores are hidden from it, so another search may show more"
    )


@dataclass(frozen=True)
class Known:
    """How well the target knows members by their labels. Asked for the audit's sake; no attacker has members to ask about."""

    asked: int
    right: float
    guess: float
    """The share of the commonest class among them."""

    @classmethod
    def of(cls, target: Target, members: Records, classes: Labels) -> "Known":
        rows = np.flatnonzero(np.isin(members.labels, classes))
        if len(rows) > _MOST_ASKED:
            rows = np.sort(np.random.default_rng(_CHOICE).choice(rows, _MOST_ASKED, replace=False))
        labels = members.labels[rows]
        right = float((target.labels(members.features[rows]) == labels).mean())
        return cls(len(rows), right, float(np.bincount(labels).max() / len(labels)))

    @property
    def strangers(self) -> str:
        """Why these may be other people's records, or carry other labels than in training; '' if they do not."""
        if not barely(self.right, self.guess):
            return ""
        return (
            f"the model gives the members the class of their label in {self.right:.0%} of cases ({self.guess:.0%} by always "
            "saying the commonest), so these are not its training records under the labels it was trained with, or it learnt "
            "nothing"
        )


_BARELY = 2.0
"""Times the commonest class's share."""


def barely(right: float, guess: float) -> bool:
    """Whether a model is right about members little more often than by always saying the commonest class."""
    return right <= min(_BARELY * guess, (1 + guess) / 2)
