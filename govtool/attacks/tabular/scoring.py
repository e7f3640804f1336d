"""How much of the records came out, on members against others, with the imputation without the model beside it.

A cell is one attribute of one record. Cells of one person are no independent cases, so every interval counts people.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from govtool.attacks import persons
from govtool.attacks.attribute import decision, paired
from govtool.attacks.interface import Labels, Mask, Records
from govtool.attacks.tabular.domain import Domain
from govtool.estimate import Estimate, clopper_pearson


@dataclass(frozen=True)
class Group:
    """Members, or others: (n, attributes) truth, reconstruction, imputation, and where the model decided for what."""

    truth: Labels
    attack: Labels
    imputed: Labels
    decided: Mask
    preferred: Labels
    people: Labels
    """(n,) whose each record is."""

    @property
    def right(self) -> Mask:
        return np.asarray(self.attack == self.truth)

    @property
    def imputed_right(self) -> Mask:
        return np.asarray(self.imputed == self.truth)

    def cells(self) -> paired.Gain:
        """Cells that the attack gets right and the imputation does not, less the reverse."""
        owners = np.repeat(self.people, self.truth.shape[1])
        return paired.gain(self.right.ravel(), self.imputed_right.ravel(), owners)

    def precision(self, chosen: Mask) -> paired.Gain | None:
        """Of the (n, attributes) chosen cells decided about, those decided rightly; None where they are too few."""
        where = self.decided & chosen
        if where.any(axis=1).sum() < decision.FEWEST:
            return None
        owners = np.broadcast_to(self.people[:, None], where.shape)[where]
        hits = (self.preferred == self.truth)[where]
        return paired.gain(hits, np.zeros_like(hits), owners)

    def identified(self, codes: Labels, most: int) -> Mask:
        """(most,) whether a reconstruction agrees with its own record in more attributes than with any other's.

        Only what was unknown is compared, and ties are misses, so that a guess which fits everybody names nobody.
        """
        gallery, shown = self.truth[:most], codes[:most]
        agree = (shown[:, None, :] == gallery[None, :, :]).sum(axis=2)
        own = agree.diagonal().copy()
        np.fill_diagonal(agree, -1)
        return np.asarray(own > agree.max(axis=1))


def split(
    members: Records,
    nonmembers: Records,
    truth: Labels,
    attack: Labels,
    imputed: Labels,
    decided: Mask,
    preferred: Labels,
) -> tuple[Group, Group]:
    """The (members + nonmembers, attributes) arrays as two groups."""

    def of(part: slice, records: Records) -> Group:
        people = np.arange(len(records)) if records.subjects is None else persons.numbered(records.subjects)
        return Group(truth[part], attack[part], imputed[part], decided[part], preferred[part], people)

    return of(slice(0, len(members)), members), of(slice(len(members), None), nonmembers)


@dataclass(frozen=True)
class Scores:
    """The figures; those that a finding rests on share its doubt (`level`), the others have 95 % each."""

    excess: Estimate
    identification_excess: Estimate
    gap: Estimate | None
    gain_members: Estimate
    gain_nonmembers: Estimate
    identified_members: Estimate
    identified_nonmembers: Estimate
    imputation_identifies: float
    chance: float
    exact_members: Estimate
    exact_nonmembers: Estimate
    exact_imputed: float


def score(members: Group, others: Group, level: float) -> Scores:
    """Galleries are equally large: among more people a right one is harder to find."""
    cells_in, cells_out = members.cells(), others.cells()
    most = min(len(members.truth), len(others.truth))
    named = [group.identified(group.attack, most) for group in (members, others)]
    guessed = [group.identified(group.imputed, most) for group in (members, others)]
    gains = [
        paired.gain(one, two, group.people[:most])
        for one, two, group in zip(named, guessed, (members, others), strict=True)
    ]
    every_in, every_out = np.ones_like(members.decided), np.ones_like(others.decided)
    inside, outside = members.precision(every_in), others.precision(every_out)
    gap = decision.difference(inside, outside, level) if inside and outside else None
    return Scores(
        excess=paired.excess(cells_in, cells_out, level),
        identification_excess=paired.excess(gains[0], gains[1], level),
        gap=gap,
        gain_members=cells_in.estimate(),
        gain_nonmembers=cells_out.estimate(),
        identified_members=_share(named[0]),
        identified_nonmembers=_share(named[1]),
        imputation_identifies=float(guessed[0].mean()),
        chance=1 / most,
        exact_members=_share(members.right.all(axis=1)),
        exact_nonmembers=_share(others.right.all(axis=1)),
        exact_imputed=float(members.imputed_right.all(axis=1).mean()),
    )


def columns(domain: Domain, members: Group, others: Group) -> list[dict[str, Any]]:
    """One row per unknown attribute: where the model decides, how often it is right there, and the imputation there."""
    rows = []
    for column, one in enumerate(domain.unknown):
        row: dict[str, Any] = {"name": one.name, "values": one.values}
        for name, group in (("members", members), ("nonmembers", others)):
            where = group.decided[:, column]
            few = where.sum() < decision.FEWEST
            right = (group.preferred == group.truth)[where, column]
            row[name] = {
                "right": _share(group.right[:, column]).to_dict(),
                "imputation": _share(group.imputed_right[:, column]).to_dict(),
                "decided": _share(where).to_dict(),
                "precision": None if few else _share(right).to_dict(),
                "imputation_there": None if few else _share(group.imputed_right[where, column]).to_dict(),
            }
        rows.append(row)
    return rows


def near(group: Group, wrong: int) -> float:
    """Share of records of which at most `wrong` attributes are wrong."""
    return float(((~group.right).sum(axis=1) <= wrong).mean())


def _share(hits: NDArray[np.bool_] | np.bool_) -> Estimate:
    found = np.atleast_1d(hits)
    return clopper_pearson(int(found.sum()), len(found))
