"""Which prior an attacker takes: the one that the spec names, or the one that has proved best of what is there."""

from collections.abc import Callable

import numpy as np

from govtool.attacks.interface import FloatArray, NotTestable
from govtool.attacks.inversion.priors import autoencoder, gan, local, pca, supplied
from govtool.attacks.inversion.priors.interface import Prior
from govtool.attacks.inversion.question import Question, Shape
from govtool.errors import InputError

AUTO = "auto"
FEWEST_PUBLIC = 2
NO_PUBLIC = "no public records were given, from which an attacker learns what such records look like"

_LEARN: dict[str, Callable[[FloatArray, Shape | None, np.random.Generator], Prior]] = {
    "pca": lambda units, _shape, _rng: pca.fit(units),
    "local": lambda units, shape, _rng: _local(units, shape),
    "autoencoder": autoencoder.fit,
    "gan": gan.fit,
}
NAMES = (AUTO, *_LEARN)


def prior(asked: Question, name: object, rng: np.random.Generator) -> Prior | NotTestable:
    """The supplied generator where there is one, else a prior learnt from the public records.

    `name`: one of `NAMES`. "auto" is local components for pictures and principal ones for tables.

    Raises:
        InputError: no such prior, one for pictures where there are none, or a generator that does not fit.
    """
    if not isinstance(name, str) or name not in NAMES:
        raise InputError(f"inversion_prior: unknown prior {name!r}", hint=f"one of {', '.join(NAMES)}")
    if asked.generator is not None:
        if name != AUTO:
            raise InputError(f"inversion_prior: give a generator or 'prior: {name}', not both")
        given = asked.generator
        return supplied.plug(given.name, given.module, given.size, asked.bounds, rng)
    if asked.public is None or len(asked.public) == 0:
        return NotTestable(NO_PUBLIC)
    units = np.clip(asked.bounds.to_units(asked.public.features), 0, 1)
    if len(np.unique(units.reshape(len(units), -1), axis=0)) < FEWEST_PUBLIC:
        return NotTestable(f"fewer than {FEWEST_PUBLIC} different public records: nothing can be learnt from them")
    if name == AUTO:
        name = "pca" if asked.shape is None else "local"
    return _LEARN[name](units, asked.shape, rng)


def _local(units: FloatArray, shape: Shape | None) -> Prior:
    if shape is None:
        raise InputError(
            "inversion_prior: 'prior: local' is for pictures", hint="give their 'shape', or take 'prior: pca'"
        )
    return local.fit(units, shape)
