"""Search by votes: walk away from the class's border, as BREP-MI does, for deployments that show labels alone.

Kahla, Chen, Just & Jia, 'Label-Only Model Inversion Attacks via Boundary Repulsion' (CVPR 2022, arXiv 2203.04935). Points
on a sphere about the present latent are asked for their labels; the step leads away from those that are called otherwise,
and once none is, the sphere grows. The last latent whose whole sphere kept its label is the answer: the further inside, the
more typical.
"""

import numpy as np

from govtool.attacks.interface import FloatArray, Labels, Mask
from govtool.attacks.inversion.answers.space import Space
from govtool.attacks.inversion.answers.surrogate import WIDE, Answer

POOL = 1 / 4
"""Share of the budget for the first look: a class that no typical record is called after cannot be walked into."""
VOTES = 16
"""Points on the sphere, each round."""
RADIUS = 0.5
"""First radius, in the spread of typical records; the paper starts at 2 for standard normal latents of its generators."""
GROWTH = 1.3
"""Of the radius where a whole sphere keeps its label, as in the paper."""
FURTHEST = 1.5
"""Spreads from the mean, in root mean square over latents, beyond which no typical record lies and no centre goes."""
_LENGTH = 1 / 3
"""A step, in radii."""


def search(answer: Answer, space: Space, classes: Labels, budget: int, rng: np.random.Generator) -> FloatArray:
    """(classes, size) latents for at most `budget` queries; a class that is never met stays where its best guess was."""
    centre, spent = _start(answer, space, classes, budget, rng)
    best, radius = centre.copy(), np.full(len(classes), RADIUS)
    for _ in range((budget - spent) // (VOTES * len(classes))):
        away = rng.standard_normal((len(classes), VOTES, space.size))
        away /= np.linalg.norm(away, axis=2, keepdims=True) / np.sqrt(space.size)
        points = centre[:, None] + radius[:, None, None] * space.spread * away
        named = answer(points.reshape(-1, space.size)).argmax(axis=1).reshape(len(classes), VOTES)
        kept = named == classes[:, None]
        whole = kept.all(axis=1)
        best[whole] = centre[whole]
        radius = np.where(whole, radius * GROWTH, radius)
        step = (radius * _LENGTH)[:, None] * space.spread * _repelled(away, kept, whole)
        centre = _within(centre + step, space)
    return best


def _repelled(away: FloatArray, kept: Mask, whole: Mask) -> FloatArray:
    """(classes, size) unit steps, in root mean square, from points called otherwise; none from a whole sphere, or where
    nothing is left of the class.
    """
    step = -(away * ~kept[..., None]).sum(axis=1) + (away * kept[..., None]).sum(axis=1)
    length = np.sqrt((step**2).mean(axis=1, keepdims=True))
    still = whole | ~kept.any(axis=1)
    return np.where(still[:, None], 0.0, step / np.maximum(length, 1e-12))


def _within(centre: FloatArray, space: Space) -> FloatArray:
    """Drawn back to where typical records end: far out, a label tells about the model and not about records."""
    far = np.sqrt(((centre / space.spread) ** 2).mean(axis=1, keepdims=True))
    return np.asarray(centre * np.minimum(1, FURTHEST / np.maximum(far, 1e-12)), dtype=np.float64)


def _start(
    answer: Answer, space: Space, classes: Labels, budget: int, rng: np.random.Generator
) -> tuple[FloatArray, int]:
    """For each class the middle of the typical records called after it, or of all where none is; and the queries."""
    most = max(1, int(budget * POOL))
    public = space.starts[rng.permutation(len(space.starts))[:most]]
    pool = np.concatenate([public, WIDE * space.draw(most - len(public), rng)])
    named = answer(pool).argmax(axis=1)
    own = [pool[named == label] for label in classes]
    centre = np.stack([rows.mean(axis=0) if len(rows) else np.zeros(space.size) for rows in own])
    return centre, len(pool)
