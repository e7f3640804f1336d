"""Whose records are they? One numbering of people for everything that counts, halves or compares them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from govtool.attacks.interface import Labels


def numbered(*groups: NDArray[Any]) -> Labels:
    """(n,) whole numbers from 0 for the subjects of all groups together, the same for records of the same person.

    A record that names nobody is of a person of its own: were all blanks one person, that person would be in every group,
    and the halves of the references and of every check would be cut around somebody who does not exist.
    """
    names = np.concatenate(groups).astype(str)
    nobody = np.char.strip(names) == ""
    found = np.unique(names, return_inverse=True)[1].astype(np.int64)
    found[nobody] = len(names) + np.arange(int(nobody.sum()))
    return np.unique(found, return_inverse=True)[1].astype(np.int64)
