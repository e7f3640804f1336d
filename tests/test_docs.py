"""What the documentation tells people to type is understood by the command line."""

import re
import shlex
from pathlib import Path

import pytest

from govtool.errors import GovtoolError

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def typed(page: Path) -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    lines = [part.strip() for block in blocks for line in block.splitlines() for part in line.split("&&")]
    return [line for line in lines if line.startswith("govtool ")]


LINES = [(page.name, line) for page in PAGES for line in typed(page)]


@pytest.mark.parametrize(("page", "line"), LINES, ids=[f"{page}: {line[:60]}" for page, line in LINES])
def test_commands_in_the_documentation_parse(page: str, line: str) -> None:
    from cli_words import parse

    parse(shlex.split(line)[1:])


def test_the_documentation_shows_commands() -> None:
    assert len(LINES) > 15


def test_the_readme_shows_its_two_commands() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for command in ("demo", "test"):
        assert f"make {command}\n" in text
        assert re.search(rf"^{command}: setup", makefile, re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(((?!http)[^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_readme_lists_every_exit_code() -> None:
    def tree(cls: type[GovtoolError]) -> set[int]:
        return {cls.exit_code}.union(*(tree(child) for child in cls.__subclasses__()))

    table = {
        int(code) for code in re.findall(r"^\| (\d) \|", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert tree(GovtoolError) | {0} == table


def test_the_python_page_runs_as_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "python.md").read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "docs/python.md", "exec"), names)
    printed = capsys.readouterr().out
    assert printed.count("Estimate(") == 1 + 2 * 3
    assert len(blocks) == 2
