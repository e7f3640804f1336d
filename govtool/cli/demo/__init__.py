"""`govtool demo`: the whole job once, on real data, with the commands a user would type."""

from pathlib import Path
from typing import Annotated

import typer

from govtool.cli.output import examples


def demo(
    folder: Annotated[
        Path | None, typer.Argument(help="A new folder; default: demo-workspace, or the next free name.")
    ] = None,
    timings: Annotated[Path | None, typer.Option(help="Also write the seconds of each step here, as JSON.")] = None,
) -> None:
    """Train two models, attack them, judge them, serve one, catch who probes it, draft the notice."""
    from govtool.cli.demo.story import tell

    tell(folder or _free_name(Path("demo-workspace")), timings=timings)


def _free_name(wanted: Path) -> Path:
    candidate, number = wanted, 1
    while candidate.exists():
        number += 1
        candidate = wanted.with_name(f"{wanted.name}-{number}")
    return candidate


def register(app: typer.Typer) -> None:
    app.command("demo", epilog=examples("govtool demo", "govtool demo /tmp/try-govtool"))(demo)
