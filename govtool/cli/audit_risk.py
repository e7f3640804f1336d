"""govtool audit risk: who is exposed most, in numbers on the screen and by row in a file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated, Any

import typer

from govtool.cli.output import JsonFlag, examples, note, show

EXAMPLES = examples(
    "govtool audit risk 7k3m --out risk.csv",
    "govtool audit risk 7k3m --attack rmia --subjects --out risk.csv",
    "govtool audit risk 7k3m --json",
)


def risk(
    prefix: Annotated[str, typer.Argument(metavar="RUN", help="The run's id or its beginning.")],
    attack: Annotated[
        str | None, typer.Option("--attack", help="Rank by this attack's scores. Default: the strongest that was run.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.csv", help="Write the list of records here. Must not exist.")
    ] = None,
    subjects: Annotated[
        bool, typer.Option("--subjects", help="Say whose each record is: personal data goes into the file.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Say how many members can be recognised, and list them by exposure in a file. Names nobody on the screen."""
    from govtool.audits import risk as risks
    from govtool.audits import service
    from govtool.cli.context import open_workspace
    from govtool.errors import InputError

    if subjects and out is None:
        raise InputError("--subjects writes whose each record is into a file", hint="name the file: --out FILE.csv")
    ws = open_workspace()
    with ws.read() as session:
        row = service.run(session, prefix)
        found = risks.listed(session, ws.vault, row, attack=attack, subjects=subjects)
        summary = found.record.detail.get("risk") or {}
        name, record = found.record.attack, found.record.id
    if out is not None:
        with fresh(out) as stream:
            risks.write_csv(found.rows, stream, subjects=subjects)
    data = {"run": row.id, "record": record, "attack": name, "records": len(found.rows), "summary": summary}
    data["members"] = summary.get("members", len(found.rows))
    lines = [_heading(len(found.rows), name, summary), *_lines(summary)]
    if out is not None:
        note(f"written: {out}; it says which records are exposed, so keep it as you keep the dataset")
    show("audit.risk/1", data, "\n".join(lines), as_json=as_json)


@contextmanager
def fresh(path: Path) -> Iterator[IO[str]]:
    """A new file that only its owner may read; an existing one is not overwritten."""
    import os

    from govtool.errors import InputError

    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise InputError(
            f"{path} cannot be written: {error.strerror}", hint="give a new file in a folder of yours"
        ) from error
    with os.fdopen(descriptor, "w", newline="", encoding="utf-8") as stream:
        yield stream


def _heading(records: int, attack: str, summary: dict[str, Any]) -> str:
    """Says what the figures below count, where that is not the lines of the file."""
    if summary.get("unit") == "person":
        return f"{summary['members']:,} members, {records:,} records of theirs, ranked by {attack}; the figures count people"
    return f"{records:,} members ranked by {attack}"


def _lines(summary: dict[str, Any]) -> list[str]:
    recognised = [
        f"  recognised where at most {point['fpr']:.1%} of non-members are called members: {_interval(point['estimate'])}"
        for point in summary.get("recognised", [])
    ]
    named = [
        f"  could be named with {summary['precision']:.0%} certainty if {point['prior']:.0%} of those asked about are "
        f"members: {point['members']:,}"
        for point in summary.get("named", [])
    ]
    return [*recognised, *named]


def _interval(found: dict[str, Any]) -> str:
    return f"{found['value']:.1%} ({found['low']:.1%} to {found['high']:.1%})"
