"""Label-only attacks by asking about altered copies: a member keeps its label further from where it stands.

Choquette-Choo, Tramèr, Carlini & Papernot, 'Label-Only Membership Inference Attacks' (ICML 2021, arXiv 2007.14321). The
copies come from `boundary` and `augmentation`; here they are asked about and the answers counted.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from govtool.access import Access
from govtool.attacks import values
from govtool.attacks.interface import AttackData, Features, FloatArray, NotTestable, Outcome, Records, Target
from govtool.attacks.membership import assembly

BUDGET = 100_000
"""Queries in all; beyond it a random sample of members and non-members is attacked."""
_BLOCK = 1 << 14

Alter = Callable[[Features, int], Features]
"""The k-th altered copy of each of some records."""


@dataclass(frozen=True)
class Copies:
    """How copies are made, how many of each record, and in words."""

    alter: Alter
    count: int
    how: str


def attack(
    name: str,
    target: Target,
    data: AttackData,
    copies: Copies,
    *,
    budget: int,
    params: Mapping[str, Any],
    rng: np.random.Generator,
) -> Outcome:
    """Ask about every record and its copies, or about as many as `budget` queries allow."""
    each = copies.count + 1
    chosen = _sampled(data, budget // each, rng)
    if min(len(chosen.members), len(chosen.nonmembers)) < assembly.FEWEST:
        return NotTestable(
            f"the budget does not reach {assembly.FEWEST} members and non-members at {each} queries each"
        )
    scores = np.concatenate([_kept(target, group, copies) for group in (chosen.members, chosen.nonmembers)])
    population = _sampled_group(data.population, len(chosen.nonmembers), rng)
    line, queries = None, each * len(scores)
    caveats = _caveats(data, chosen)
    if population is not None:
        line = assembly.Threshold(
            float(np.median(_kept(target, population, copies))),
            f"median score of {len(population)} population records; references answer no questions about altered copies",
        )
        queries += each * len(population)
    else:
        caveats.append("Without population records no threshold could be set honestly, so no accuracy is given.")
    return assembly.assess(
        attack=name,
        knowledge=_knowledge(each, population),
        data=chosen,
        scores=scores,
        threshold=line,
        params=params,
        rng=rng,
        needs=Access.LABELS,
        detail={"queries": queries, "queries_per_record": each, "altered_by": copies.how},
        caveats=caveats,
    )


def _kept(target: Target, records: Records, copies: Copies) -> FloatArray:
    """(n,) -1 where the model is wrong about the record itself, else the share of its copies that keep the label."""
    found = []
    for features, labels in _blocks(records):
        right = target.labels(features) == labels
        kept = np.zeros(len(labels))
        for k in range(copies.count):
            kept += target.labels(copies.alter(features, k)) == labels
        found.append(np.where(right, kept / copies.count, -1 + kept / copies.count / 2))
    return np.concatenate(found)


def _blocks(records: Records) -> Iterator[tuple[Features, NDArray[np.int64]]]:
    for start in range(0, len(records), _BLOCK):
        yield records.features[start : start + _BLOCK], records.labels[start : start + _BLOCK]


def _sampled(data: AttackData, most: int, rng: np.random.Generator) -> AttackData:
    """Members and non-members in their proportion, `most` records in all, the population's share set aside."""
    shares = 3 if data.population is not None and len(data.population) else 2
    groups = [_sampled_group(group, most // shares, rng) for group in (data.members, data.nonmembers)]
    assert groups[0] is not None
    assert groups[1] is not None
    return replace(data, members=groups[0], nonmembers=groups[1], references=None)


def _sampled_group(records: Records | None, most: int, rng: np.random.Generator) -> Records | None:
    if records is None or len(records) == 0 or len(records) <= most:
        return records or None
    rows = np.sort(rng.choice(len(records), most, replace=False))
    subjects = None if records.subjects is None else records.subjects[rows]
    return Records(records.features[rows], records.labels[rows], subjects)


def in_all(budget: Any) -> int:
    """How many queries may be spent in all. Raises InputError: no such number."""
    return values.whole("budget", budget, most=10**12)


def _knowledge(queries: int, population: Records | None) -> str:
    start = f"The attacker can query the model {queries} times about each record, sees only the labels it names, and knows the true one"
    if population is None:
        return f"{start}."
    return f"{start}; the threshold comes from {len(population)} similar records that were not trained on."


def _caveats(data: AttackData, chosen: AttackData) -> list[str]:
    found = ["Without reference models it does not allow for records that are far from every model's boundary."]
    if len(chosen.labels) < len(data.labels):
        found.append(
            f"The query budget reaches {len(chosen.members)} of {len(data.members)} members and {len(chosen.nonmembers)} of "
            f"{len(data.nonmembers)} non-members, drawn at random."
        )
    return found
