"""What an attacker learns from public records before asking the model."""

import numpy as np
import pytest

from govtool.attacks.inversion.priors import pca


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


class TestPrincipalComponents:
    def test_public_records_come_back_from_their_latents(self, torch):
        units = np.random.default_rng(0).uniform(0, 1, (12, 1, 3, 4))
        prior = pca.fit(units)
        assert prior.size == 11
        assert np.allclose(prior.decode(torch.from_numpy(prior.public)).numpy(), units, atol=1e-5)

    def test_latents_of_public_records_are_standardised(self):
        prior = pca.fit(np.random.default_rng(0).uniform(0, 1, (500, 6)))
        assert np.allclose(prior.public.mean(axis=0), 0, atol=1e-5)
        assert np.allclose(prior.public.std(axis=0, ddof=1), 1, atol=1e-4)

    def test_a_line_of_records_has_one_component(self, torch):
        units = np.linspace(0.2, 0.8, 7)[:, None] * np.ones((1, 5))
        prior = pca.fit(units)
        assert prior.size == 1
        assert np.allclose(prior.decode(torch.zeros(1, 1)).numpy(), 0.5)

    def test_what_it_draws_stays_in_the_range_and_can_be_differentiated(self, torch):
        prior = pca.fit(np.random.default_rng(0).uniform(0, 1, (20, 8)), components=5)
        latents = torch.from_numpy(10 * prior.sample(50, np.random.default_rng(1))).requires_grad_(True)
        drawn = prior.decode(latents)
        drawn.sum().backward()
        assert drawn.shape == (50, 8)
        assert drawn.min() == 0
        assert drawn.max() == 1
        assert latents.grad.shape == (50, 5)
