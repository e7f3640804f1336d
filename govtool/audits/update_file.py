"""An intercepted update as it came: a safetensors file, which cannot run code, checked against the module it belongs to."""

from typing import TYPE_CHECKING, Any

import numpy as np

from govtool.attacks.gradient.update import Local, Tensors, Update
from govtool.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    from govtool.audits.gradients_spec import Client, UpdateSpec

_SHOWN = 3


def read(data: bytes, net: Any, spec: "UpdateSpec", client: "Client", name: str) -> Update:
    """The update that these bytes hold.

    Args:
        data: the file, whole.
        net: the module at the weights that the client was sent.
        spec: what the file is said to hold.
        client: how the client trained.
        name: of the file, for messages.

    Raises:
        InputError: not safetensors, other tensors than the module's parameters, other shapes, or numbers that are none.
        MissingExtraError: torch or safetensors is not installed.
    """
    found = _tensors(data, name)
    parameters = {key: value.detach().numpy() for key, value in net.named_parameters()}
    buffers = {key for key, _ in net.named_buffers()}
    _refuse_others(found, parameters, buffers, name)
    for key, value in parameters.items():
        if found[key].shape != value.shape:
            raise InputError(
                f"{name}: {key} has the shape {_shape(found[key])}, in the model it is {_shape(value)}",
                hint="does the file belong to this version of the model?",
            )
        if not np.isfinite(found[key]).all():
            raise InputError(f"{name}: {key} holds missing or infinite numbers", hint="was the capture whole?")
    rate = client.learning_rate or 1.0
    local = Local(client.local_steps, rate, client.batch_norm == "batch")
    labels = None if spec.labels is None else np.sort(np.array(spec.labels, dtype=np.int64))
    return Update(_gradients(found, parameters, spec, local), spec.records, local, labels)


def _tensors(data: bytes, name: str) -> dict[str, Any]:
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load
    except ModuleNotFoundError as error:
        raise MissingExtraError("attacks", "reading safetensors") from error
    try:
        found = load(data)
    except SafetensorError as error:
        raise InputError(f"{name} is not a whole safetensors file: {error}", hint="capture or copy it again") from error
    for key, value in found.items():
        if not value.is_floating_point() and value.ndim:
            raise InputError(f"{name}: {key} holds {value.dtype}, not floating-point numbers")
    return {key: value.float().numpy() for key, value in found.items()}


def _refuse_others(found: dict[str, Any], parameters: dict[str, Any], buffers: set[str], name: str) -> None:
    """Every parameter, and nothing else but what the module keeps beside them (batch norm's statistics)."""
    missing, strange = sorted(parameters.keys() - found.keys()), sorted(found.keys() - parameters.keys() - buffers)
    if not missing and not strange:
        return
    said = []
    if missing:
        said.append(f"has no {_listed(missing)}")
    if strange:
        said.append(f"has {_listed(strange)}, which the model does not know")
    raise InputError(
        f"{name}: the file {' and '.join(said)}",
        hint=f"tensors are named as the module's parameters: {_listed(list(parameters))}",
    )


def _gradients(found: dict[str, Any], parameters: dict[str, Any], spec: "UpdateSpec", local: Local) -> Tensors:
    """Whatever was sent, as the average gradient over the local steps."""
    scale = local.rate * local.steps
    match spec.holds:
        case "gradients":
            return {key: found[key].astype(np.float32) for key in parameters}
        case "deltas":
            return {key: (-found[key] / scale).astype(np.float32) for key in parameters}
        case "weights":
            moved = {key: value.astype(np.float64) - found[key] for key, value in parameters.items()}
            return {key: (value / scale).astype(np.float32) for key, value in moved.items()}


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _shape(value: Any) -> str:
    return " x ".join(str(side) for side in value.shape) or "one number"
