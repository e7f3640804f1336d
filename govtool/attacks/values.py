"""What the parameters of attacks may be. Each takes a name, for the message, and the value that a spec gives."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from govtool.errors import InputError

Check = Callable[[Mapping[str, Any]], object]
"""Raises InputError where some of the parameters it is given can have no such value, whatever the records are."""

_SIDES = (2, 3)


def nothing(_params: Mapping[str, Any]) -> None:
    """The check of an attack that takes no parameters."""


def one_of(name: str, value: Any, known: Collection[str]) -> str:
    """Raises InputError: not one of the `known` words."""
    if not isinstance(value, str) or value not in known:
        raise InputError(f"unknown {name} {value!r}", hint=f"known: {', '.join(known)}")
    return value


def whole(name: str, value: Any, least: int = 1, most: int = 1_000_000) -> int:
    """Raises InputError: not a whole number from `least` to `most`."""
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise InputError(f"{name!r} is a whole number from {least} to {most:,}, not {value!r}")
    return value


def number(name: str, value: Any, most: float) -> float:
    """Raises InputError: not a number from 0 to `most`."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= most:
        raise InputError(f"{name!r} is a number from 0 to {most:g}, not {value!r}")
    return float(value)


def flag(name: str, value: Any) -> bool:
    """Raises InputError: neither true nor false."""
    if not isinstance(value, bool):
        raise InputError(f"{name!r} is true or false, not {value!r}")
    return value


def sides(name: str, value: Any) -> tuple[int, ...]:
    """The sides of a picture as given: (height, width) or (channels, height, width).

    Raises:
        InputError: not two or three whole numbers above 0.
    """
    given = tuple(value) if isinstance(value, list | tuple) else ()
    if len(given) not in _SIDES or any(type(side) is not int or side < 1 for side in given):
        raise InputError(
            f"{name!r} is [height, width] or [channels, height, width] of a picture, in whole pixels, not {value!r}"
        )
    return given
