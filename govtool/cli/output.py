"""Data to stdout, messages to stderr, and one versioned JSON envelope for every command that shows something."""

import json
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import typer

JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON envelope instead of text.")]


def examples(*lines: str) -> str:
    """The end of a command's help: lines a person can copy. A test runs the parser over each of them."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def clean(text: str, limit: int = 500) -> str:
    """Text that is safe on a terminal: control characters, ANSI escapes and direction overrides become visible."""
    shown = "".join(
        character if unicodedata.category(character)[0] != "C" else f"\\x{ord(character):02x}"
        for character in text[:limit]
    )
    return shown + ("…" if len(text) > limit else "")


def show(kind: str, data: Any, text: str, *, as_json: bool, exit_code: int = 0, warnings: Sequence[str] = ()) -> None:
    """Print the result of a command and leave with its exit code.

    Args:
        kind: name of the result with its version, such as ``model.list/1``.
        data: JSON-able value. Datetimes become RFC 3339 text.
        text: what a person reads.
        as_json: print the envelope instead of the text.
        exit_code: 0, or what the command's outcome calls for (3 NO-GO, 4 UNDECIDED, 5 evidence does not verify).
        warnings: things the user should know that did not stop the work; on stderr in text mode.
    """
    if as_json:
        envelope = {
            "schema": f"govtool.{kind}",
            "ok": exit_code == 0,
            "exit_code": exit_code,
            "data": data,
            "warnings": list(warnings),
        }
        typer.echo(json.dumps(envelope, default=_plain, ensure_ascii=False, indent=2))
    else:
        typer.echo(text)
        for warning in warnings:
            note(f"warning: {warning}")
    if exit_code:
        raise typer.Exit(exit_code)


def _plain(value: Any) -> Any:
    from datetime import datetime

    from govtool.digest import rfc3339

    if isinstance(value, datetime):
        return rfc3339(value)
    if hasattr(value, "to_dict"):
        return value.to_dict()
    return str(value)


def note(text: str) -> None:
    """A message for the person at the terminal: progress, next step, warning."""
    typer.echo(text, err=True)


def complain(message: str, *, hint: str = "", where: str = "", code: int, as_json: bool = False) -> None:
    """One clear error: what, where, what to do next."""
    if as_json:
        error = {"message": message, "where": where, "hint": hint}
        envelope = {"schema": "govtool.error/1", "ok": False, "exit_code": code, "error": error}
        typer.echo(json.dumps(envelope, ensure_ascii=False, indent=2))
    note("error: " + clean(message, 2000))
    if where:
        note("  where: " + clean(where, 1000))
    if hint:
        note("  next:  " + clean(hint, 1000))


def table(headers: Sequence[str], rows: Iterable[Sequence[Any]], width: int = 120) -> str:
    """Plain aligned columns, the last one wrapped to `width`; cell text is cleaned, so a log cannot drive the terminal."""
    import textwrap

    cells = [[clean(str(cell), 2000) for cell in row] for row in rows]
    widths = [max([len(header), *(len(row[i]) for row in cells)]) for i, header in enumerate(headers)]
    indent = sum(widths[:-1]) + 2 * (len(widths) - 1)
    widths[-1] = min(widths[-1], max(width - indent, 30))

    def line(row: Sequence[str]) -> str:
        last = textwrap.wrap(row[-1], widths[-1]) or [""]
        start = "".join(cell.ljust(size + 2) for cell, size in zip(row[:-1], widths[:-1], strict=True))
        return "\n".join(((start if number == 0 else " " * indent) + part).rstrip() for number, part in enumerate(last))

    return "\n".join(line(row) for row in [headers, ["-" * size for size in widths], *cells])


def is_terminal() -> bool:
    return sys.stderr.isatty()
