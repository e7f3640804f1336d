"""Imports go one way. Walks every file of the package with `ast`; run-time tricks are not followed, and there are two:
`evidence.schema` imports the models modules by name, and the demo drives the command line it belongs to."""

import ast
from pathlib import Path

import pytest

import govtool

PACKAGE = Path(govtool.__file__).parent
BASE = ("access", "digest", "errors", "estimate", "runtime", "verdict", "yamlfile", "__init__")
MIDDLE = ("db", "resources", "settings")
# Each layer may import itself and what stands here. Registry rows are ledger entries, so registry lies on evidence.
ALLOWED: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(BASE, BASE),
    **dict.fromkeys(MIDDLE, BASE + MIDDLE),
    "evidence": BASE + MIDDLE,
    "registry": (*BASE, *MIDDLE, "evidence"),
    "attacks": ("errors", "verdict", "access", "estimate"),
    "audits": (*BASE, *MIDDLE, "evidence", "registry", "attacks"),
    "incidents": (*BASE, *MIDDLE, "evidence", "registry"),
    "policy": (*BASE, *MIDDLE, "evidence", "registry", "audits", "incidents"),
    "reports": (*BASE, *MIDDLE, "evidence", "registry", "audits", "incidents", "policy"),
    "cli": (*BASE, *MIDDLE, "evidence", "registry", "attacks", "audits", "incidents", "policy", "reports"),
}
FILES = sorted(PACKAGE.rglob("*.py"))


def layer(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_layers(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "govtool":
            names = [f"govtool.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [node.module or ""]
        for name in names:
            parts = name.split(".")
            if parts[0] == "govtool" and len(parts) > 1 and parts[1] != "__version__":
                found.add(parts[1])
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_one_way(path: Path) -> None:
    own = layer(path)
    forbidden = imported_layers(path) - set(ALLOWED[own]) - {own}
    assert not forbidden, f"{own} must not import {sorted(forbidden)}"


def test_the_walk_sees_an_import_it_must_refuse(tmp_path: Path) -> None:
    file = tmp_path / "x.py"
    file.write_text("def f():\n    from govtool.cli import main\n    from govtool import policy\n")
    assert imported_layers(file) == {"cli", "policy"}


def test_every_layer_of_the_package_has_a_rule() -> None:
    assert {layer(path) for path in FILES} <= set(ALLOWED)
