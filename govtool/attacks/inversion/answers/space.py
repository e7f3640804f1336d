"""Where an attack through answers searches: at most 100 numbers that stand for a record.

With public records these are their principal components; without, the lowest frequencies of a picture, or a table's own
features. A search that moves each number alike must neither drown in the few strong components nor in the many faint ones:
what tells people apart is in both. So each number counts for its component's spread to the power `FLATTEN`.
"""

from dataclasses import dataclass

import numpy as np

from govtool.attacks.interface import Features, FloatArray
from govtool.attacks.inversion.priors import pca
from govtool.attacks.inversion.question import Question, Shape

MOST = 100
FLATTEN = 0.25
"""Between 1 (numbers are standardised, as the components of a normal distribution) and 0 (each counts the same in pixels).
Chosen among 0.25, 0.5, 0.75 and 1 by judging reconstructions of ten people whom no reported figure contains."""
MIRRORED_BELOW = 10
"""Public pictures are doubled by their mirror images where there are fewer than this many for each component."""
_PIXEL_SPREAD = 0.25
"""Standard deviation of a pixel about its mean, as a share of the range, where nothing is known of the pictures."""
_FEATURE_SPREAD = 12**-0.5
"""The same of a feature that is spread evenly over its range."""


@dataclass(frozen=True)
class Space:
    """Records as mean + latents @ basis, in units of the range and cut off at it."""

    what: str
    """In words, after 'searches'."""
    record: tuple[int, ...]
    mean: FloatArray
    """(features,)"""
    basis: FloatArray
    """(size, features)"""
    spread: FloatArray
    """(size,) standard deviation of each latent over typical records."""
    starts: FloatArray
    """(m, size) latents of public records; none without them."""

    @property
    def size(self) -> int:
        return len(self.basis)

    def decode(self, latents: FloatArray) -> FloatArray:
        """(n, size) latents as (n, *record) records in units of the range."""
        return np.clip(self.mean + latents @ self.basis, 0, 1).reshape(-1, *self.record)

    def draw(self, n: int, rng: np.random.Generator) -> FloatArray:
        """(n, size) latents of typical records."""
        return np.asarray(rng.standard_normal((n, self.size)) * self.spread, dtype=np.float64)


def of(asked: Question) -> Space:
    """The space for a question: from its public records where there are two different ones at least."""
    record = asked.bounds.low.shape
    if (
        asked.public is not None
        and len(asked.public)
        and bool((asked.public.features != asked.public.features[0]).any())
    ):
        return _public(asked.bounds.to_units(asked.public.features), asked.shape)
    if asked.shape is not None:
        return _frequencies(asked.shape, record)
    return _plain(record)


def _public(units: FloatArray, shape: Shape | None) -> Space:
    """Their principal components. A mirrored face is a face too, and a few public ones go further with it."""
    count, mirrored = len(units), ""
    if shape is not None and count < MIRRORED_BELOW * MOST:
        units, mirrored = np.concatenate([units, mirror(units, shape)]), " and their mirror images"
    prior = pca.fit(np.clip(units, 0, 1), MOST)
    spread = np.linalg.norm(prior.basis.astype(np.float64), axis=1)
    places = prior.public.astype(np.float64)
    return _flattened(
        f"{prior.size} principal components of {count:,} public records{mirrored}",
        prior.record,
        prior.mean.astype(np.float64),
        prior.basis / spread[:, None],
        spread,
        places * spread,
    )


def mirror(units: Features | FloatArray, shape: Shape) -> FloatArray:
    """(n, ...) pictures with left and right exchanged."""
    return np.asarray(units.reshape(-1, *shape)[..., ::-1].reshape(units.shape), dtype=np.float64)


def _frequencies(shape: Shape, record: tuple[int, ...]) -> Space:
    """The lowest frequencies of the cosine transform, about grey; natural pictures have less of the higher ones."""
    channels, height, width = shape
    down, across, channel = (
        grid.ravel() for grid in np.meshgrid(np.arange(height), np.arange(width), np.arange(channels), indexing="ij")
    )
    pitch = np.hypot(down / height, across / width)
    kept = np.argsort(pitch, kind="stable")[:MOST]
    rows = np.zeros((len(kept), channels, height, width))
    for row, i in zip(rows, kept, strict=True):
        row[channel[i]] = np.outer(_cosine(height, down[i]), _cosine(width, across[i]))
    fall = 1 / (1 + pitch[kept] * max(height, width))
    spread = fall * _PIXEL_SPREAD * np.sqrt(channels * height * width / (fall**2).sum())
    return _flattened(
        f"the {len(kept)} lowest frequencies of a picture",
        record,
        np.full(channels * height * width, 0.5),
        rows.reshape(len(kept), -1),
        spread,
        np.zeros((0, len(kept))),
    )


def _cosine(side: int, pitch: int) -> FloatArray:
    """(side,) one row of the orthonormal cosine transform, type II."""
    row = np.cos(np.pi * (np.arange(side) + 0.5) * pitch / side)
    return np.asarray(row / np.linalg.norm(row), dtype=np.float64)


def _plain(record: tuple[int, ...]) -> Space:
    """A table's own features; of more than 100, as many directions that mix them by a fixed draw."""
    features = int(np.prod(record))
    basis, what = np.eye(features), f"the {features} features"
    if features > MOST:
        mixed = np.random.default_rng(0).standard_normal((features, MOST))
        basis, what = np.linalg.qr(mixed)[0].T, f"{MOST} random mixtures of the {features} features"
    spread = np.full(len(basis), _FEATURE_SPREAD)
    return _flattened(what, record, np.full(features, 0.5), basis, spread, np.zeros((0, len(basis))))


def _flattened(
    what: str, record: tuple[int, ...], mean: FloatArray, axes: FloatArray, spread: FloatArray, places: FloatArray
) -> Space:
    """From unit axes, the spread along each and places along them. Strong components move further than faint ones, but
    not by as much as they spread.
    """
    usual = np.sqrt((spread**2).mean())
    scale = usual * (spread / usual) ** FLATTEN
    return Space(what, record, mean, axes * scale[:, None], spread / scale, places / scale)
