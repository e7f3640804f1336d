"""One table for every benchmark: what was measured, the figure, its unit, and what it is relative to."""

import os
import platform
import sys
from collections.abc import Iterable
from typing import NamedTuple


class Row(NamedTuple):
    what: str
    figure: float
    unit: str
    note: str = ""


def median(values: list[float]) -> float:
    ordered = sorted(values)
    return ordered[len(ordered) // 2]


def show(rows: Iterable[Row]) -> None:
    """Print rows as they come, so that a slow benchmark is seen to progress."""
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"{'what':44} {'figure':>12} {'unit':10} note")
    print(f"{'-' * 44} {'-' * 12} {'-' * 10} {'-' * 40}")
    for row in rows:
        print(f"{row.what:44} {row.figure:>12,.3f} {row.unit:10} {row.note}")
        sys.stdout.flush()
