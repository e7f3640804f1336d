"""Exported scores as one CSV table, such as R writes with ``write.csv(scores, "scores.csv", row.names = FALSE)``.

The columns, in any order:

- ``group``: member, nonmember or population;
- ``row``: the record's place in that group's dataset, counted from 0 or from 1 without a gap, in order;
- ``label``: the true class, from 0;
- ``p_0``, ``p_1`` ...: the model's probability of each class, or ``logit_0``, ``logit_1`` ...: its logits.
"""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from govtool.errors import InputError

GROUPS = ("member", "nonmember", "population")

_KINDS = {"p": "probabilities", "logit": "logits"}
_SCORE = re.compile(r"(p|logit)_(\d{1,6})")
_LONGEST_CELL = 1 << 16
_FIXED = ("group", "row", "label")


@dataclass
class _Group:
    """What was read of one group so far; `first` is the number of its first row, 0 or 1."""

    first: int = 0
    labels: list[int] = field(default_factory=list)
    scores: list[list[float]] = field(default_factory=list)


def arrays(data: bytes, where: str) -> dict[str, NDArray[Any]]:
    """The arrays that a score archive would hold: ``member_probabilities``, ``member_labels`` ...

    Raises:
        InputError: with the line of what is wrong: a column, a cell that is not a number, rows out of order or twice.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError("not UTF-8", where=where, hint='fileEncoding = "UTF-8"') from error
    if ";" in text.partition("\n")[0]:
        raise InputError(
            "the columns are separated by semicolons", where=f"{where}:1", hint="write.csv, not write.csv2"
        )
    before = csv.field_size_limit(_LONGEST_CELL)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        header = next(reader, [])
        kind, places = _columns(header, f"{where}:1")
        groups: dict[str, _Group] = {}
        for cells in reader:
            if cells:  # an empty line holds no record
                _take(groups, cells, len(header), places, f"{where}:{reader.line_num}")
    except csv.Error as error:
        raise InputError(f"not a readable CSV table ({error})", where=where) from error
    finally:
        csv.field_size_limit(before)
    found: dict[str, NDArray[Any]] = {}
    for name, group in groups.items():
        found[f"{name}_{kind}"] = np.array(group.scores, dtype=np.float64)
        found[f"{name}_labels"] = np.array(group.labels, dtype=np.int64)
    return found


def _columns(header: Sequence[str], where: str) -> tuple[str, Mapping[str, int]]:
    """Whether the scores are probabilities or logits, and the place of each column, scores in the order of classes."""
    if len(set(header)) != len(header):
        raise InputError("two columns have the same name", where=where)
    scores = {name: found for name in header if (found := _SCORE.fullmatch(name))}
    unknown = [name for name in header if name not in _FIXED and name not in scores]
    missing = [name for name in _FIXED if name not in header]
    if missing or unknown:
        what = f"no column {missing[0]!r}" if missing else f"unknown column {unknown[0][:40]!r}"
        raise InputError(
            what, where=where, hint="group,row,label,p_0,p_1 ... ; in R: write.csv(scores, row.names = FALSE)"
        )
    kinds = {found.group(1) for found in scores.values()}
    ordered = sorted(scores, key=lambda name: int(scores[name].group(2)))
    if len(kinds) != 1 or [int(scores[name].group(2)) for name in ordered] != list(range(len(ordered))):
        raise InputError("the scores are not p_0, p_1 ... or logit_0, logit_1 ..., one column per class", where=where)
    return _KINDS[kinds.pop()], {name: header.index(name) for name in (*_FIXED, *ordered)}


def _take(groups: dict[str, _Group], cells: list[str], width: int, places: Mapping[str, int], where: str) -> None:
    if len(cells) != width:
        raise InputError(f"{len(cells)} cells under {width} columns", where=where)
    name = cells[places["group"]]
    if name not in GROUPS:
        raise InputError(f"the group is not one of {', '.join(GROUPS)}", where=where)
    row, label = (_whole(cells[places[column]], column, where) for column in ("row", "label"))
    group = groups.setdefault(name, _Group(first=row))
    expected = group.first + len(group.labels)
    if group.first not in (0, 1) or row != expected:
        wanted = "0 or 1" if group.first not in (0, 1) else str(expected)
        raise InputError(
            f"row {row} of the {name}s stands where row {wanted} belongs",
            where=where,
            hint="each record once, in the order of its dataset",
        )
    group.labels.append(label)
    group.scores.append([_number(cells[place], where) for column, place in places.items() if column not in _FIXED])


def _whole(cell: str, column: str, where: str) -> int:
    if not re.fullmatch(r"\d{1,15}", cell):
        raise InputError(f"the {column} is not a whole number from 0", where=where)
    return int(cell)


def _number(cell: str, where: str) -> float:
    try:
        return float(cell)
    except ValueError as error:
        raise InputError("a score is empty or not a number", where=where) from error
