"""Help is instant, complete, and its examples parse."""

import os
import resource
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cli_words import commands, parse

HEAVY = ("torch", "sklearn", "scipy", "numpy", "duckdb", "ibis", "pyarrow", "weasyprint", "sqlalchemy", "pydantic")


COMMANDS = list(commands())
EXAMPLES = [
    (path, line.strip())
    for path, command in COMMANDS
    for line in (command.epilog or "").splitlines()
    if line.strip().startswith("govtool ")
]


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom govtool.cli import run\ncode = run(['--help'])\n"
        f"loaded = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "sys.exit(f'loaded {loaded}' if loaded or code else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "audit" in done.stdout


@pytest.mark.alone
def test_help_takes_less_than_300_ms_of_user_cpu(tmp_path: Path) -> None:
    """As installed: with compiled bytecode, which the first run leaves in a folder of its own."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(tmp_path)

    def once() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        subprocess.run(
            [sys.executable, "-c", "from govtool.cli import run; run(['--help'])"],
            check=True,
            stdout=subprocess.DEVNULL,
            env=environment,
        )
        return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before

    assert any(once() < 0.3 for _ in range(15))


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=[" ".join(path) for path, _ in COMMANDS])
def test_every_command_has_help_and_examples(path: tuple[str, ...], command: Any) -> None:
    assert command.help, f"{path} has no help"
    lines = [line for owner, line in EXAMPLES if owner == path]
    assert lines, f"govtool {' '.join(path)} shows no example"
    assert any(line.startswith(f"govtool {' '.join(path)}") for line in lines)


@pytest.mark.parametrize(("path", "line"), EXAMPLES, ids=[line for _, line in EXAMPLES])
def test_examples_parse(path: tuple[str, ...], line: str) -> None:
    parse(shlex.split(line)[1:])


def test_a_wrong_example_would_be_noticed() -> None:
    with pytest.raises(Exception, match="No such option"):
        parse(["model", "list", "--no-such-flag"])


def test_subcommand_json_commands_take_the_flag() -> None:
    """Every command that shows something takes --json; `demo` tells a story and is the one exception."""
    without = [
        " ".join(path) for path, command in COMMANDS if not any("--json" in param.opts for param in command.params)
    ]
    assert without == ["demo"]
