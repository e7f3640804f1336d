"""Cutting the members in two halves that share the classes and nothing else, so that twin models can be trained on them."""

import numpy as np

from govtool.attacks import persons
from govtool.attacks.interface import Labels, Records

FEWEST = 2
"""Records of a class, one for each half."""


def halved(members: Records, rng: np.random.Generator) -> tuple[Labels, Labels]:
    """Row numbers of two disjoint halves with equally many records of every class in both, in rising order.

    Within a class all records of a person go to one side, where the class has records of several people; the larger side
    then gives up records at random. A class of one person, or of records that name nobody, is cut record by record, and of
    an odd number one record drawn at random is left out. So is a class that cannot be in both halves.
    """
    people = np.arange(len(members)) if members.subjects is None else persons.numbered(members.subjects)
    halves: tuple[list[Labels], list[Labels]] = ([], [])
    for label in np.unique(members.labels):
        rows = np.flatnonzero(members.labels == label)
        for half, chosen in zip(halves, _cut(rows, people[rows], rng), strict=True):
            half.append(chosen)
    first, second = (np.sort(np.concatenate(half)).astype(np.int64) for half in halves)
    return first, second


def _cut(rows: Labels, people: Labels, rng: np.random.Generator) -> tuple[Labels, Labels]:
    if len(np.unique(people)) == 1:
        people = np.arange(len(rows))
    sides = np.zeros(len(rows), dtype=bool)
    balance = 0  # records on the first side less those on the second
    for person in rng.permutation(np.unique(people)):
        own = people == person
        sides[own] = balance <= 0
        balance += int(own.sum()) * (1 if balance <= 0 else -1)
    size = int(min(sides.sum(), (~sides).sum()))
    first, second = (rng.permutation(rows[side])[:size] for side in (sides, ~sides))
    return first, second
