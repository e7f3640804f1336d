"""The joint search alone: who pulls how hard, what a member sees, and one case with a known answer."""

from typing import Any

import numpy as np
import pytest
import torch

from govtool.attacks.inversion import joint
from govtool.attacks.inversion.joint import UNKNOWN, Latents, Member, Pixels
from govtool.attacks.inversion.priors import pca

RNG = np.random.default_rng


def linear(weights: list[list[float]]) -> torch.nn.Module:
    model = torch.nn.Linear(len(weights[0]), len(weights), bias=False)
    with torch.no_grad():
        model.weight.copy_(torch.tensor(weights))
    return model.requires_grad_(False)


def member(weights: list[list[float]], wanted: list[int]) -> Member:
    return Member(linear(weights), torch.tensor(wanted))


def draw(*members: Member, steps: int = 60) -> Any:
    return joint.search(members, Pixels((3,), None, 2), None, "margin", steps, RNG(0)).numpy()


FIRST = member([[9.0, 0, 0], [0, 0, 0]], [0, 1])
"""Knows classes by the first feature; says nothing of the others."""
LAST = member([[0, 0, 9.0], [0, 0, 0]], [0, 1])


def test_together_two_models_show_what_each_shows_only_half_of() -> None:
    alone, together = draw(FIRST), draw(FIRST, LAST)
    assert alone[0, 0] > 0.75
    assert abs(alone[0, 2] - 0.5) < 0.1
    assert together[0, 0] > 0.75
    assert together[0, 2] > 0.75
    assert together[1].max() < 0.55
    assert np.abs(together[:, 1] - 0.5).max() < 0.1


def test_a_member_that_does_not_know_a_class_leaves_it_to_the_others() -> None:
    silent = Member(LAST.module, torch.tensor([UNKNOWN, 1]))
    found = draw(FIRST, silent)
    assert found[0, 0] > 0.75
    assert abs(found[0, 2] - 0.5) < 0.1


def test_a_member_of_another_task_has_its_own_number_for_a_class() -> None:
    """Its class 1 is the target's class 0."""
    swapped = Member(linear([[0, 0, 0], [0, 0, 9.0]]), torch.tensor([1, 0]))
    assert draw(FIRST, swapped)[0, 2] > 0.75


def test_no_member_is_louder_than_the_others_at_the_start() -> None:
    quiet, loud = torch.full((2, 4), 0.1), torch.full((2, 4), -100.0)
    steepness = [float(pull.norm(dim=1).mean()) for pull in (quiet, loud)]
    assert torch.allclose(joint._together([quiet, loud], steepness), torch.zeros(2, 4), atol=1e-5)
    nothing = torch.zeros(2, 4)
    assert torch.isfinite(joint._together([quiet, nothing], [0.2, 0.0])).all()


def test_responses_by_hand() -> None:
    logits, own = torch.tensor([[3.0, 1.0]], dtype=torch.float64), torch.tensor([0])
    found = {name: float(response(logits, own)) for name, response in joint.RESPONSES.items()}
    assert found == pytest.approx(
        {"margin": np.log1p(np.exp(10 - 2)), "one_hot": np.log1p(np.exp(-2)), "max_response": -3.0}
    )


def test_pictures_move_by_a_pixel_and_keep_their_edges() -> None:
    picture = torch.zeros(1, 30 * 30)
    picture[0, 15 * 30 + 15] = 1
    seen = {tuple(joint.moved(picture, (1, 30, 30), RNG(seed)).nonzero()[0].tolist()) for seed in range(40)}
    assert len(seen) > 1
    plain = torch.full((2, 900), 0.3)
    assert torch.equal(joint.moved(plain, (1, 30, 30), RNG(0)), plain)
    table = torch.rand(2, 5)
    assert joint.moved(table, None, RNG(0)) is table


def test_a_blur_keeps_what_is_even_and_spreads_what_is_not() -> None:
    shape = (1, 60, 60)
    even = torch.full((1, 3600), 0.7)
    assert torch.allclose(joint.blurred(even, shape), even, atol=1e-5)
    speck = torch.zeros(1, 3600)
    speck[0, 30 * 60 + 30] = 1
    spread = joint.blurred(speck, shape)
    assert float(spread.sum()) == pytest.approx(1, abs=1e-4)
    assert float(spread.max()) < 0.1


def test_latents_start_at_the_public_records_that_the_members_together_like_best() -> None:
    """Record 2 is high in both features that mark class 0; the others in one of them at most."""
    public = np.array([[1, 0.5, 0], [0, 0.5, 1], [1, 0.5, 1], [0, 0.4, 0]])
    prior = pca.fit(public)
    start = Latents(prior, 2).start([FIRST, LAST], RNG(0))
    assert start.shape == (joint.RESTARTS * 2, prior.size)
    assert np.allclose(prior.decode(start[:1]).numpy(), public[2], atol=0.05)


def test_a_module_is_copied_and_not_changed() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Dropout())
    copy = joint.frozen(model)
    assert not copy.training
    assert model.training
    assert all(one.requires_grad for one in model.parameters())
    assert not any(one.requires_grad for one in copy.parameters())
