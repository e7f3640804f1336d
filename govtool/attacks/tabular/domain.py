"""A table as an attacker sees it: attributes with a few candidate values each, some known, the rest to be found.

Columns that encode one attribute by one-hot are found by themselves: a run of 0/1 columns of which exactly one is up in every
public record. A column with too many values is cut at quantiles of the public records, so a reconstruction names a range.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from govtool.attacks.attribute import encoding
from govtool.attacks.attribute.encoding import Encoding
from govtool.attacks.interface import Features, Labels, Mask, Sensitive
from govtool.errors import InputError


@dataclass(frozen=True)
class Domain:
    """The unknown attributes in the table's order, and the numbers of the known columns."""

    unknown: tuple[Encoding, ...]
    known: tuple[int, ...]
    usual: Features
    """(d,) the middle of each column among public records: what stands in columns that are neither known nor asked."""

    def codes(self, features: Features) -> Labels:
        """(n, unknown attributes); -1 is a value that too few public records have."""
        return np.stack([one.codes(features) for one in self.unknown], axis=1)

    def blank(self, features: Features) -> Features:
        """(n, d) records of which nothing but the known columns is left."""
        emptied = np.tile(self.usual, (len(features), 1))
        emptied[:, list(self.known)] = features[:, list(self.known)]
        return emptied

    def written(self, features: Features, codes: Labels) -> Features:
        """A copy of the (n, d) records with (n, unknown attributes) codes written in; their known columns stay."""
        changed = features.copy()
        for column, one in enumerate(self.unknown):
            changed[:, list(one.columns)] = one.patterns[codes[:, column]]
        return changed


def learn(public: Features, names: Sequence[str], known: Sequence[int | str], bins: int) -> Domain:
    """The attributes of the (m, d) public records. Attributes with one value only are no question and are left out.

    Raises:
        InputError: a known column that is not there, one column of a one-hot group without the others, or nothing unknown.
    """
    told = {number(column, names, public.shape[1]) for column in known}
    unknown, kept = list[Encoding](), list[int]()
    for columns in groups(public):
        inside = told.intersection(columns)
        if inside and len(inside) < len(columns):
            name = _title(columns, names)
            raise InputError(
                f"record_reconstruction: {name} is one attribute in {len(columns)} columns, of which only some are known",
                hint="name all of its columns under 'known', or none",
            )
        if inside:
            kept.extend(columns)
            continue
        one = encoding.learn(Sensitive(_title(columns, names), columns, bins=bins), public, names)
        if one.values > 1:
            unknown.append(one)
    if not unknown:
        raise InputError(
            "record_reconstruction: no unknown column is left to reconstruct", hint="name fewer columns under 'known'"
        )
    return Domain(tuple(unknown), tuple(kept), np.median(public, axis=0).astype(np.float32))


def groups(public: Features) -> list[tuple[int, ...]]:
    """The columns of each attribute, in order: the longest one-hot run from each column on, or the column alone."""
    binary = ((public == 0) | (public == 1)).all(axis=0)
    found, column, width = list[tuple[int, ...]](), 0, public.shape[1]
    while column < width:
        end = _one_hot_end(public, binary, column)
        found.append(tuple(range(column, end)))
        column = end
    return found


def _one_hot_end(public: Features, binary: Mask, start: int) -> int:
    up = np.zeros(len(public))
    for column in range(start, public.shape[1]):
        if not binary[column]:
            break
        up = up + public[:, column]
        if up.max() > 1:
            break
        if up.min() == 1 and column > start:
            return column + 1
    return start + 1


def _title(columns: Sequence[int], names: Sequence[str]) -> str:
    """A group's common beginning, as `workclass` of `workclass=Private` and `workclass=None`; else its first column."""
    first = encoding.column_name(columns[0], names)
    stem = first.split("=")[0] if "=" in first else ""
    same = stem and all(encoding.column_name(column, names).startswith(f"{stem}=") for column in columns)
    return stem if same else first


def number(column: int | str, names: Sequence[str], width: int) -> int:
    """The number of a column given by name or number.

    Raises:
        InputError: there is no such column.
    """
    if isinstance(column, str) and column in names:
        return list(names).index(column)
    if isinstance(column, int) and not isinstance(column, bool) and 0 <= column < width:
        return column
    hint = (
        f"known: {', '.join(names[:20])}"
        if names
        else f"columns have no names here; give numbers from 0 to {width - 1}"
    )
    raise InputError(f"record_reconstruction: no column {column!r} among the members' features", hint=hint)
