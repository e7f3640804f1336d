"""For tests: every command of the command line, and parsing without running."""

import itertools
from collections.abc import Iterator
from typing import Any

import typer.main

from govtool.cli import app

ROOT = typer.main.get_command(app)


def commands(command: Any = ROOT, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    children = getattr(command, "commands", None)
    if children is None:
        yield path, command
        return
    for name, child in children.items():
        yield from commands(child, (*path, name))


def parse(words: list[str]) -> None:
    """Follow the words down to a command and parse its arguments; nothing is run. A shell's redirection ends them."""
    words = list(itertools.takewhile(lambda word: word not in (">", ">>", "|"), words))
    command: Any = ROOT
    while getattr(command, "commands", None) is not None:
        assert words, "the example stops at a group"
        command, words = command.commands[words[0]], words[1:]
    command.make_context(command.name, list(words), resilient_parsing=False)
