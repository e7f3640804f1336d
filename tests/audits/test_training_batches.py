"""Batches of several models side by side, and sums in place of products where few features are not zero."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from govtool.audits.training import batches


def test_a_batch_of_all_models_is_one_slice() -> None:
    values = np.array([[1, 2, 3, 4, 5], [11, 12, 13, 14, 15]])
    flat, where = batches.arrange(values, 2), batches.cuts(2, 5, 2)
    assert [flat[cut].reshape(2, -1).tolist() for cut in where] == [
        [[1, 2], [11, 12]],
        [[3, 4], [13, 14]],
        [[5], [15]],
    ]


@given(st.integers(1, 4), st.integers(1, 30), st.integers(1, 40))
def test_every_record_of_every_model_comes_once(models: int, records: int, size: int) -> None:
    values = np.arange(models * records).reshape(models, records)
    flat, where = batches.arrange(values, size), batches.cuts(models, records, size)
    assert sorted(np.concatenate([flat[cut] for cut in where]).tolist()) == list(range(models * records))
    assert [len(flat[cut]) // models for cut in where] == [size] * (records // size) + [records % size] * bool(
        records % size
    )


@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.sampled_from([1, 3, 7, 16]), st.booleans())
@settings(max_examples=40)
def test_sums_of_what_is_not_zero_are_products(seed: int, models: int, size: int, ones: bool) -> None:
    draw = np.random.default_rng(seed)
    features = (draw.random((20, 9)) < 0.2).astype(np.float32)  # some records have nothing, some columns neither
    features *= 1 if ones else draw.normal(size=features.shape).astype(np.float32)
    rows = batches.arrange(np.stack([draw.permutation(20)[:13] for _model in range(models)]), size)
    where = batches.cuts(models, 13, size)
    weights = torch.from_numpy(draw.normal(size=(models, 9, 4)).astype(np.float32))
    pairs = zip(
        batches.Dense(features, "cpu").batches(rows, where, models),
        batches.Sparse(features, "cpu").batches(rows, where, models),
        strict=True,
    )
    for dense, bags in pairs:
        errors = torch.from_numpy(draw.normal(size=(models, dense.shape[1], 4)).astype(np.float32))
        assert torch.allclose(bags.times(weights), dense @ weights, atol=1e-5)
        assert torch.allclose(bags.transposed_times(errors), dense.transpose(1, 2) @ errors, atol=1e-5)


def test_shorter_models_are_filled_up_and_what_fills_has_no_share() -> None:
    assert batches.padded([np.array([7, 8]), np.array([5, 6, 9])]).tolist() == [[7, 8, 7], [5, 6, 9]]
    found = batches.filled(np.array([5, 6, 4]), slice(4, 6), "cpu")
    assert found is not None
    assert found.own == [1, 2, 0]
    assert found.shares.tolist() == [[1, 0], [0.5, 0.5], [0, 0]]
    assert batches.filled(np.array([5, 6, 4]), slice(0, 4), "cpu") is None


def test_ones_are_found_a_few_batches_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    features = np.eye(10, dtype=np.float32)
    where = batches.cuts(1, 10, 3)
    whole = [bags.columns.tolist() for bags in batches.Sparse(features, "cpu").batches(np.arange(10), where, 1)]
    monkeypatch.setattr(batches, "_AT_ONCE", 2)
    parts = [bags.columns.tolist() for bags in batches.Sparse(features, "cpu").batches(np.arange(10), where, 1)]
    assert whole == parts == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9]]


def test_sums_are_for_what_is_mostly_zero() -> None:
    features = np.zeros((50, 100), dtype=np.float32)
    assert not batches.worth_summing(features)  # nothing to gain where nothing is told
    features[:, :15] = 3
    assert batches.worth_summing(features)
    assert not batches.worth_summing(features[:, :50])  # narrow, and nearly a third is not zero
    assert not batches.worth_summing(features[:, :99])
    assert not batches.worth_summing(np.ones((50, 100), dtype=np.float32))
