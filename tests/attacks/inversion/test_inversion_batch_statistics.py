"""What batch normalisation remembers of the training set, and what a picture that does not fit it costs."""

import pytest
import torch
from torch import nn

from govtool.attacks.inversion.batch_statistics import Watch


def remembering(mean: float, variance: float) -> nn.Module:
    layer = nn.BatchNorm1d(1, eps=0.0).eval()
    assert layer.running_mean is not None
    assert layer.running_var is not None
    layer.running_mean.fill_(mean)
    layer.running_var.fill_(variance)
    return layer


def test_misfit_by_hand() -> None:
    # inputs 1 and 5 have mean 3 and standard deviation 2; remembered are 0 and 4:
    # means differ by 3/4, spreads by 2/4 - 1, squared 0.5625 + 0.25
    layer = remembering(0, 16)
    with Watch(layer) as watch:
        layer(torch.tensor([[1.0], [5.0]]))
        assert float(watch.misfit().detach()) == pytest.approx(0.8125)


def test_inputs_that_fit_cost_nothing_and_each_pass_counts_once() -> None:
    layer = remembering(3, 4)
    with Watch(layer) as watch:
        layer(torch.tensor([[1.0], [5.0]]))
        assert float(watch.misfit().detach()) == pytest.approx(0, abs=1e-9)
        assert watch.misfit() == 0.0


def test_channels_of_pictures_are_averaged_and_layers_added() -> None:
    def net() -> nn.Sequential:
        return nn.Sequential(nn.BatchNorm2d(2, eps=0.0), nn.BatchNorm2d(2, eps=0.0)).eval()

    shown = torch.zeros(2, 2, 2, 2)
    shown[:, 0, 0] = 2.0  # first channel: mean 1, spread 1; second: mean 0, spread 0; remembered: 0 and 1
    first = ((1 + 0) + (0 + 1)) / 2
    with Watch(net()) as watch:
        watch._layers[0](shown)
        assert float(watch.misfit().detach()) == pytest.approx(first)
    whole = net()
    with Watch(whole) as watch:
        whole(shown)  # in evaluation, the first layer hands on what it got
        assert float(watch.misfit().detach()) == pytest.approx(2 * first)


def test_nothing_is_left_behind() -> None:
    layer = remembering(0, 1)
    with Watch(layer):
        pass
    assert not layer._forward_pre_hooks
    with Watch(nn.Linear(2, 2)) as watch, Watch(None) as blind:
        assert watch.misfit() == 0.0
        assert blind.misfit() == 0.0


def test_layers_without_memory_are_passed_over() -> None:
    layer = nn.BatchNorm1d(1, track_running_stats=False)
    with Watch(layer) as watch:
        layer(torch.tensor([[1.0], [5.0]]))
        assert watch.misfit() == 0.0
