"""The tables of an audit of synthetic data: found in the registry, read by their digests, brought to the same columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sqlalchemy.orm import Session

from govtool.attacks.interface import FloatArray, Mask
from govtool.attacks.synthetic.interface import Tables, guess_kinds
from govtool.audits.data import Source, refuse_repeats
from govtool.audits.spec import DatasetRows
from govtool.audits.synthetic_spec import SyntheticSpec
from govtool.errors import InputError
from govtool.registry import lineage, service
from govtool.registry.datafile import read_table
from govtool.registry.models import DatasetVersion

GROUPS = ("synthetic", "original", "control", "reference")


def find(session: Session, version: DatasetVersion, spec: SyntheticSpec) -> dict[str, list[Source]]:
    """Where each table's rows come from; the originals default to what lineage says the version was synthesised from.

    Raises:
        NotFoundError: a dataset is not registered.
        InputError: no originals are known, a range of rows is empty, or rows stand for two things at once.
    """
    found = {"synthetic": [_source(version, DatasetRows(dataset=version.ref))]}
    for group in GROUPS[1:]:
        asked: list[DatasetRows] = getattr(spec, group)
        found[group] = [_source(service.dataset_version(session, item.dataset), item) for item in asked]
    if not found["original"]:
        found["original"] = [
            _source(row, DatasetRows(dataset=row.ref)) for row in lineage.synthesised_from(session, version)
        ]
    if not found["original"]:
        raise InputError(
            f"nothing says what {version.ref} was synthesised from",
            hint=f"name it in the spec (original: NAME@VERSION), or: "
            f"govtool lineage add {version.ref} synthesized_from NAME@VERSION",
        )
    _refuse_two_roles(found)
    return found


def _refuse_two_roles(found: Mapping[str, list[Source]]) -> None:
    """Rows named twice narrow every interval; control or reference rows that are also something else hide a leak."""
    for group, sources in found.items():
        refuse_repeats(group, sources)
    for position, group in enumerate(GROUPS):
        for other in GROUPS[max(position + 1, 2) :]:  # that a table is its own original is for the attacks to say
            for one in found[group]:
                for two in found[other]:
                    if one.sha256 == two.sha256 and (both := set(one.rows).intersection(two.rows)):
                        raise InputError(
                            f"{len(both)} rows of {two.ref} are given as {group} and as {other}",
                            hint=f"{other} needs records that the synthesiser never saw and that stand for nothing else",
                        )


def _source(row: DatasetVersion, item: DatasetRows) -> Source:
    rows = item.range(row.row_count)
    if not len(rows):
        raise InputError(f"no rows of {row.ref} lie in {item.rows!r}", hint=f"it has {row.row_count} rows")
    return Source(row.id, row.ref, row.content_sha256, Path(row.location), row.label_column, row.subject_column, rows)


@dataclass(frozen=True)
class _Named:
    rows: FloatArray
    names: tuple[str, ...]


def read(sources: Mapping[str, Sequence[Source]], spec: SyntheticSpec) -> Tables:
    """The tables, with the label as a last column and without the column that names the person.

    Raises:
        EvidenceError: a file is not what was registered.
        InputError: unreadable, other columns than the synthetic table, or a column of the spec that is not there.
    """
    groups = {group: [_read(source) for source in found] for group, found in sources.items()}
    names = groups["synthetic"][0].names
    for group, parts in groups.items():
        for source, part in zip(sources[group], parts, strict=True):
            if sorted(part.names) != sorted(names):
                raise InputError(
                    f"{source.ref} has the columns {', '.join(part.names)}; the synthetic table has {', '.join(names)}",
                    hint="register both with the same columns and the same --label",
                )
    tables = {group: _joined(parts, names) for group, parts in groups.items() if parts}
    reference = tables.get("reference")
    return Tables(
        tables["synthetic"],
        tables["original"],
        tables["control"],
        names,
        _kinds(spec, names, list(tables.values())),
        reference,
    )


def _read(source: Source) -> _Named:
    table = read_table(source.path, label=source.label, subject=source.subject, expect=source.sha256)
    chosen = np.arange(source.rows.start, source.rows.stop, source.rows.step)
    features = table.features[chosen].astype(np.float64)
    if table.labels is None or source.label is None:
        return _Named(features, table.names)
    return _Named(np.column_stack([features, table.labels[chosen]]), (*table.names, source.label))


def _joined(parts: Sequence[_Named], names: tuple[str, ...]) -> FloatArray:
    return np.concatenate([part.rows[:, [part.names.index(name) for name in names]] for part in parts])


def _kinds(spec: SyntheticSpec, names: tuple[str, ...], tables: list[FloatArray]) -> Mask:
    if unknown := [name for name in spec.columns if name not in names]:
        raise InputError(f"columns: there is no column {unknown[0]!r}", hint=f"there are: {', '.join(names)}")
    kinds = guess_kinds(*tables)
    for name, kind in spec.columns.items():
        kinds[names.index(name)] = kind == "category"
    return kinds
