"""Which audited records each reference model is trained on: random halves of the records, or of the people."""

import numpy as np

from govtool import runtime
from govtool.attacks import persons
from govtool.attacks.interface import AttackData, Labels, Mask

RECORD, PERSON = "record", "person"


def halves(count: int, records: int, seed: int) -> Mask:
    """(count, records): random halves in complementary pairs, so every record is in exactly count / 2 of them."""
    return _drawn(count, np.arange(records), records, seed)


def by_person(count: int, people: Labels, seed: int) -> Mask:
    """(count, records): the same, but all records of a person are in or out together.

    `people` gives each record's person as a number from 0. A half holds half of the people; its number of records varies
    with how many records they have. Drawn record by record, the models that are to show how an unseen person looks would
    have seen most people's other records.
    """
    return _drawn(count, people, int(people.max()) + 1, seed)


def drawn(count: int, data: AttackData, unit: str, demanded: str | None, seed: int) -> tuple[Mask, list[str]]:
    """The halves by the planned unit, and what must be said about them.

    Unless the spec demanded people, people with records among members and among non-members make it records: the target
    itself was then not trained on whole people, and references that are would answer another question.
    """
    groups = [data.members.subjects, data.nonmembers.subjects]
    if unit == RECORD or groups[0] is None or groups[1] is None:
        return halves(count, len(data.labels), seed), []
    own = persons.numbered(groups[0], groups[1])
    both = np.intersect1d(own[: len(groups[0])], own[len(groups[0]) :]).size
    if not both:
        return by_person(count, own, seed), []
    said = f"{both} people have records among the members and among the non-members"
    if demanded is None:
        return halves(count, len(data.labels), seed), [
            f"{said}, so reference models were trained on halves of the records."
        ]
    return by_person(count, own, seed), [
        f"{said}; reference models were trained on halves of the people all the same, as the spec demands."
    ]


def _drawn(count: int, unit_of: Labels, units: int, seed: int) -> Mask:
    masks = np.zeros((count, len(unit_of)), dtype=bool)
    for pair in range(count // 2):
        inside = np.zeros(units, dtype=bool)
        inside[runtime.rng(seed, f"halves-{pair}").permutation(units)[: units // 2]] = True
        masks[2 * pair] = inside[unit_of]
        masks[2 * pair + 1] = ~masks[2 * pair]
    return masks
