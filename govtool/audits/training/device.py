"""Where torch models train: figures depend on it, so the record of a run says it."""

from contextlib import AbstractContextManager
from typing import Any, Literal

from govtool.errors import WorkError

Device = Literal["auto", "cpu", "cuda"]


def resolve(wanted: Device) -> Literal["cpu", "cuda"]:
    """`auto` is cuda where torch finds one.

    Raises:
        WorkError: cuda was asked for and there is none.
    """
    if wanted == "cpu":
        return "cpu"
    try:
        import torch

        found = torch.cuda.is_available()
    except ModuleNotFoundError:
        found = False
    if wanted == "cuda" and not found:
        raise WorkError(
            "this machine has no CUDA device that torch can use",
            hint="device: auto takes one where there is one, device: cpu never does",
        )
    return "cuda" if found else "cpu"


def precision(device: str) -> str:
    """What products are computed in, for the record: sums and weights are float32 everywhere."""
    return "bfloat16" if device == "cuda" else "float32"


def mixed(device: str, *, half: bool) -> "AbstractContextManager[Any]":
    """Products in bfloat16 where `half` says so."""
    import torch

    return torch.autocast(device, dtype=torch.bfloat16, enabled=half)
