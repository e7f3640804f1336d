"""Whose records are they? The unit that a membership figure counts: a record, or a person with all of theirs.

Where somebody has several records, an attacker who holds them asks about the person, and intervals over records would
be too narrow: records of one person are not independent. A person's score is the mean of the scores of their records.
"""

from dataclasses import dataclass

import numpy as np

from govtool.attacks import persons
from govtool.attacks.interface import AttackData, FloatArray, Labels, Mask
from govtool.errors import InputError


@dataclass(frozen=True)
class Units:
    """Which unit each audited record belongs to, members first."""

    person: bool
    """Else a unit is a record."""
    of: Labels
    """(records,) number of the record's unit, from 0 to count - 1."""
    count: int

    def mean(self, values: FloatArray) -> FloatArray:
        """(records,) to (units,)."""
        if not self.person:
            return np.asarray(values, dtype=np.float64)
        return np.asarray(np.bincount(self.of, values, self.count) / self.sizes, dtype=np.float64)

    def some(self, records: Labels) -> "Units":
        """The units of some of the records, in the order given."""
        numbers, of = np.unique(self.of[records], return_inverse=True)
        return Units(self.person, of.astype(np.int64), len(numbers))

    def common(self, labels: Labels) -> Labels | None:
        """(units,) the label that all records of a unit share; None when somebody has several."""
        if not self.person:
            return labels
        found = np.empty(self.count, dtype=labels.dtype)
        found[self.of] = labels
        return found if np.array_equal(found[self.of], labels) else None

    @property
    def sizes(self) -> Labels:
        """(units,) records of each."""
        return np.bincount(self.of, minlength=self.count).astype(np.int64)


@dataclass(frozen=True)
class Judged:
    """Scores by unit, with the membership of each; units that are partly in are left out."""

    scores: FloatArray
    membership: Mask
    chosen: Labels
    """(kept,) which units these are."""
    mixed: int
    """Units with records on both sides: neither members nor non-members."""

    @property
    def tells(self) -> bool:
        """Whether there is anything to tell apart."""
        return bool(self.membership.any() and not self.membership.all())


def units(data: AttackData) -> Units:
    """The units of the audited records, by `data.unit`. A record that names nobody is a person of its own.

    Raises:
        InputError: people are asked for and the records do not name them.
    """
    named = subjects(data)
    if named is None and data.unit == "person":
        raise InputError(
            "the unit is a person, but the records do not say whose they are",
            hint="register both datasets with --subject COLUMN, or audit with unit: record",
        )
    records = len(data.labels)
    if named is None or data.unit == "record":
        return Units(False, np.arange(records), records)
    of = np.unique(named, return_inverse=True)[1].astype(np.int64)
    count = int(of.max()) + 1
    if data.unit is None and count == records:
        return Units(False, np.arange(records), records)
    return Units(True, of, count)


def judged(found: Units, scores: FloatArray, membership: Mask) -> Judged:
    """(records,) scores and membership, of the target or of a reference that poses as one, by unit."""
    if not found.person:
        return Judged(scores, membership, found.of, 0)
    share = found.mean(membership.astype(np.float64))
    chosen = np.flatnonzero((share == 0) | (share == 1))
    return Judged(found.mean(scores)[chosen], share[chosen] == 1, chosen, found.count - len(chosen))


def subjects(data: AttackData) -> Labels | None:
    """(records,) a number per person; None when a group does not name them."""
    if data.members.subjects is None or data.nonmembers.subjects is None:
        return None
    return persons.numbered(data.members.subjects, data.nonmembers.subjects)
