"""Can it leak? Attacks as functions: arrays and a model in, figures with intervals out. No database, files or clock.

What a researcher needs is importable from here, and loaded when it is first asked for; `docs/python.md` is a whole
example, from a model of your own to a figure with its interval. Anything with the members of `Target` can be attacked.
"""

import importlib
from typing import Any

_HOME = {
    "ATTACKS": "catalog",
    **dict.fromkeys(
        (
            "Attack",
            "AttackData",
            "AttackResult",
            "NotApplicable",
            "NotTestable",
            "Records",
            "References",
            "Target",
        ),
        "interface",
    ),
}

__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
