"""How long a user waits for `govtool --help` and for a small command, against a bare interpreter, in turns."""

import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator

from table import Row, median, show

RUNS = 7
GOVTOOL = [sys.executable, "-c", "from govtool.cli import main; main()"]


def user_cpu(command: list[str], folder: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    subprocess.run(command, check=True, capture_output=True, cwd=folder)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before


def rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([*GOVTOOL, "init"], check=True, capture_output=True, cwd=folder)
        commands = {
            "bare python": [sys.executable, "-c", "pass"],
            "govtool --help": [*GOVTOOL, "--help"],
            "govtool model list": [*GOVTOOL, "model", "list"],
        }
        taken: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(RUNS):
            for name, command in commands.items():
                taken[name].append(user_cpu(command, folder))
    bare = median(taken["bare python"])
    for name, values in taken.items():
        yield Row(name, median(values), "s user", f"{median(values) / bare:.0f} x bare python, median of {RUNS}")


if __name__ == "__main__":
    show(rows())
