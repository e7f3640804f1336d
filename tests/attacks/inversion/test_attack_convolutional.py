"""The convolutional judge alone: what it is told apart by, what it may touch, and that it takes any picture."""

import numpy as np
import pytest
import torch
from attack_worlds import digits

from govtool.attacks.inversion import convolutional
from govtool.attacks.inversion.convolutional import Trained

DIGIT = (1, 8, 8)


@pytest.fixture(scope="module")
def judge() -> Trained:
    _, _, evaluation = digits(0)
    return convolutional.train(evaluation.features[:150].astype(float), evaluation.labels[:150], DIGIT, 0)


def accuracy(judge: Trained, rows: np.ndarray, labels: np.ndarray) -> float:
    return float((judge.scores(rows).argmax(axis=1) == labels).mean())


def test_fifteen_records_of_each_digit_are_enough(judge: Trained) -> None:
    members, _, _ = digits(0)
    assert accuracy(judge, members.features.astype(float), members.labels) > 0.9


def test_it_bears_what_a_reconstruction_suffers(judge: Trained) -> None:
    """Half of the contrast and some noise: a net that learnt without augmentation would not know them."""
    members, _, _ = digits(0)
    noise = 0.05 * np.random.default_rng(0).standard_normal(members.features.shape)
    assert accuracy(judge, 0.5 * members.features + 0.25 + noise, members.labels) > 0.8


def test_features_are_one_row_per_record_however_many_are_asked(judge: Trained) -> None:
    rows = digits(0)[0].features.astype(float)
    assert judge.features(rows[:1]) == pytest.approx(judge.features(rows)[:1], abs=1e-4)
    assert len(rows) > convolutional._ASKED_AT_ONCE


def test_the_same_seed_gives_the_same_judge_and_leaves_torchs_own_chance_alone() -> None:
    _, _, evaluation = digits(0)
    rows, labels = evaluation.features[:40].astype(float), evaluation.labels[:40]
    before = torch.get_rng_state()
    one, again, other = (convolutional.train(rows, labels, DIGIT, seed).scores(rows) for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.allclose(one, other)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("shape", [(1, 1, 12), (1, 2, 2), (3, 16, 9), (1, 70, 30)])
def test_pictures_of_any_size_and_colour_are_learnt(
    shape: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two classes, dark and bright at one end."""
    monkeypatch.setattr(convolutional, "FEWEST_STEPS", 40)
    size = int(np.prod(shape))
    labels = np.arange(33) % 2  # one more than a batch
    rows = np.full((33, size), 0.5)
    rows[labels == 1, : size // 2] = 1.0
    assert accuracy(convolutional.train(rows, labels, shape, 0), rows, labels) == 1.0


def test_large_pictures_are_averaged_down() -> None:
    picture = np.zeros((1, 56 * 56))
    picture[0, :2] = 1  # half of the first block of two by two
    small = convolutional._prepared(picture, (1, 56, 56))
    assert small.shape == (1, 1, 28, 28)
    assert float(small[0, 0, 0, 0]) == 0.0  # 0.5, and range units are moved around 0
    assert float(small.min()) == -0.5


def test_an_augmented_picture_is_near_and_never_the_same() -> None:
    pictures = torch.zeros(6, 1, 8, 8)
    pictures[:, :, 3:5, 3:5] = 0.5
    changed = convolutional._augmented(pictures, torch.Generator().manual_seed(0))
    assert changed.shape == pictures.shape
    assert all(0 < float((one - other).abs().mean()) < 0.3 for one, other in zip(changed, pictures, strict=True))
    assert float((changed[0] - changed[1]).abs().max()) > 0.05


def test_a_batch_of_one_record_is_never_learnt() -> None:
    """It has no batch statistics: 33 records are a batch of 32 and one that waits for the next round."""
    batches = convolutional._batches(33, torch.Generator().manual_seed(0))
    assert [len(next(batches)) for _ in range(4)] == [32, 32, 32, 32]
