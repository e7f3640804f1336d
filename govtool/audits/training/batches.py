"""Batches of several models side by side, and the two forms in which a first layer can take them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from govtool.attacks.interface import Features

if TYPE_CHECKING:
    from torch import Tensor

Ints = NDArray[np.int64]

DENSEST = 0.15
"""Up to this share of features that are not zero, rows of weights are summed instead of multiplied by whole records.

Measured, first layers of 64 to 256: 2.0 times as fast a step at 2 %, 1.4 at 15 %, 1.1 at 25 %; of 32: 0.9 at 15 %.
"""
_AT_ONCE = 64  # batches whose positions are found together: enough to spread the cost, few enough for a million records
_NARROWEST = 64  # features; below, a product costs less than finding what is not zero


def arrange(values: Ints, size: int) -> Ints:
    """(models, records) -> flat: batch by batch, in each model by model, so that a batch of all models is one slice."""
    models, records = values.shape
    whole = records // size * size
    body = values[:, :whole].reshape(models, -1, size).transpose(1, 0, 2)
    return np.concatenate([body.ravel(), values[:, whole:].ravel()])


def cuts(models: int, records: int, size: int) -> list[slice]:
    """The slice of each batch in what `arrange` returns; the last may be shorter."""
    end = models * records
    return [slice(start, min(start + models * size, end)) for start in range(0, end, models * size)]


def padded(values: Sequence[Ints]) -> Ints:
    """(models, longest): each as it is, filled up with its own first value."""
    longest = max(map(len, values))
    return np.stack([np.concatenate([own, np.full(longest - len(own), own[0])]) for own in values])


@dataclass(frozen=True)
class Filled:
    """A batch in which some models have fewer records than others; what comes after a model's own counts for nothing."""

    own: list[int]
    """How many records of each model count; they come first."""
    shares: "Tensor"
    """(models, batch): of each record in its model's mean, zero where it only fills up."""


def filled(lengths: Ints, batch: slice, device: str) -> Filled | None:
    """The columns `batch` of what models with so many records each were padded to; None where all of them count."""
    import torch

    own = np.clip(lengths - batch.start, 0, batch.stop - batch.start)
    if (own == batch.stop - batch.start).all():
        return None
    counts = np.arange(batch.stop - batch.start) < own[:, None]
    shares = (counts / np.maximum(1, own)[:, None]).astype(np.float32)
    return Filled(own.tolist(), torch.from_numpy(shares).to(device))


@dataclass(frozen=True)
class Bags:
    """One batch of records as what is not zero: by record, as positions in the models' stacked weights; and the reverse.

    Both as `torch.nn.functional.embedding_bag` takes them: positions, where each bag of them starts (and the end), and
    values, None where all are one.
    """

    models: int
    columns: "Tensor"
    by_record: "Tensor"
    values: "Tensor | None"
    records: "Tensor"
    by_column: "Tensor"
    values_by_column: "Tensor | None"

    def times(self, weights: "Tensor") -> "Tensor":
        """(models, features, width) -> (models, batch, width): the product with the records."""
        return self._sums(self.columns, self.by_record, self.values, weights)

    def transposed_times(self, gradients: "Tensor") -> "Tensor":
        """(models, batch, width) -> (models, features, width): the product with the transposed records."""
        return self._sums(self.records, self.by_column, self.values_by_column, gradients)

    def _sums(self, positions: "Tensor", starts: "Tensor", values: "Tensor | None", table: "Tensor") -> "Tensor":
        from torch.nn.functional import embedding_bag

        rows = table.reshape(-1, table.shape[2])
        summed = embedding_bag(positions, rows, starts, mode="sum", include_last_offset=True, per_sample_weights=values)
        return summed.view(self.models, -1, table.shape[2])


class Dense:
    """Features as they are."""

    def __init__(self, features: Features, device: str) -> None:
        import torch

        self.device = device
        self._features = torch.from_numpy(np.array(features)).to(device)  # a copy: what processes share is read-only

    def batches(self, rows: Ints, where: Sequence[slice], models: int) -> "Iterator[Tensor]":
        """(models, batch, d) for each slice of `rows`."""
        numbers = self.tensor(rows)
        for cut in where:
            yield self._features.index_select(0, numbers[cut]).view(models, -1, self._features.shape[1])

    def tensor(self, values: Ints) -> "Tensor":
        import torch

        return torch.from_numpy(values).to(self.device)


class Sparse:
    """Features as what is not zero."""

    def __init__(self, features: Features, device: str) -> None:
        from scipy import sparse

        self._filled = sparse.csr_array(features, dtype=np.float32)
        self._plain = bool((self._filled.data == 1).all())
        self.device = device

    def batches(self, rows: Ints, where: Sequence[slice], models: int) -> Iterator[Bags]:
        """Each slice of `rows`, which lie one behind the other; several are looked up at once."""
        for first in range(0, len(where), _AT_ONCE):
            yield from self._several(rows, where[first : first + _AT_ONCE], models)

    def _several(self, rows: Ints, where: Sequence[slice], models: int) -> Iterator[Bags]:
        begin, features = where[0].start, self._filled.shape[1]
        chosen = self._filled[rows[begin : where[-1].stop]]
        starts, step = chosen.indptr.astype(np.int64), features * models
        owner = [
            models * number + np.repeat(np.arange(models), _length(cut) // models) for number, cut in enumerate(where)
        ]
        columns = chosen.indices + features * np.repeat(np.concatenate(owner), np.diff(starts))
        by_column, records, turned = _transposed(columns, starts, chosen.data, step * len(where))
        for number, cut in enumerate(where):
            by_record = starts[cut.start - begin : cut.stop - begin + 1]
            edges = by_column[number * step : (number + 1) * step + 1]
            own, reverse = slice(by_record[0], by_record[-1]), slice(edges[0], edges[-1])
            yield Bags(
                models,
                self.tensor(columns[own] - number * step),
                self.tensor(by_record - by_record[0]),
                None if self._plain else self.tensor(chosen.data[own]),
                self.tensor(records[reverse] - (cut.start - begin)),
                self.tensor(edges - edges[0]),
                None if self._plain else self.tensor(turned[reverse]),
            )

    def tensor(self, values: NDArray[Any]) -> "Tensor":
        import torch

        return torch.from_numpy(values).to(self.device)


def _length(cut: slice) -> int:
    return int(cut.stop - cut.start)


def _transposed(columns: Ints, starts: Ints, values: NDArray[np.float32], width: int) -> tuple[Ints, Ints, Any]:
    """Where each column's records start, and the records and values by column."""
    from scipy import sparse

    turned = sparse.csr_array((values, columns, starts), shape=(len(starts) - 1, width)).tocsc()
    return turned.indptr.astype(np.int64), turned.indices.astype(np.int64), turned.data


def worth_summing(features: NDArray[Any]) -> bool:
    """Whether few enough of the features are anything but zero."""
    return bool(features.shape[1] >= _NARROWEST and 0 < np.count_nonzero(features) <= DENSEST * features.size)
