"""The memory that references need does not grow with their number times the records."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent


@pytest.mark.slow
def test_records_times_references_need_not_fit_in_memory(tmp_path: Path) -> None:
    """200,000 records and 32 references under a limit on the process: arrays of 488 MiB, of which it holds a part."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS)]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(TESTS / "memory_run.py"), "200000", "32", "300", str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    arrays, held = map(int, done.stdout.split())
    assert held < arrays / 2
