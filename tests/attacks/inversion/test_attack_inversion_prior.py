"""An attacker who has records of other people: does the model lead from them to the people it was trained on?"""

from dataclasses import replace

import numpy as np
import pytest
import torch
from attack_worlds import TorchTarget, Undifferentiable, digit_softmax

from govtool.access import Access, reachable
from govtool.attacks.interface import AttackData, AttackResult, Generator, NotApplicable, NotTestable, Records
from govtool.attacks.inversion import assembly, inversion_prior
from govtool.attacks.inversion.priors import choice
from govtool.errors import InputError

SHAPE = {"shape": [8, 8]}


def world(*, trained: bool = True, judges: int = 400) -> tuple[TorchTarget, AttackData]:
    """Digits. Public are 100 of the records that are neither trained on nor judged by: other drawings of the same digits."""
    target, data = digit_softmax(3, trained=trained)
    assert data.evaluation is not None
    spare = data.evaluation.features[400:]
    return target, replace(
        data,
        evaluation=Records(data.evaluation.features[:judges], data.evaluation.labels[:judges]),
        public=Records(spare, np.zeros(len(spare), dtype=np.int64)),
    )


def attack(target: TorchTarget, data: AttackData, **params: object) -> AttackResult:
    outcome = inversion_prior.run(target, data, {**SHAPE, **params}, np.random.default_rng(0))
    assert isinstance(outcome, AttackResult)
    return outcome


@pytest.fixture(scope="module")
def leaky() -> AttackResult:
    return attack(*world())


@pytest.fixture(scope="module")
def untrained() -> AttackResult:
    return attack(*world(trained=False))


def test_a_softmax_model_shows_its_digits(leaky: AttackResult) -> None:
    assert leaky.attack == "inversion_prior"
    assert leaky.metrics["identification_rate"].low > leaky.baselines["identification_rate"] == 0.1
    assert leaky.void == ""
    assert leaky.detail["prior"] == "local"


def test_an_untrained_model_shows_nothing_though_the_prior_knows_digits(untrained: AttackResult) -> None:
    found = untrained.metrics["identification_rate"]
    assert found.value <= 0.3
    assert found.low < 0.1


def test_what_the_search_began_from_is_judged_beside_what_it_found(leaky: AttackResult) -> None:
    rows = {entry["row"]: entry["rates"] for entry in leaky.detail["calibration"]}
    assert rows["what the search began from"].keys() == rows["plain grey"].keys()
    assert {rate["n"] for rate in rows["what the search began from"].values()} == {10}


def test_what_the_attacker_holds_is_said(leaky: AttackResult) -> None:
    assert "public records of other people" in leaky.knowledge
    assert any("100 public records" in caveat for caveat in leaky.caveats)
    assert leaky.access == {Access.GRADIENTS}


def test_the_same_seed_gives_the_same_pictures(leaky: AttackResult) -> None:
    again = attack(*world())
    assert np.array_equal(again.arrays["reconstructions"], leaky.arrays["reconstructions"])


def test_the_target_is_left_as_it_was() -> None:
    target, data = world(judges=150)
    before = [parameter.detach().clone() for parameter in target.model.parameters()]
    attack(target, data)
    assert all(torch.equal(a, b) for a, b in zip(before, target.model.parameters(), strict=True))
    assert all(parameter.requires_grad for parameter in target.model.parameters())


def test_where_the_public_records_are_other_digits_the_model_still_leads_to_its_own() -> None:
    """Nobody public shares a class with the target: public 5 to 9, target and judges 0 to 4."""
    target, data = digit_softmax(3)
    assert data.evaluation is not None

    def only(records: Records, low: int, high: int) -> Records:
        chosen = (records.labels >= low) & (records.labels < high)
        return Records(records.features[chosen], records.labels[chosen])

    few = replace(data, members=only(data.members, 0, 5), evaluation=only(data.evaluation, 0, 5))
    found = attack(target, replace(few, public=only(data.nonmembers, 5, 10)))
    assert found.metrics["identification_rate"].value >= 0.8
    assert found.baselines["identification_rate"] == 0.2


