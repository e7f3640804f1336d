"""Searches find the record behind an update, choose among starts by the update alone, and stay inside the data range."""

from dataclasses import replace

import numpy as np
import pytest
from gradient_worlds import BOUNDS, CLASSES, PIXELS, SIDE, dense, sent, smooth_conv, some

from govtool.attacks.gradient import defences, matching
from govtool.attacks.gradient.matching import Effort
from govtool.attacks.gradient.update import Local, Update
from govtool.attacks.inversion.similarity import psnr

RNG = 7


def find(update: Update, net: object, known: object, **given: object) -> matching.Match:
    rng = np.random.default_rng(RNG)
    return matching.squared(net, update, known, BOUNDS, SIDE, CLASSES, rng, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", [0, 1])
def test_a_smooth_net_gives_the_record_back(seed: int) -> None:
    net, one = smooth_conv(seed), some(10 + seed, 11 + seed)
    found = find(sent(net, one), net, one.labels)
    assert psnr(found.inputs, one.features)[0] > 100
    assert found.residual < 1e-5


def test_labels_need_not_be_known() -> None:
    net, one = smooth_conv(), some(20, 21)
    assert psnr(find(sent(net, one), net, None).inputs, one.features)[0] > 100


def test_a_wrong_label_does_not_match() -> None:
    net, one = smooth_conv(), some(20, 21)
    wrong = (one.labels + 1) % CLASSES
    found = find(sent(net, one), net, wrong, effort=Effort(1, 100))
    assert found.residual > 1e-2
    assert psnr(found.inputs, one.features)[0] < 30


def test_several_local_steps_are_followed() -> None:
    net, one = smooth_conv(), some(30, 31)
    update = sent(net, one, Local(3, 0.1))
    assert psnr(find(update, net, one.labels).inputs, one.features)[0] > 60
    ignorant = replace(update, local=Local())
    assert find(ignorant, net, one.labels, effort=Effort(1, 100)).residual > 1e-4


def test_what_was_left_out_of_a_sparse_update_is_not_taken_for_zero() -> None:
    net, one = smooth_conv(), some(40, 41)
    sparse = defences.largest(0.2)(sent(net, one), np.random.default_rng(0))
    fooled = replace(sparse, readout=type(sparse.readout)())
    adapted, naive = (psnr(find(update, net, one.labels).inputs, one.features)[0] for update in (sparse, fooled))
    assert adapted > 60
    assert naive < adapted - 20


def test_the_cosine_search_draws_a_picture_and_stays_in_range() -> None:
    net, one = dense(64), some(50, 51)
    rng = np.random.default_rng(RNG)
    effort = Effort(1, 150, 1e-2)
    found = matching.cosine(net, sent(net, one), one.labels, BOUNDS, SIDE, CLASSES, rng, effort)
    assert found.inputs.min() >= 0
    assert found.inputs.max() <= 1
    assert psnr(found.inputs, one.features)[0] > 20


def test_the_start_with_the_better_match_is_kept() -> None:
    """Never the one nearer to the truth: the search is not given it."""
    from govtool.attacks.gradient.matching import Match, _best

    tries = iter([Match(np.full((1, PIXELS), 0.1), 0.5), Match(np.full((1, PIXELS), 0.9), 0.2)])
    assert _best(Effort(2, 1), lambda: next(tries)).residual == 0.2
    only = iter([Match(np.zeros((1, PIXELS)), 1e-7)])
    assert _best(Effort(3, 1), lambda: next(only)).residual == 1e-7, "good enough: no second start"


def test_a_table_has_no_neighbours() -> None:
    import torch

    assert matching._variation(torch.ones(2, 4), None) == 0.0
    assert float(matching._variation(torch.tensor([[0.0, 1.0, 0.0, 1.0]]), (1, 2, 2))) == 1.0
