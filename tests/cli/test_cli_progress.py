"""Progress of long work: where it stands, what is left, and nothing left behind."""

from typing import Any

import pytest

from govtool.cli import progress
from govtool.cli.progress import Progress, remaining


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    own = Clock()
    monkeypatch.setattr(progress.runtime, "monotonic", own)
    return own


def test_a_terminal_gets_a_bar_that_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(progress, "is_terminal", lambda: True)
    with Progress() as shown:
        shown("reference models", 0, 4)
        shown("reference models", 4, 4)
        shown("attacks", 1, 3)
    assert capsys.readouterr().out == ""


def test_a_log_gets_a_line_per_step_and_more_while_one_takes_long(clock: Clock, capsys: Any) -> None:
    with Progress() as shown:
        shown("reference models", 16, 64)  # 16 were there already and took no time
        for done in range(20, 65, 4):
            clock.now += 20
            shown("reference models", done, 64)
        shown("attacks", 0, 3)
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "reference models ..."
    assert said[1] == "reference models: 24 of 64, about 3 min left"
    assert said[-2] == "reference models: 56 of 64, about 40 s left"
    assert said[-1] == "attacks ..."


@pytest.mark.parametrize(
    ("spent", "done", "left", "expected"),
    [
        (60, 0, 5, ""),
        (60, 5, 0, ""),
        (1, 1, 5, ""),
        (10, 10, 3, "about 3 s left"),
        (10, 1000, 3, "about 1 s left"),
        (60, 1, 2, "about 2 min left"),
        (3600, 1, 2, "about 2.0 h left"),
    ],
)
def test_what_is_left_in_words(spent: float, done: int, left: int, expected: str) -> None:
    assert remaining(spent, done, left) == expected
