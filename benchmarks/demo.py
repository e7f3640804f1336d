"""Wall time of the demo, step by step."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from table import Row, show


def rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        timings = Path(folder) / "timings.json"
        command = [
            sys.executable,
            "-c",
            "from govtool.cli import main; main()",
            "demo",
            f"{folder}/demo",
            "--timings",
            str(timings),
        ]
        subprocess.run(command, check=True, capture_output=True)
        for step, seconds in json.loads(timings.read_text()).items():
            yield Row(f"demo {step}"[:44], seconds, "s wall")


if __name__ == "__main__":
    show(rows())
