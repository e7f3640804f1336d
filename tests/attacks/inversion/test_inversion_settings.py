"""Presets by what an attacker sees, and what a spec may change of them."""

import pytest
from torch import nn

from govtool.attacks.inversion import settings
from govtool.attacks.inversion.settings import PARAMS, PRESETS, Settings, chosen, kind
from govtool.errors import InputError

PICTURE = (1, 4, 4)
LINEAR = nn.Sequential(nn.Flatten(), nn.Linear(16, 3))
DENSE = nn.Sequential(nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 3))
CONVOLUTIONAL = nn.Sequential(nn.Unflatten(1, PICTURE), nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 3))


@pytest.mark.parametrize(
    ("module", "seen"),
    [
        (LINEAR, "linear"),
        (DENSE, "dense"),
        (CONVOLUTIONAL, "convolutional"),
        (nn.Sequential(nn.BatchNorm1d(16), nn.Linear(16, 3)), "dense"),
        (nn.Sequential(nn.Conv1d(1, 1, 3)), "convolutional"),
        (nn.Bilinear(2, 2, 2), "dense"),
    ],
)
def test_what_the_attacker_sees(module: nn.Module, seen: str) -> None:
    assert kind(module, PICTURE) == seen
    assert kind(module, None) == "table"
    assert chosen(module, PICTURE, {"shape": [4, 4]}) == PRESETS[kind(module, PICTURE)]


def test_a_spec_may_change_everything_that_is_listed() -> None:
    asked = {
        "loss": "poincare",
        "prior": "total_variation",
        "steps": 7,
        "restarts": 2,
        "jitter": 0.2,
        "batch_norm": 3,
        "process": 5,
    }
    assert set(asked) == PARAMS
    found = chosen(CONVOLUTIONAL, PICTURE, asked)
    assert found == Settings("poincare", "total_variation", 7, PRESETS["convolutional"].margin, 2, 0.2, 3.0, 5)


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"loss": "hinge"}, "unknown loss 'hinge'"),
        ({"loss": ["margin"]}, "unknown loss"),
        ({"prior": "gan"}, "unknown prior 'gan'"),
        ({"steps": 0}, "'steps' is a whole number from 1"),
        ({"steps": 2.5}, "'steps'"),
        ({"steps": True}, "'steps'"),
        ({"restarts": 101}, "from 1 to 100"),
        ({"jitter": 0.6}, "from 0 to 0.5"),
        ({"jitter": "much"}, "'jitter'"),
        ({"batch_norm": -1}, "'batch_norm'"),
        ({"process": -1}, "'process'"),
        ({"prior": "blurred", "process": 10}, "cannot go with prior 'blurred'"),
    ],
)
def test_what_makes_no_sense_is_refused(params: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        chosen(DENSE, PICTURE, params)


def test_a_refusal_says_what_is_known() -> None:
    with pytest.raises(InputError) as refused:
        chosen(DENSE, PICTURE, {"loss": "hinge"})
    assert refused.value.hint == "known: margin, cross_entropy, poincare"


@pytest.mark.parametrize("params", [{"prior": "spectrum"}, {"jitter": 0.1}, {"process": 5}])
def test_a_table_is_no_picture(params: dict[str, object]) -> None:
    with pytest.raises(InputError, match="picture"):
        chosen(DENSE, None, params)


def test_every_prior_has_weights_or_a_space_of_its_own() -> None:
    spaces = {"none", "spectrum", "blurred", "autoencoder"}
    assert set(settings.PRIORS) == spaces | set(settings.PRIOR_WEIGHTS)
    assert all(preset.prior in settings.PRIORS for preset in PRESETS.values())
