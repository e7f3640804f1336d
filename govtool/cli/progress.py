"""How far a long piece of work is, and how long it may still take, on stderr."""

from typing import Any, Self

from govtool import runtime
from govtool.cli.output import is_terminal, note

_EVERY_S = 30.0
"""Seconds between the lines of a log that is no terminal."""
_TELLING_S = 2.0
"""Seconds from which the pace so far says something about the rest."""


class Progress:
    """A bar on a terminal; elsewhere lines on stderr: one per step, and more while a step takes long."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._task: Any = None
        self._step = ""
        self._began, self._first, self._said = 0.0, 0, 0.0

    def __enter__(self) -> Self:
        if is_terminal():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                TaskProgressColumn(),
                TextColumn("{task.fields[left]}"),
            )
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._bar.start()
        return self

    def __call__(self, step: str, done: int, total: int) -> None:
        """`done` of `total` of a step. What is done at the step's first call took no time of it."""
        now = runtime.monotonic()
        if step != self._step:
            self._step, self._began, self._first, self._said = step, now, done, now
            self._announce(step, total)
        left = remaining(now - self._began, done - self._first, total - done)
        if self._bar is not None:
            self._bar.update(self._task, completed=done, left=left)
        elif left and now - self._said >= _EVERY_S:
            self._said = now
            note(f"{step}: {done} of {total}, {left}")

    def _announce(self, step: str, total: int) -> None:
        if self._bar is None:
            note(f"{step} ...")
            return
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(step, total=total, left="")

    def __exit__(self, *_error: object) -> None:
        if self._bar is not None:
            self._bar.stop()


def remaining(spent_s: float, done: int, left: int) -> str:
    """In words, by the pace so far; empty while nothing was done, or too little to tell, and when nothing is left."""
    if done <= 0 or left <= 0 or spent_s < _TELLING_S:
        return ""
    seconds = spent_s / done * left
    if seconds < 90:  # noqa: PLR2004 - two minutes rounded would say more than is known
        return f"about {max(1, round(seconds))} s left"
    return f"about {round(seconds / 60)} min left" if seconds < 5400 else f"about {seconds / 3600:.1f} h left"  # noqa: PLR2004
