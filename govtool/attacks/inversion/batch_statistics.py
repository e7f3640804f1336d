"""Batch normalisation remembers the mean and spread of each channel over the training set; a picture should fit them.

Yin et al., 'Dreaming to Distill' (DeepInversion, CVPR 2020, arXiv 1912.08795), equation 4. An honest attack: the statistics
are part of the weights that ship. They describe all training records together, so they are compared with all classes drawn
together, and the pictures of one search are not independent of each other where this counts.
"""

from types import TracebackType
from typing import Any, Self


class Watch:
    """While open, each forward pass of the module notes how far its normalisation layers' inputs are from what they remember.

    Without a module (None) nothing is watched.
    """

    def __init__(self, module: Any | None) -> None:
        from torch.nn.modules.batchnorm import _BatchNorm

        layers = [] if module is None else module.modules()
        self._layers = [layer for layer in layers if isinstance(layer, _BatchNorm) and layer.running_mean is not None]
        self._hooks: list[Any] = []
        self._noted: list[Any] = []

    def __enter__(self) -> Self:
        self._hooks = [layer.register_forward_pre_hook(self._note) for layer in self._layers]
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for hook in self._hooks:
            hook.remove()

    def misfit(self) -> Any:
        """Of the passes since the last call, summed over layers; 0.0 where there is none.

        The squared difference of means and of standard deviations, in standard deviations remembered, a channel's mean.
        """
        total, self._noted = sum(self._noted, 0.0), []
        return total

    def _note(self, layer: Any, inputs: tuple[Any, ...]) -> None:
        import torch

        seen = inputs[0].transpose(0, 1).flatten(1)  # (channels, everything else)
        variance, mean = torch.var_mean(seen, 1, correction=0)
        spread = (layer.running_var + layer.eps).sqrt()
        means = ((mean - layer.running_mean) / spread) ** 2
        spreads = ((variance + layer.eps).sqrt() / spread - 1) ** 2
        self._noted.append((means + spreads).mean())
