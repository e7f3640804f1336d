"""Finds templates/, migrations/ and policies/, in a checkout or in an installed wheel."""

from pathlib import Path

from govtool.errors import WorkError

_PACKAGE = Path(__file__).resolve().parent


def find(name: str) -> Path:
    """The folder `name`, which lies beside the package in a checkout and inside it in a wheel.

    Raises:
        WorkError: the installation is incomplete.
    """
    for candidate in (_PACKAGE / "_resources" / name, _PACKAGE.parent / name):
        if candidate.is_dir():
            return candidate
    raise WorkError(f"the installation lacks its {name}/ folder", hint="reinstall govtool")
