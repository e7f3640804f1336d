"""Models are cut into chunks by the work alone; a chunk may be trained anywhere, and each comes back once."""

import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from audit_worlds import RECIPE, K, draw

from govtool.audits import ensemble
from govtool.audits.recipe import Recipe

FEATURES, LABELS = draw("members", 60)
QUICK = RECIPE.model_copy(update={"epochs": 2})
HALVES = [np.arange(start, start + 40) for start in range(11)]


def trained(own: Recipe = QUICK, halves: Any = HALVES, **more: Any) -> dict[int, Any]:
    seeds = list(range(len(halves)))
    return dict(ensemble.train_and_ask(own, FEATURES, LABELS, halves, seeds, K, FEATURES, **more))


def test_chunks_hold_models_of_equally_many_steps_and_no_more_than_a_stack() -> None:
    halves = [np.arange(60 + number % 4) for number in range(20)]  # 60 and 61 are one step, 62 and 63 are two
    chunks = ensemble.cut(QUICK.model_copy(update={"batch_size": 61}), halves, 12, K, "cpu")
    assert sorted(number for chunk in chunks for number in chunk) == list(range(20))
    assert [len(chunk) for chunk in chunks] == [8, 2, 8, 2]
    assert all(len({len(halves[i]) > 61 for i in chunk}) == 1 for chunk in chunks)


@pytest.mark.parametrize(
    ("own", "device", "most"),
    [
        (QUICK, "cpu", 8),
        (Recipe(factory="cnn"), "cpu", 1),
        (Recipe(factory="cnn"), "cuda", 11),
        (QUICK.model_copy(update={"epochs": 60_000}), "cpu", 2),
        (QUICK.model_copy(update={"epochs": 30_000}), "cpu", 4),
        (Recipe(factory="mlp", factory_params={"hidden": [100_000]}), "cpu", 2),
        (Recipe(factory="own:net"), "cpu", 1),
        (Recipe(estimator="sklearn.svm.SVC"), "cpu", 1),
    ],
)
def test_what_does_not_gain_from_company_trains_alone(own: Recipe, device: str, most: int) -> None:
    assert max(map(len, ensemble.cut(own, HALVES, 16, K, device))) == most


def test_chunks_may_be_trained_elsewhere_and_come_back_in_any_order() -> None:
    sent: list[bytes] = []

    def elsewhere(function: Any, jobs: Any) -> Iterator[Any]:
        sent.extend(pickle.dumps((function, job)) for job in jobs)
        for data in reversed(sent):
            own, job = pickle.loads(data)
            yield own(*job)

    here, there = trained(), trained(fanout=elsewhere)
    assert len(sent) == 2
    assert next(iter(there)) == 8  # the second chunk came first
    assert all(np.array_equal(here[number], there[number]) for number in range(11))


def test_a_reduction_is_what_comes_back() -> None:
    assert trained(reduce=np.shape) == dict.fromkeys(range(11), (60, K))


def test_progress_counts_models_and_never_goes_back() -> None:
    seen: list[int] = []
    trained(progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 11
    assert {4, 8} <= set(seen)  # half of the first chunk's epochs, and all of them


def test_a_model_follows_from_its_half_and_seed_and_not_from_its_neighbours() -> None:
    whole = trained()
    few = trained(halves=HALVES[:3])
    assert all(np.allclose(whole[number], few[number], atol=1e-5) for number in range(3))
