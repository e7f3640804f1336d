"""What an attacker learns from public records before asking the model."""

import numpy as np
import pytest

from govtool.attacks.inversion.priors import local, pca


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


class TestLocalComponents:
    """Few pictures say what neighbouring pixels have to do with each other, and little else."""

    SHAPE = (1, 8, 8)

    def _blobs(self, seed, n=12):
        """Pictures whose left and right halves are drawn each for itself, plain within."""
        rng = np.random.default_rng(seed)
        return np.repeat(rng.uniform(0.2, 0.8, (n, 2)), 4, axis=1)[:, None, :].repeat(8, axis=1).reshape(n, 64)

    def test_it_has_more_directions_than_there_were_pictures(self):
        units = self._blobs(0, n=4)
        assert pca.fit(units).size < 4 <= local.fit(units, self.SHAPE).size

    def test_it_draws_strangers_that_the_mixtures_of_the_public_cannot(self, torch):
        """From two pictures, always both halves bright or both dark, a third with one of each is to be drawn."""
        plain = np.full((1, 64), 0.2)
        halves = np.where(np.arange(64) % 8 < 4, 0.2, 0.8)[None]
        public = np.concatenate([plain, 1 - plain])

        def misses(prior):
            basis = np.linalg.qr(prior.basis.T.astype(float))[0]
            away = halves[0] - prior.mean
            return np.linalg.norm(away - basis @ (basis.T @ away)) / np.linalg.norm(away)

        assert misses(pca.fit(public)) > 0.99
        assert misses(local.fit(public, self.SHAPE)) < 0.2

    def test_its_draws_are_smooth_as_the_public_pictures_are(self, torch):
        prior = local.fit(self._blobs(0), self.SHAPE)
        drawn = prior.decode(torch.from_numpy(prior.sample(200, np.random.default_rng(0)))).reshape(-1, 8, 8).numpy()
        near = np.corrcoef(drawn[:, 3, 1], drawn[:, 3, 2])[0, 1]
        far = np.corrcoef(drawn[:, 3, 1], drawn[:, 3, 6])[0, 1]
        assert near > 0.7
        assert abs(far) < 0.3

    def test_large_pictures_are_learnt_on_a_coarser_grid_and_drawn_at_full_size(self, torch):
        units = np.random.default_rng(0).uniform(0, 1, (5, 1, 60, 40))
        prior = local.fit(units, (1, 60, 40), components=7)
        assert prior.decode(torch.zeros(2, 7)).shape == (2, 1, 60, 40)

    def test_channels_of_one_place_belong_together(self, torch):
        level = np.random.default_rng(0).uniform(0.3, 0.7, (30, 1, 4, 4))
        prior = local.fit(np.concatenate([level, level, 1 - level], axis=1), (3, 4, 4))
        drawn = prior.decode(torch.from_numpy(prior.sample(50, np.random.default_rng(1)))).numpy()
        assert np.allclose(drawn[:, 0], drawn[:, 1], atol=1e-3)
        assert np.corrcoef(drawn[:, 0, 0, 0], drawn[:, 2, 0, 0])[0, 1] < -0.99
