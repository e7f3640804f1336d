"""`govtool dataset`: datasets, their versions and classification."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from govtool.cli.output import JsonFlag, examples, note, show, table

if TYPE_CHECKING:
    from govtool.registry.models import DatasetVersion

app = typer.Typer(help="Datasets, their versions and classification.", no_args_is_help=True)


class Task(StrEnum):
    CLASSIFICATION = "classification"
    REGRESSION = "regression"


LEVELS = {None: "unknown", 0: "0 public", 1: "1 internal", 2: "2 personal", 3: "3 special"}


@app.command(
    "add",
    epilog=examples(
        "govtool dataset add referrals 2026-01 referrals.csv --label outcome --subject patient --level 3 --sensitive health",
        "govtool dataset add digits 1 digits.npz --label y --level 2 --lawful-basis art6-1-f",
        "govtool dataset add stays 1 stays.csv --label days --task regression --level 3",
    ),
)
def add(
    name: str,
    version: str,
    file: Annotated[Path, typer.Argument(help=".npz (arrays X, label, subject) or .csv with a header.")],
    label: Annotated[str | None, typer.Option(help="Name of the label column.")] = None,
    subject: Annotated[str | None, typer.Option(help="Name of the column that identifies the person.")] = None,
    level: Annotated[
        int | None, typer.Option(help="0 public, 1 internal, 2 personal, 3 special category. Left out: unknown.")
    ] = None,
    sensitive: Annotated[
        list[str] | None, typer.Option(help="Sensitive categories: health, biometric, children, ...")
    ] = None,
    people: Annotated[
        list[str] | None, typer.Option(help="Categories of data subjects: patients, employees, ...")
    ] = None,
    data_type: Annotated[
        list[str] | None, typer.Option(help="Types of personal data: contact data, diagnoses, ...")
    ] = None,
    lawful_basis: Annotated[str | None, typer.Option(help="For instance art6-1-e, or hipaa-tpo.")] = None,
    class_unit: Annotated[str, typer.Option(help="What one label stands for: person, group or unknown.")] = "unknown",
    owner: Annotated[str, typer.Option(help="Who answers for it; default: you.")] = "",
    description: Annotated[str, typer.Option(help="What it is.")] = "",
    origin: Annotated[str, typer.Option(help="Where it came from.")] = "",
    task: Annotated[
        Task, typer.Option(help="What the labels are for: classification (whole numbers) or regression (any numbers).")
    ] = Task.CLASSIFICATION,
    as_json: JsonFlag = False,
) -> None:
    """Register a file's content as an immutable version. The file stays where it is; its digest is kept."""
    from govtool.cli.context import open_workspace
    from govtool.registry import service

    workspace = open_workspace()
    with workspace.write() as session:
        row = service.add_dataset_version(
            session,
            name,
            version,
            file,
            level=level,
            description=description,
            owner=owner,
            label=label,
            subject=subject,
            sensitive_categories=sensitive or (),
            subject_categories=people or (),
            data_types=data_type or (),
            lawful_basis=lawful_basis,
            class_unit=class_unit,
            origin=origin,
            regression=task is Task.REGRESSION,
            now=workspace.now,
            by=workspace.actor,
        )
        data = describe(row)
    if level is None:
        note("its classification is unknown; policies treat unknown as the strictest level")
    people_text = "people unknown" if row.subject_count is None else f"{row.subject_count} people"
    text = f"dataset {row.ref} ({row.id}) {row.row_count} rows, {people_text}, sha256 {row.content_sha256}"
    show("dataset.add/1", data, text, as_json=as_json)


@app.command("list", epilog=examples("govtool dataset list", "govtool dataset list --json"))
def list_datasets(as_json: JsonFlag = False) -> None:
    """List every dataset version."""
    from govtool.cli.context import open_workspace
    from govtool.registry import service

    with open_workspace().read() as session:
        data = [describe(row) for row in service.dataset_versions(session)]
    rows = [
        [
            item["ref"],
            LEVELS[item["level"]],
            item["rows"],
            "unknown" if item["people"] is None else item["people"],
            item["sha256"][:12],
        ]
        for item in data
    ]
    show("dataset.list/1", data, table(["dataset", "level", "rows", "people", "sha256"], rows), as_json=as_json)


@app.command("show", epilog=examples("govtool dataset show digits@1"))
def show_dataset(ref: str, as_json: JsonFlag = False) -> None:
    """Show one version, and what was made from it."""
    from govtool.cli.context import open_workspace
    from govtool.registry import lineage, service

    with open_workspace().read() as session:
        row = service.dataset_version(session, ref)
        data = {
            **describe(row),
            "used_by": [
                f"{lineage.ref_of(session, edge.src_kind, edge.src_id)} {edge.relation}"
                for edge in lineage.downstream(session, row.id)
            ],
        }
    text = "\n".join(
        f"{key.replace('_', ' '):22} {'unknown' if value is None else value}" for key, value in data.items()
    )
    show("dataset.show/1", data, text, as_json=as_json)


def describe(row: "DatasetVersion") -> dict[str, Any]:
    return {
        "id": row.id,
        "ref": row.ref,
        "sha256": row.content_sha256,
        "size_bytes": row.size_bytes,
        "location": row.location,
        "rows": row.row_count,
        "people": row.subject_count,
        "subject_column": row.subject_column,
        "label_column": row.label_column,
        "level": row.classification_level,
        "sensitive_categories": row.sensitive_categories,
        "subject_categories": row.subject_categories,
        "data_types": row.data_types,
        "lawful_basis": row.lawful_basis,
        "class_unit": row.class_unit,
        "owner": row.dataset.owner,
        "registered_at": row.recorded_at.isoformat(),
    }