@pytest.mark.parametrize("prior", ["pca", "autoencoder", "gan"])
def test_every_prior_can_be_asked_for(prior: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (choice.autoencoder, choice.gan):
        monkeypatch.setattr(module, "STEPS", 20)
    found = attack(*world(judges=150), prior=prior)
    assert found.detail["prior"] == prior
    assert found.arrays["reconstructions"].shape == (10, 64)
    assert np.isfinite(found.arrays["reconstructions"]).all()


def test_a_table_has_principal_components_and_no_local_ones() -> None:
    target, data = world(judges=150)
    found = inversion_prior.run(target, data, {}, np.random.default_rng(0))
    assert isinstance(found, AttackResult)
    assert found.detail["prior"] == "pca"
    with pytest.raises(InputError, match="'prior: local' is for pictures"):
        inversion_prior.run(target, data, {"prior": "local"}, np.random.default_rng(0))


@pytest.mark.parametrize("name", ["stylegan", 7, ["pca"]])
def test_an_unknown_prior_is_an_error_that_names_the_known(name: object) -> None:
    with pytest.raises(InputError, match="unknown prior") as caught:
        attack(*world(judges=150), prior=name)
    assert caught.value.hint == "one of auto, pca, local, autoencoder, gan"


class TestWithoutMeans:
    def test_without_public_records_there_is_nothing_to_learn_from(self) -> None:
        target, data = world(judges=150)
        for none in (None, Records(data.members.features[:0], data.members.labels[:0])):
            outcome = inversion_prior.run(target, replace(data, public=none), SHAPE, np.random.default_rng(0))
            assert isinstance(outcome, NotTestable)
            assert outcome.reason.startswith("no public records were given")

    def test_one_record_over_and_over_is_not_two(self) -> None:
        target, data = world(judges=150)
        same = Records(np.repeat(data.nonmembers.features[:1], 9, axis=0), np.zeros(9, dtype=np.int64))
        outcome = inversion_prior.run(target, replace(data, public=same), SHAPE, np.random.default_rng(0))
        assert isinstance(outcome, NotTestable)
        assert "fewer than 2 different public records" in outcome.reason

    def test_answers_alone_are_not_enough(self) -> None:
        target, data = world(judges=150)
        shown = replace(target, access=reachable(frozenset({Access.LOGITS})))
        assert isinstance(inversion_prior.run(shown, data, SHAPE, np.random.default_rng(0)), NotApplicable)

    def test_weights_that_cannot_be_differentiated_are_not_enough(self) -> None:
        target, data = world(judges=150)
        stiff = Undifferentiable(target.model, target.access, target.n_classes)
        outcome = inversion_prior.run(stiff, data, SHAPE, np.random.default_rng(0))
        assert isinstance(outcome, NotTestable)
        assert "nothing to differentiate" in outcome.reason


class TestGeneratorOfSomebodysOwn:
    """Any torch module from standard normal latents to inputs of the model."""

    @staticmethod
    def components(data: AttackData, size: int = 20) -> torch.nn.Module:
        """A linear generator of the public digits, made by hand."""
        assert data.public is not None
        mean = data.public.features.mean(axis=0)
        _, spread, directions = np.linalg.svd(data.public.features - mean, full_matrices=False)
        layer = torch.nn.Linear(size, 64)
        basis = (directions[:size] * spread[:size, None] / np.sqrt(len(data.public))).T
        layer.weight.data, layer.bias.data = torch.from_numpy(basis.copy()), torch.from_numpy(mean)
        return layer

    def test_it_plugs_in_and_finds_the_leak(self) -> None:
        target, data = world()
        given = Generator("digits@1", self.components(data), 20)
        found = attack(target, replace(data, public=None, generator=given))
        assert found.metrics["identification_rate"].low > 0.1
        assert found.detail["latent_size"] == 20
        assert any("digits@1" in caveat for caveat in found.caveats)

    def test_it_is_not_changed(self) -> None:
        target, data = world(judges=150)
        module = self.components(data)
        before = module.weight.detach().clone()
        attack(target, replace(data, generator=Generator("digits@1", module, 20)))
        assert torch.equal(before, module.weight)
        assert module.weight.grad is None

    def test_pictures_come_as_they_are_or_flat(self) -> None:
        target, data = world(judges=150)
        flat = self.components(data)
        as_pictures = torch.nn.Sequential(flat, torch.nn.Unflatten(1, (1, 8, 8)))
        one, two = (
            attack(target, replace(data, generator=Generator("g@1", module, 20))) for module in (flat, as_pictures)
        )
        assert np.allclose(one.arrays["reconstructions"], two.arrays["reconstructions"])

    @pytest.mark.parametrize(
        ("module", "said"),
        [
            (torch.nn.Linear(20, 63), r"answers two latents with \(2, 63\); two records of 64 features wanted"),
            (torch.nn.Linear(7, 64), "does not take latents of 20 numbers"),
            (torch.nn.Flatten(0), r"answers two latents with \(40,\)"),
            (torch.nn.LSTM(20, 64), "with tuple"),
        ],
        ids=["another size", "other latents", "no batch", "no tensor"],
    )
    def test_a_generator_of_the_wrong_kind_is_one_clear_error(self, module: torch.nn.Module, said: str) -> None:
        target, data = world(judges=150)
        with pytest.raises(InputError, match=said):
            attack(target, replace(data, generator=Generator("bad@1", module, 20)))

    def test_one_that_draws_nothing_finite_is_refused(self) -> None:
        target, data = world(judges=150)
        broken = torch.nn.Linear(20, 64)
        broken.bias.data[3] = float("nan")
        with pytest.raises(InputError, match="missing or infinite"):
            attack(target, replace(data, generator=Generator("bad@1", broken, 20)))

    def test_a_prior_and_a_generator_are_one_too_many(self) -> None:
        target, data = world(judges=150)
        with pytest.raises(InputError, match="not both"):
            attack(target, replace(data, generator=Generator("g@1", self.components(data), 20)), prior="pca")

    def test_one_that_is_named_and_not_handed_over_is_not_replaced_by_something_else(self) -> None:
        target, data = world(judges=150)
        outcome = inversion_prior.run(
            target, data, {**SHAPE, "generator": {"model": "g@1", "latent": 20}}, np.random.default_rng(0)
        )
        assert isinstance(outcome, NotTestable)


def test_the_positive_control_runs_with_the_same_public_records() -> None:
    target, data = world()
    found = assembly.control(inversion_prior.run, target.access, data, SHAPE, np.random.default_rng(0))
    assert found["passed"] is True
