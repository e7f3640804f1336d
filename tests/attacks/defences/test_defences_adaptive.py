"""What can be won back from worse answers, by hand."""

import numpy as np
import pytest

from govtool.access import Access
from govtool.attacks import degraded
from govtool.attacks.defences import measures
from govtool.attacks.defences.adaptive import Averaged, Completed, Sharpened
from govtool.attacks.interface import Features, FloatArray, Labels
from govtool.errors import WorkError

ANSWERS = np.array([[0.7, 0.2, 0.1, 0.0], [0.1, 0.2, 0.3, 0.4]])
ASKED = np.array([[0.0, 1.0], [1.0, 0.0]], dtype=np.float32)
SPREAD = np.ones(2)


class Fixed:
    """A model that gives the first answer to records with a small first feature and the second to others."""

    access = frozenset({Access.PROBABILITIES})
    n_classes = 4

    def log_probabilities(self, features: Features) -> FloatArray:
        with np.errstate(divide="ignore"):
            return np.maximum(np.log(ANSWERS[(features[:, 0] > 0.5).astype(int)]), -745)

    def labels(self, features: Features) -> Labels:
        return self.log_probabilities(features).argmax(axis=1)

    def module(self) -> object:
        raise WorkError("none")


def probabilities(target: object) -> FloatArray:
    return np.exp(target.log_probabilities(ASKED))  # type: ignore[attr-defined]


def test_a_temperature_can_be_taken_back_whole() -> None:
    assert np.allclose(probabilities(Sharpened(degraded.Tempered(Fixed(), 5.0), 5.0)), ANSWERS, atol=1e-9)


def test_noise_averages_away_as_the_root_of_the_copies() -> None:
    noisy = degraded.Noisy(Fixed(), 0.05)
    once = np.abs(probabilities(noisy) - ANSWERS).mean()
    often = np.abs(probabilities(Averaged(noisy, SPREAD, copies=400)) - ANSWERS).mean()
    assert often < once / 2
    assert once > 0.01


def test_averaging_is_the_same_every_time() -> None:
    noisy = degraded.Noisy(Fixed(), 0.05)
    one, again = (probabilities(Averaged(noisy, SPREAD)) for _ in range(2))
    assert (one == again).all()


def test_scores_that_are_not_shown_share_what_is_missing_to_one() -> None:
    completed = Completed(degraded.TopK(Fixed(), 1))
    assert np.allclose(probabilities(completed), [[0.7, 0.1, 0.1, 0.1], [0.2, 0.2, 0.2, 0.4]])
    assert np.allclose(probabilities(Completed(degraded.TopK(Fixed(), 4))), ANSWERS)


def test_labels_stay_what_the_defended_model_says() -> None:
    for target in (Sharpened(degraded.Tempered(Fixed(), 3.0), 3.0), Completed(degraded.TopK(Fixed(), 1))):
        assert target.labels(ASKED).tolist() == [0, 3]
        with pytest.raises(WorkError, match="not the weights"):
            target.module()


@pytest.mark.parametrize(
    ("name", "setting", "said", "readings"),
    [
        ("rounding", 1.0, "to 1 decimal", 1),
        ("top_k", 3.0, "3 best scores", 1),
        ("labels", 0.0, "the class alone", 0),
        ("noise", 0.05, "spread 0.05", 2),
        ("temperature", 5.0, "5", 2),
    ],
)
def test_every_defence_says_what_it_is_and_how_it_can_be_read(
    name: str, setting: float, said: str, readings: int
) -> None:
    defended = measures.MEASURES[name](Fixed(), setting, SPREAD)
    assert (defended.defence, defended.setting) == (name, said)
    assert len(defended.adapted) == readings
    assert Access.WEIGHTS not in defended.target.access
