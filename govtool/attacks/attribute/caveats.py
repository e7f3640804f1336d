"""What must be said beside the figures of attribute inference: about each attribute, the records, and the control."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from govtool.attacks.attribute import proxies
from govtool.attacks.interface import AttackData, Records

if TYPE_CHECKING:
    from govtool.attacks.attribute.assembly import Finding

LITTLE_ROOM = 0.10
"""A share of members whom the imputation gets wrong, below which a caveat says that no attack can gain more."""


def ceiling(one: "Finding", data: AttackData) -> float:
    """The largest excess that any attack could have: the share of members whom the imputation gets wrong."""
    return float(np.mean(~one.right["imputation"][data.membership]))


def of(
    data: AttackData, found: "Sequence[Finding]", head: "Finding", control: Mapping[str, Any] | None, shared: int
) -> list[str]:
    """All of them; `head` is the attribute that leaks most surely, `shared` the population records that are audited too."""
    said = [sentence for one in found for sentence in _about(one, data)]
    if any(_repeated(group) for group in (data.members, data.nonmembers)):
        said.append(
            "Some people have several records: excess and gains allow for that, the intervals of shares of right answers "
            "take records as independent and are too narrow."
        )
    if shared:
        said.append(
            f"{shared} population records are also members or non-members; they were left out of the population."
        )
    if len(found) > 1:
        said.append(
            f"{len(found)} attributes were tried; the excess is the largest of them, its interval allows for that, and the "
            f"other figures are those of {head.case.encoding.name}, which leaks most surely, if any does."
        )
    if control is None:
        said.append("No positive control was run: a low figure may mean a weak attack and not a private model.")
    return said


def _about(one: "Finding", data: AttackData) -> list[str]:
    said = []
    name = one.case.encoding.name
    if (room := ceiling(one, data)) < LITTLE_ROOM:
        said.append(
            f"The imputation without the model is right about {name} of {1 - room:.1%} of the members, so no excess above "
            f"{room:.1%} is possible: where a value is rare, the figure hardly moves even if all who have it are found."
        )
    if one.gain_out.low > 0:
        said.append(
            f"The model helps to infer {name} of people outside its training data too (at least "
            f"{one.gain_out.low:.1%} more right answers than without it): it has learnt how {name} goes with the rest, "
            f"better than the attacker's own records tell. That is no leak of the training data, but it is a use of it."
        )
    if strange := int((one.case.truth < 0).sum()):
        said.append(f"{strange} audited records hold a value of {name} that too few population records have.")
    if one.case.encoding.edges is not None:
        said.append(
            f"{name} is continuous: the attack guesses one of {one.case.encoding.values} ranges, so closer guesses "
            f"are not measured."
        )
    if strong := proxies.strong(proxies.measure(one.case, data.columns)):
        said.append(f"Other columns give {name} away without any model: {', '.join(strong)}.")
    return said


def _repeated(group: Records) -> bool:
    """Whether a person has more than one record."""
    return group.subjects is not None and len(np.unique(group.subjects.astype(str))) < len(group)
