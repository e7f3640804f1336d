"""`govtool lineage`: what was made from what."""

from typing import Annotated

import typer

from govtool.cli.output import JsonFlag, examples, show, table

app = typer.Typer(help="What was made from what.", no_args_is_help=True)


@app.command(
    "add",
    epilog=examples(
        "govtool lineage add triage@1 trained_on referrals@2026-01", "govtool lineage add triage@1 tested_on holdout@1"
    ),
)
def add(
    source: Annotated[str, typer.Argument(help="The younger: a model or dataset version.")],
    relation: Annotated[
        str, typer.Argument(help="trained_on, tested_on, split_of, synthesized_from, fine_tuned_on, ...")
    ],
    destination: Annotated[str, typer.Argument(help="The older: a model or dataset version.")],
    remark: Annotated[str, typer.Option("--note", help="How you know.")] = "",
    as_json: JsonFlag = False,
) -> None:
    """Record that SOURCE stands in RELATION to DESTINATION."""
    from govtool.cli.context import open_workspace
    from govtool.registry import service

    workspace = open_workspace()
    with workspace.write() as session:
        edge = service.add_lineage(
            session, source, relation, destination, note=remark, now=workspace.now, by=workspace.actor
        )
    data = {"id": edge.id, "source": source, "relation": relation, "destination": destination}
    show("lineage.add/1", data, f"{source} {relation} {destination} ({edge.id})", as_json=as_json)


@app.command("show", epilog=examples("govtool lineage show triage@1", "govtool lineage show referrals@2026-01 --json"))
def show_lineage(ref: str, as_json: JsonFlag = False) -> None:
    """Show everything upstream and downstream of a version."""
    from govtool.cli.context import open_workspace
    from govtool.registry import lineage, service

    with open_workspace().read() as session:
        row = service.resolve(session, ref)
        found = {
            direction: [
                {
                    "source": lineage.ref_of(session, edge.src_kind, edge.src_id),
                    "relation": edge.relation,
                    "destination": lineage.ref_of(session, edge.dst_kind, edge.dst_id),
                    "basis": edge.basis,
                }
                for edge in walk(session, row.id)
            ]
            for direction, walk in (("upstream", lineage.upstream), ("downstream", lineage.downstream))
        }
    rows = [
        [direction, *(edge[key] for key in ("source", "relation", "destination", "basis"))]
        for direction, edges in found.items()
        for edge in edges
    ]
    show(
        "lineage.show/1",
        {"ref": row.ref, **found},
        table(["", "source", "relation", "destination", "basis"], rows),
        as_json=as_json,
    )
