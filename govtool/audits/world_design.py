"""What property inference will train: which records go where, settled before any work.

Shadow models, from which the attack learns, are drawn from the population: what an attacker could collect. Test models, on
which it is scored, are drawn from members and non-members, as the target was. Queries are set aside first: no model was
trained on one, so no difference between shadow and test models is mere memory.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from govtool import runtime
from govtool.attacks.interface import AttackData, Features, Labels, Mask
from govtool.attacks.property.worlds import Queries
from govtool.audits.property_spec import Condition, Property

_RECORDS = 1000
_FEWEST_RECORDS = 20
_SET_ASIDE = 4  # at most one in so many records of the population is a query
_FEWEST_QUERIES = 5


@dataclass(frozen=True)
class Pool:
    """Records to draw training sets from, and which have the property."""

    features: Features
    labels: Labels
    has: Mask


@dataclass(frozen=True)
class Poison:
    """What a SNAP attacker adds and asks: `rows` of the shadow pool to draw from, all given the label `label`."""

    share: float
    label: int
    rows: Labels
    queries: Queries


@dataclass(frozen=True)
class Design:
    """What will be trained: `records` per model, from pools that can supply both worlds."""

    asked: Property
    shadow: Pool
    test: Pool
    queries: Queries
    records: int
    poison: Poison | None
    members_with: float
    """Share of the members with the property."""


def design(asked: Property, records: AttackData, seed: int) -> Design | str:
    """Settle pools, queries and sizes; or say why the records do not allow it."""
    if records.population is None:
        return "the spec names no population, from which an attacker's models could be trained"
    columns = [_column(one, records) for one in asked.conditions]
    if unknown := [column for column in columns if isinstance(column, str)]:
        return unknown[0]
    values = [(column, one.value) for column, one in zip(columns, asked.conditions, strict=True)]
    test = _pool(values, records.features, records.labels)
    outside = _pool(values, records.population.features, records.population.labels)
    chosen = _set_aside(outside, asked.queries, runtime.rng(seed, "worlds-queries"))
    left = np.delete(np.arange(len(outside.labels)), chosen)
    shadow = _rows(outside, left)
    most = min(_most(pool, asked.worlds) for pool in (shadow, test))
    size = asked.records or min(_RECORDS, most // 2)
    if size > most or size < _FEWEST_RECORDS:
        return _too_few(asked, shadow, test, size, most)
    if len({having(share, size) for share in asked.worlds}) == 1:
        low, high = asked.worlds
        return (
            f"with {size} training records the worlds {low:g} and {high:g} differ in none of them; ask for more records"
        )
    aside = _rows(outside, chosen)
    queries = Queries(aside.features, aside.labels, aside.has)
    poison = _poison(asked.poison, shadow, queries) if asked.poison else None
    if isinstance(poison, str):
        return poison
    return Design(asked, shadow, test, queries, size, poison, float(test.has[: len(records.members)].mean()))


def having(share: float, records: int) -> int:
    """How many training records of a model have the property, in a world with this share of them."""
    return round(share * records)


def _column(condition: Condition, records: AttackData) -> int | str:
    """The number of the feature meant, or why there is none."""
    named, width = condition.column, records.members.features.shape[1]
    if isinstance(named, int):
        return (
            named
            if named < width
            else f"the property is about feature {named}, and records have features 0 to {width - 1}"
        )
    if named in records.columns:
        return records.columns.index(named)
    known = (
        f"the features are: {', '.join(records.columns)}"
        if records.columns
        else "the data have no names: give its number"
    )
    return f"the property is about {named!r}, and no feature has that name; {known}"


def _pool(values: Sequence[tuple[Any, float]], features: Features, labels: Labels) -> Pool:
    has = np.all([features[:, column] == np.float32(value) for column, value in values], axis=0)
    return Pool(features, labels, has)


def _set_aside(pool: Pool, count: int, rng: np.random.Generator) -> Labels:
    """Rows for queries: half with the property and half without, as far as a quarter of each kind goes."""
    kinds = (np.flatnonzero(pool.has), np.flatnonzero(~pool.has))
    return np.sort(
        np.concatenate([rng.permutation(rows)[: min(count // 2, len(rows) // _SET_ASIDE)] for rows in kinds])
    )


def _most(pool: Pool, worlds: Sequence[float]) -> int:
    """The largest training set that the pool can supply in both worlds, no record twice."""
    having, lacking = int(pool.has.sum()), int((~pool.has).sum())
    sizes = [having / share for share in worlds if share > 0] + [lacking / (1 - share) for share in worlds if share < 1]
    return int(min(sizes))


def _too_few(asked: Property, shadow: Pool, test: Pool, size: int, most: int) -> str:
    counts = ", ".join(
        f"{int(pool.has.sum())} of {len(pool.has)} records {where} have the property"
        for where, pool in (("to train shadow models on", shadow), ("of members and non-members", test))
    )
    low, high = asked.worlds
    if most < _FEWEST_RECORDS:
        return (
            f"no models of the worlds {low:g} and {high:g} can have even {_FEWEST_RECORDS} training records: {counts}"
        )
    return f"models of the worlds {low:g} and {high:g} can have at most {most} training records, not {size}: {counts}"


def _rows(pool: Pool, rows: Labels) -> Pool:
    return Pool(pool.features[rows], pool.labels[rows], pool.has[rows])


def _poison(share: float, pool: Pool, queries: Queries) -> Poison | str:
    """Rows with the property, to be given the label rarest among such rows; asked about are others of another label."""
    classes = int(max(pool.labels.max(), queries.labels.max())) + 1
    label = int(np.argmin(np.bincount(pool.labels[pool.has], minlength=classes)))
    rows = np.flatnonzero(pool.has & (pool.labels != label))
    kept = queries.has & (queries.labels != label)
    if not len(rows) or kept.sum() < _FEWEST_QUERIES:
        return (
            f"{len(rows)} records of the population could be poisoned and {int(kept.sum())} asked about, and at least 1 and "
            f"{_FEWEST_QUERIES} are needed; without 'poison' the other attacks can run"
        )
    return Poison(share, label, rows, Queries(queries.features[kept], queries.labels[kept], queries.has[kept]))
