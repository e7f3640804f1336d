"""`govtool model`: models and their versions."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from govtool.cli.output import JsonFlag, examples, note, show, table
from govtool.registry.artifacts import KNOWN

if TYPE_CHECKING:
    from govtool.registry.models import ModelVersion

app = typer.Typer(help="Models and their versions.", no_args_is_help=True)
version_app = typer.Typer(help="Versions of a model.", no_args_is_help=True)
app.add_typer(version_app, name="version")


@version_app.callback()
def _version_group() -> None:
    """Versions of a model."""


@app.command("add", epilog=examples("govtool model add triage --purpose 'sort referrals' --owner 'Cardiology'"))
def add(
    name: str,
    description: Annotated[str, typer.Option(help="What it does.")] = "",
    purpose: Annotated[str, typer.Option(help="Why personal data is processed in it (GDPR Art. 30(1)(b)).")] = "",
    owner: Annotated[str, typer.Option(help="Who answers for it; default: you.")] = "",
    as_json: JsonFlag = False,
) -> None:
    """Register a model; versions follow with `govtool model version add`."""
    from govtool.cli.context import open_workspace
    from govtool.registry import service

    workspace = open_workspace()
    with workspace.write() as session:
        row = service.add_model(
            session, name, description=description, owner=owner, purpose=purpose, now=workspace.now, by=workspace.actor
        )
    note(f"next: govtool model version add {name} 1 --artifact weights.safetensors --factory mlp")
    show("model.add/1", {"id": row.id, "name": row.name}, f"model {row.name} ({row.id})", as_json=as_json)


@version_app.command(
    "add",
    epilog=examples(
        "govtool model version add triage 1 --artifact triage.skops",
        'govtool model version add triage 2 --artifact w.safetensors --factory mlp --factory-params \'{"inputs": 64, "hidden": [128], "classes": 10}\'',
        "govtool model version add triage 3 --artifact booster.ubj",
        "govtool model version add vendor-score 1 --artifact scores.csv",
        "govtool model version add vendor-bot 2026-03 --endpoint https://models.example.org",
    ),
)
def add_version(
    name: str,
    version: str,
    artifact: Annotated[Path | None, typer.Option(help=f"The model's file: {KNOWN}.")] = None,
    endpoint: Annotated[
        str | None, typer.Option(help="Base URL of an Open Inference Protocol server, for a model you cannot hold.")
    ] = None,
    factory: Annotated[
        str | None,
        typer.Option(
            help="Architecture for safetensors: softmax, mlp, cnn, or module:function (each audit must vouch for it)."
        ),
    ] = None,
    factory_params: Annotated[str, typer.Option(help="Its parameters as JSON.")] = "{}",
    trust_pickle: Annotated[
        str | None, typer.Option(help="SHA-256 of a pickle you vouch for. Loading it runs its code.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Register one set of weights. The bytes go to the vault, so that what was tested stays testable."""
    import json

    from govtool.cli.context import open_workspace
    from govtool.digest import parse_sha256
    from govtool.errors import InputError
    from govtool.registry import service

    try:
        params = json.loads(factory_params)
    except json.JSONDecodeError as error:
        raise InputError(f"--factory-params is not JSON: {error}", hint="for example '{\"classes\": 10}'") from error
    if not isinstance(params, dict):
        raise InputError("--factory-params is not a JSON object", hint="for example '{\"classes\": 10}'")
    workspace = open_workspace()
    with workspace.write() as session:
        row = service.add_model_version(
            session,
            workspace.vault,
            name,
            version,
            artifact=artifact,
            endpoint=endpoint,
            factory=factory,
            factory_params=params,
            trust_pickle=parse_sha256(trust_pickle) if trust_pickle else None,
            now=workspace.now,
            by=workspace.actor,
        )
        data = describe(row)
    note(f"next: govtool lineage add {row.ref} trained_on DATASET@VERSION")
    show(
        "model.version.add/1",
        data,
        f"model version {data['ref']} ({row.id}) sha256 {row.artifact_sha256 or 'none'}",
        as_json=as_json,
    )


@app.command("list", epilog=examples("govtool model list", "govtool model list --json"))
def list_models(as_json: JsonFlag = False) -> None:
    """List every model version."""
    from govtool.cli.context import open_workspace
    from govtool.registry import service

    with open_workspace().read() as session:
        data = [describe(row) for row in service.model_versions(session)]
    rows = [
        [item["ref"], item["format"], (item["sha256"] or "none")[:12], item["owner"], item["registered_at"]]
        for item in data
    ]
    show("model.list/1", data, table(["model", "format", "sha256", "owner", "registered"], rows), as_json=as_json)


@app.command("show", epilog=examples("govtool model show triage@1", "govtool model show triage@1 --json"))
def show_model(ref: str, as_json: JsonFlag = False) -> None:
    """Show one version: digests, training data, effective classification, deployments."""
    from govtool.cli.context import open_workspace
    from govtool.registry import lineage, service

    with open_workspace().read() as session:
        row = service.model_version(session, ref)
        level = lineage.sensitivity(session, row)
        data = {
            **describe(row),
            "classification_level": level.level,
            "classification_reason": level.reason,
            "trained_on": [dataset.ref for dataset in lineage.datasets_of(session, row)],
            "tested_on": [dataset.ref for dataset in lineage.datasets_of(session, row, ("tested_on",))],
            "deployments": [
                {"name": item.name, "audience": item.audience, "environment": item.environment, "exposes": item.exposes}
                for item in service.deployments(session, row)
            ],
        }
    shown = {key: value for key, value in data.items() if key != "factory_params"}
    text = "\n".join(
        f"{key.replace('_', ' '):22} {'unknown' if value is None else value}" for key, value in shown.items()
    )
    show("model.show/1", data, text, as_json=as_json)


def describe(row: "ModelVersion") -> dict[str, Any]:
    return {
        "id": row.id,
        "ref": row.ref,
        "format": row.artifact_format,
        "sha256": row.artifact_sha256,
        "size_bytes": row.size_bytes,
        "factory": row.factory,
        "factory_params": row.factory_params,
        "endpoint": row.endpoint,
        "owner": row.model.owner,
        "purpose": row.model.purpose,
        "registered_at": row.recorded_at.isoformat(),
    }
