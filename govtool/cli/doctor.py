"""`govtool doctor`: what is missing on this machine and how to get it."""

from dataclasses import asdict, dataclass

import typer

from govtool.cli.output import JsonFlag, examples, show, table

APT_LINE = "sudo apt-get install -y libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0"


@dataclass(frozen=True)
class Check:
    name: str
    ok: bool
    required: bool
    found: str
    remedy: str = ""


def _module(name: str, extra: str, purpose: str, *, required: bool = False) -> Check:
    import importlib.metadata

    try:
        return Check(purpose, True, required, f"{name} {importlib.metadata.version(name)}")
    except importlib.metadata.PackageNotFoundError:
        return Check(purpose, False, required, f"{name} is not installed", f"pip install 'govtool[{extra}]'")


def _xgboost() -> Check:
    """The library goes by two names: xgboost-cpu is the one without CUDA."""
    slim = _module("xgboost-cpu", "formats", "XGBoost models")
    return slim if slim.ok else _module("xgboost", "formats", "XGBoost models")


def _python() -> Check:
    import platform
    import sys

    return Check(
        "Python 3.11 or newer",
        sys.version_info >= (3, 11),
        True,
        platform.python_version(),
        "install Python 3.11 or newer",
    )


def _pdf() -> Check:
    from govtool.reports.render import pdf_available

    problem = pdf_available()
    return Check(
        "PDF reports (WeasyPrint with Pango)", problem is None, False, problem or "ready", APT_LINE if problem else ""
    )


def _workspace() -> list[Check]:
    from govtool.cli.context import open_workspace
    from govtool.errors import GovtoolError

    try:
        workspace = open_workspace()
    except GovtoolError as error:
        return [Check("workspace here", False, False, error.message, error.hint)]
    checks = [Check("workspace here", True, False, str(workspace.root))]
    try:
        checks.append(Check("signing key", True, True, workspace.signer.verifier.encode()))
    except GovtoolError as error:
        checks.append(Check("signing key", False, True, error.message, error.hint or "restore it from your backup"))
    return checks


def examine() -> list[Check]:
    """Every check, in the order in which a person would fix what fails."""
    return [
        _python(),
        _module("torch", "attacks", "attacks on torch models"),
        _module("scikit-learn", "attacks", "attacks on scikit-learn models"),
        _module("skops", "attacks", "safe loading of scikit-learn models"),
        _module("onnxruntime", "formats", "ONNX models"),
        _xgboost(),
        _module("lightgbm", "formats", "LightGBM models"),
        _module("duckdb", "logs", "log analysis"),
        _module("ibis-framework", "logs", "log analysis expressions"),
        _module("psycopg", "postgres", "PostgreSQL"),
        _pdf(),
        *_workspace(),
    ]


def doctor(as_json: JsonFlag = False) -> None:
    """Say what is missing on this machine and the exact line that gets it."""
    checks = examine()
    rows = [["ok" if check.ok else "MISSING", check.name, check.found, check.remedy] for check in checks]
    broken = any(check.required and not check.ok for check in checks)
    show(
        "doctor/1",
        [asdict(check) for check in checks],
        table(["", "what", "found", "to get it"], rows),
        as_json=as_json,
        exit_code=6 if broken else 0,
    )


def register(app: typer.Typer) -> None:
    app.command("doctor", epilog=examples("govtool doctor", "govtool doctor --json"))(doctor)
