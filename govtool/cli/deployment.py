"""`govtool deployment`: where a model answers, to whom, and what its answers expose."""

from typing import Annotated

import typer

from govtool.cli.output import JsonFlag, examples, note, show, table

app = typer.Typer(help="Where a model answers, to whom, and what it exposes.", no_args_is_help=True)


@app.command(
    "add",
    epilog=examples(
        "govtool deployment add triage-api triage@1 --environment production --audience public --exposes probabilities",
        "govtool deployment add triage-app triage@1 --environment production --audience partner --exposes weights",
    ),
)
def add(
    name: str,
    model: Annotated[str, typer.Argument(help="MODEL@VERSION")],
    environment: Annotated[str, typer.Option(help="development, staging or production.")],
    audience: Annotated[str, typer.Option(help="internal, partner or public.")],
    exposes: Annotated[
        list[str],
        typer.Option(help="labels, top_k, probabilities, logits, logprobs, embeddings, gradients, weights; repeat."),
    ],
    url: Annotated[str | None, typer.Option(help="Base URL.")] = None,
    served_as: Annotated[str | None, typer.Option(help="Name that logs use for it.")] = None,
    log_location: Annotated[str | None, typer.Option(help="Where its inference logs are.")] = None,
    log_retention_days: Annotated[int | None, typer.Option(help="How long they are kept.", min=0)] = None,
    as_json: JsonFlag = False,
) -> None:
    """Register a deployment. What it exposes decides which attacks apply."""
    from govtool.access import Access
    from govtool.cli.context import open_workspace
    from govtool.errors import InputError
    from govtool.registry import service

    try:
        access = [Access(item) for item in exposes]
    except ValueError as error:
        raise InputError(f"--exposes: {error}", hint=f"known: {', '.join(Access)}") from error
    workspace = open_workspace()
    with workspace.write() as session:
        version = service.model_version(session, model)
        row = service.add_deployment(
            session,
            name,
            version,
            environment=environment,
            audience=audience,
            exposes=access,
            url=url,
            served_as=served_as,
            log_location=log_location,
            log_retention_days=log_retention_days,
            now=workspace.now,
            by=workspace.actor,
        )
    note(f"next: govtool audit run {model} --spec audit.yaml")
    data = {"id": row.id, "name": row.name, "model": model, "exposes": row.exposes}
    show(
        "deployment.add/1",
        data,
        f"deployment {row.name} ({row.id}) of {model}, exposes {', '.join(row.exposes)}",
        as_json=as_json,
    )


@app.command("list", epilog=examples("govtool deployment list"))
def list_deployments(as_json: JsonFlag = False) -> None:
    """List every deployment."""
    from govtool.cli.context import open_workspace
    from govtool.registry import service

    with open_workspace().read() as session:
        data = [
            {
                "id": row.id,
                "name": row.name,
                "model": row.model_version.ref,
                "environment": row.environment,
                "audience": row.audience,
                "exposes": row.exposes,
                "url": row.url,
            }
            for row in service.deployments(session)
        ]
    rows = [[item[key] for key in ("name", "model", "environment", "audience", "exposes")] for item in data]
    show(
        "deployment.list/1",
        data,
        table(["deployment", "model", "environment", "audience", "exposes"], rows),
        as_json=as_json,
    )
