"""Models of the same digits attacked together: what the ensemble adds, and when it cannot be asked at all."""

import json
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from attack_worlds import TorchTarget, Undifferentiable, digits, fit

from govtool.access import Access, reachable
from govtool.attacks.interface import AttackData, AttackResult, Companion, Labels, NotApplicable, NotTestable, Records
from govtool.attacks.inversion import assembly, ensemble
from govtool.errors import InputError

SAME = np.arange(10)
QUICK: dict[str, Any] = {"shape": [8, 8], "steps": 40, "pictures": False}


def net(records: Records, labels: Labels, seed: int, steps: int = 150) -> TorchTarget:
    """A small net with a hidden layer; `steps` 0 leaves it as it was drawn."""
    torch.manual_seed(seed)
    classes = int(labels.max()) + 1
    model = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, classes))
    return TorchTarget(fit(model, records.features, labels, steps), n_classes=classes)


@cache
def halves(trained: bool = True) -> tuple[TorchTarget, AttackData]:
    """Two nets, each trained on its own half of 700 digits; the members are the first one's."""
    everything, outside, many = digits(1)
    evaluation = Records(many.features[:200], many.labels[:200])
    own, other = (Records(everything.features[half::2], everything.labels[half::2]) for half in (0, 1))
    steps = 150 if trained else 0
    companion = Companion("second@1", net(other, other.labels, 8, steps), SAME)
    data = AttackData(own, outside, evaluation=evaluation, companions=(companion,))
    return net(own, own.labels, 7, steps), data


def attack(target: TorchTarget, data: AttackData, **params: Any) -> AttackResult:
    found = ensemble.run(target, data, {**QUICK, **params}, np.random.default_rng(0))
    assert isinstance(found, AttackResult), found.reason
    return found


def with_companion(companion: Companion) -> tuple[TorchTarget, AttackData]:
    target, data = halves()
    return target, replace(data, companions=(companion,))


@pytest.fixture(scope="module")
def both() -> AttackResult:
    return attack(*halves())


def test_nets_trained_on_disjoint_halves_show_the_digits_together(both: AttackResult) -> None:
    assert both.metrics["identification_rate"].low > both.baselines["identification_rate"] == 0.1
    assert both.void == ""


def test_each_member_is_reported_beside_the_ensemble(both: AttackResult) -> None:
    found = both.detail["ensemble"]
    assert [one["model"] for one in found["members"]] == ["the model under attack", "second@1"]
    assert all(0 <= one["rate"]["value"] <= 1 and one["rate"]["n"] == 10 for one in found["members"])
    assert found["gain"]["low"] <= found["gain"]["value"] <= found["gain"]["high"]
    best = max(one["rate"]["value"] for one in found["members"])
    assert found["gain"]["value"] == pytest.approx(found["together"]["value"] - best)
    assert found["reading"] in both.caveats
    json.dumps(dict(both.detail), allow_nan=False)


def test_untrained_models_are_not_accused_however_many() -> None:
    found = attack(*halves(trained=False))
    assert found.metrics["identification_rate"].low < 0.1
    assert found.detail["ensemble"]["gain"]["low"] <= 0
    assert "was not shown" in found.detail["ensemble"]["reading"]
    assert any("that mapping may be wrong" in caveat for caveat in found.caveats)


def test_the_same_seed_gives_the_same_pictures() -> None:
    first, second = (attack(*halves(), pictures=True, steps=5) for _ in range(2))
    assert np.array_equal(first.arrays["reconstructions"], second.arrays["reconstructions"])


def test_a_model_of_another_task_takes_part_under_its_own_classes() -> None:
    """It was trained to tell odd from even digits: it knows something of every digit and no digit alone."""
    everything, _, _ = digits(1)
    parity = Companion("parity@1", net(everything, everything.labels % 2, 3), SAME % 2)
    found = attack(*with_companion(parity))
    (alone,) = (one for one in found.detail["ensemble"]["members"] if one["model"] == "parity@1")
    assert alone["rate"]["value"] <= 0.5
    assert found.metrics["identification_rate"].low > 0.1
    assert not any("mapping" in caveat for caveat in found.caveats)


def test_a_mapping_that_cannot_be_right_is_said() -> None:
    everything, _, _ = digits(1)
    second = net(everything, everything.labels, 3)
    found = attack(*with_companion(Companion("second@1", second, (SAME + 1) % 10)), steps=3)
    assert any("second@1 gives the members the class it is said to know them by in 0%" in c for c in found.caveats)


def test_a_companion_without_an_answer_has_no_say() -> None:
    target, data = halves()
    stranger = replace(data.companions[0], classes=np.full(10, -1))
    together = attack(target, replace(data, companions=(stranger,)), steps=10, pictures=True)
    assert any("knows none of the classes" in caveat for caveat in together.caveats)
    again = replace(data.companions[0], name="twin", target=target, classes=np.full(10, -1))
    assert np.array_equal(
        attack(target, replace(data, companions=(again,)), steps=10, pictures=True).arrays["reconstructions"],
        together.arrays["reconstructions"],
    )


def test_with_public_records_the_search_runs_in_what_a_prior_learnt_from_them() -> None:
    target, data = halves()
    found = attack(target, replace(data, public=digits(1)[1]), steps=20)
    assert found.detail["search"]["space"] == "latents"
    assert found.metrics["identification_rate"].low > 0.1


def test_a_member_that_shows_no_gradients_is_named() -> None:
    target, data = halves()
    shut = Companion("shut@2", replace(target, access=reachable(frozenset({Access.LOGITS}))), SAME)
    found = ensemble.run(target, replace(data, companions=(shut,)), QUICK, np.random.default_rng(0))
    assert isinstance(found, NotApplicable)
    assert "of every model, and shut@2 exposes only: labels" in found.reason


def test_a_member_that_does_not_open_is_named_with_the_reason() -> None:
    target, data = with_companion(Companion("broken@1", "the weights do not fit the architecture", SAME))
    found = ensemble.run(target, data, QUICK, np.random.default_rng(0))
    assert found == NotTestable("broken@1 cannot be attacked: the weights do not fit the architecture")


def test_a_member_without_a_differentiable_form_is_named() -> None:
    target, data = halves()
    forest = Companion("forest@1", Undifferentiable(target.model, n_classes=10), SAME)
    found = ensemble.run(target, replace(data, companions=(forest,)), QUICK, np.random.default_rng(0))
    assert isinstance(found, NotTestable)
    assert found.reason.startswith("forest@1: there is nothing to differentiate")


def test_a_model_alone_is_no_ensemble() -> None:
    target, data = halves()
    found = ensemble.run(target, replace(data, companions=()), QUICK, np.random.default_rng(0))
    assert found == NotTestable(ensemble.NO_COMPANIONS)


def test_a_prior_needs_public_records() -> None:
    found = ensemble.run(*halves(), {**QUICK, "space": "latents"}, np.random.default_rng(0))
    assert isinstance(found, NotTestable)
    assert "public records" in found.reason


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"space": "dreams"}, "space 'dreams'"),
        ({"response": "louder"}, "unknown response"),
        ({"steps": 0}, "not 0"),
        ({"steps": True}, "not True"),
    ],
)
def test_a_parameter_that_means_nothing_is_refused(params: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        ensemble.run(*halves(), {**QUICK, **params}, np.random.default_rng(0))


def test_the_control_plants_every_member_and_asks_none_of_the_real_ones() -> None:
    """The real models are untrained; only planted ones can make the control pass."""
    target, data = halves(trained=False)
    made = assembly.control(ensemble.run, target.access, data, QUICK, np.random.default_rng(0))
    assert made["passed"], made["how"]
