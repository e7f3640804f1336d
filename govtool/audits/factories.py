"""Architectures by name: safetensors hold weights only, so the shape must be named to load them.

``module:function`` names a function of your own that returns a torch module. It is imported and called: that **runs
your code**, with your rights. Registrations and specs are files that others may have written, so a name in them is not
enough: `vouch` refuses it until the person who runs the audit says the very same name (``--trust-factory``).
"""

import importlib
import inspect
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from govtool.errors import InputError, MissingExtraError, UntrustedArtifactError

if TYPE_CHECKING:
    from torch.nn import Module

_MAX_WIDTH = 1 << 20


def softmax(inputs: int, classes: int) -> "Module":
    """Multinomial logistic regression: (n, inputs) -> (n, classes) logits."""
    from torch import nn

    _sizes(inputs=inputs, classes=classes)
    return nn.Linear(inputs, classes)


def mlp(inputs: int, hidden: Sequence[int], classes: int, activation: str = "relu", dropout: float = 0.0) -> "Module":
    """Fully connected layers with one activation (relu or tanh) and optional dropout after each hidden one."""
    from torch import nn

    if isinstance(hidden, str) or not isinstance(hidden, Sequence):
        raise InputError("mlp: 'hidden' must be a list of layer widths", hint="hidden: [128]")
    _sizes(inputs=inputs, classes=classes, **{f"hidden[{i}]": width for i, width in enumerate(hidden)})
    kinds: dict[str, type[Module]] = {"relu": nn.ReLU, "tanh": nn.Tanh}
    if activation not in kinds:
        raise InputError(f"mlp: unknown activation {activation!r}", hint=f"one of {', '.join(kinds)}")
    _share("mlp: dropout", dropout)
    layers: list[Module] = []
    for before, width in zip([inputs, *hidden], hidden, strict=False):
        layers += [nn.Linear(before, width), kinds[activation]()]
        if dropout:
            layers.append(nn.Dropout(dropout))
    return nn.Sequential(*layers, nn.Linear([inputs, *hidden][-1], classes))


def cnn(inputs: int, classes: int, channels: int = 1, width: int = 16) -> "Module":
    """A small convolutional net for square images given flat: inputs = channels * side * side."""
    from torch import nn

    _sizes(inputs=inputs, classes=classes, channels=channels, width=width)
    side = math.isqrt(inputs // channels)
    if channels * side * side != inputs or side < 4:  # noqa: PLR2004 - two poolings halve the side twice
        raise InputError(f"cnn: {inputs} inputs are not {channels} channel(s) of a square image of at least 4 x 4")
    return nn.Sequential(
        nn.Unflatten(1, (channels, side, side)),
        nn.Conv2d(channels, width, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(width, 2 * width, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(2 * width * (side // 4) ** 2, classes),
    )


FACTORIES: dict[str, Callable[..., "Module"]] = {"softmax": softmax, "mlp": mlp, "cnn": cnn}


def vouch(names: Iterable[str | None], trusted: Collection[str]) -> None:
    """Refuse every function that is neither ours nor, letter for letter, one that this run was told to trust.

    An empty name (an artifact or recipe without one) is none. Nothing is imported.

    Raises:
        UntrustedArtifactError: importing or calling it could run anything.
    """
    vouched = frozenset(trusted)
    for name in names:
        if name and name not in FACTORIES and ":" in name and name not in vouched:
            raise UntrustedArtifactError(
                f"{name!r} is code outside this tool, and calling it runs that code",
                hint=f"read it; if you vouch for it: --trust-factory {name}",
            )


def build(name: str, params: Mapping[str, Any]) -> "Module":
    """The untrained module: one of `FACTORIES`, or ``module:function``.

    Raises:
        InputError: no such factory, or it does not take these parameters.
        MissingExtraError: torch is not installed.
    """
    try:
        from torch.nn import Module
    except ModuleNotFoundError as error:
        raise MissingExtraError("attacks", "building a torch model") from error
    factory = FACTORIES.get(name) or _own(name)
    try:
        inspect.signature(factory).bind(**params)
    except TypeError as error:
        raise InputError(f"factory {name!r}: {error}", hint=f"it takes {inspect.signature(factory)}") from error
    module = factory(**params)
    if not isinstance(module, Module):
        raise InputError(f"factory {name!r} returned {type(module).__name__}, not a torch module")
    return module


def _own(name: str) -> Callable[..., Any]:
    if ":" not in name:
        raise InputError(
            f"unknown factory {name!r}", hint=f"one of {', '.join(FACTORIES)}, or module:function of your own"
        )
    found = _found(name)
    if not (inspect.isfunction(found) or _is_module_class(found)):
        raise InputError(
            f"factory {name!r} is neither a function nor a class of torch modules", hint="def build(...) -> nn.Module"
        )
    return found


def imported(name: str) -> Callable[..., Any]:
    """The function ``module:function``. Importing it runs its module; `vouch` first.

    Raises:
        InputError: it cannot be imported, or is not a function written in Python.
    """
    found = _found(name)
    if not inspect.isfunction(found):
        raise InputError(f"{name!r} is not a function", hint="def train(features, labels, seed, ...)")
    return found


def _found(name: str) -> Callable[..., Any]:
    module, _colon, function = name.partition(":")
    if not (module and function):
        raise InputError(f"{name!r} names no function", hint="write module:function")
    try:
        found = getattr(importlib.import_module(module), function, None)
    except ImportError as error:
        raise InputError(f"{name!r} cannot be imported: {error}", hint="is its folder on PYTHONPATH?") from error
    if not callable(found):
        raise InputError(f"{name!r}: the module has no function {function!r}")
    return found  # type: ignore[no-any-return]


def _is_module_class(found: object) -> bool:
    """Whether it is a class of torch modules. What C implements (os.system, math.factorial) never is."""
    from torch.nn import Module

    return isinstance(found, type) and issubclass(found, Module)


def _sizes(**values: Any) -> None:
    for name, value in values.items():
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= _MAX_WIDTH:
            raise InputError(f"{name!r} must be a whole number from 1 to {_MAX_WIDTH}, not {value!r}")


def _share(name: str, value: Any) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < 1:
        raise InputError(f"{name} must be at least 0 and below 1, not {value!r}")
