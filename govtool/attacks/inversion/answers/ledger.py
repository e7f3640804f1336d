"""What an attack through answers costs: every different record asked about counts, and none is asked about twice.

First looks, rejected candidates and the last check are queries like any other. A query is one record sent; its answer tells
about every class, so one query can serve all of them: 'per class' is the total divided by the classes attacked.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import numpy as np

from govtool.attacks import values
from govtool.attacks.interface import Features, FloatArray
from govtool.errors import InputError

_MOST_PRICE = 1e9

Ask = Callable[[Features], FloatArray]
"""(n, ...) records -> (n, classes) answers."""


@dataclass(frozen=True)
class Terms:
    """How many queries may be spent on each class, and what a thousand cost."""

    per_class: int
    price_per_1000: float | None = None
    """As the user states it, in the user's currency; None: no price was stated, and none is made up."""

    @classmethod
    def of(cls, per_class: Any, price_per_1000: Any, fewest: int) -> "Terms":
        """Raises InputError: not a whole number of queries from `fewest` to a million, or no price."""
        values.whole("queries", per_class, fewest)
        if price_per_1000 is None:
            return cls(per_class)
        priced = isinstance(price_per_1000, int | float) and not isinstance(price_per_1000, bool)
        if not priced or not 0 <= price_per_1000 <= _MOST_PRICE:
            raise InputError(
                f"price_per_1000 must be what a thousand queries cost, such as 1.50, not {price_per_1000!r}"
            )
        return cls(per_class, float(price_per_1000))


@dataclass
class Ledger:
    """Stands between an attack and its target: asks, remembers, counts, and never spends more than it may."""

    ask: Ask
    terms: Terms
    classes: int
    """How many are attacked."""
    repeated: int = 0
    """Questions whose answer was known already; they cost nothing."""
    _rows: dict[bytes, FloatArray] = field(default_factory=dict, repr=False)

    @property
    def budget(self) -> int:
        return self.terms.per_class * self.classes

    @property
    def spent(self) -> int:
        """Different records asked about so far."""
        return len(self._rows)

    @property
    def left(self) -> int:
        return self.budget - self.spent

    def __call__(self, features: Features) -> FloatArray:
        """(n, classes) answers about (n, ...) records, in one round to the target.

        Raises:
            ValueError: the round does not fit what is left; an attack must ask for no more.
        """
        plain = np.ascontiguousarray(features, dtype="<f4")
        keys = [blake2b(row.tobytes(), digest_size=16).digest() for row in plain]
        fresh = {key: i for i, key in reversed(list(enumerate(keys))) if key not in self._rows}
        if len(fresh) > self.left:
            raise ValueError(f"{len(fresh)} queries asked for, {self.left} of {self.budget} left")
        places = sorted(fresh.values())
        if places:
            for place, row in zip(places, self.ask(features[places]), strict=True):
                self._rows[keys[place]] = row
        self.repeated += len(keys) - len(places)
        return np.stack([self._rows[key] for key in keys])

    def to_dict(self) -> dict[str, Any]:
        """JSON: what was spent, with the price if one was stated."""
        price = self.terms.price_per_1000
        return {
            "total": self.spent,
            "classes": self.classes,
            "per_class": self.spent / self.classes,
            "budget_per_class": self.terms.per_class,
            "repeated": self.repeated,
            "price_per_1000": price,
            "cost": None if price is None else round(self.spent * price / 1000, 2),
        }

    def sentence(self) -> str:
        """What was spent, in words."""
        said = (
            f"It took {self.spent:,} different queries for {self.classes} classes, {self.spent / self.classes:,.0f} for each; "
            f"one answer tells about all classes, so they share them. First looks and rejected candidates are counted"
        )
        price = self.terms.price_per_1000
        if price is None:
            return f"{said}; no price was stated."
        return f"{said}. At the stated price of {price:g} for a thousand that is {self.spent * price / 1000:,.2f}."
