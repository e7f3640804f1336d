"""The error tree: every error says what to do next, every class has its exit code, and the words are the documented ones."""

import pytest

from govtool import errors
from govtool.errors import GovtoolError

CODES = {
    "GovtoolError": 1,
    "InputError": 2,
    "NotFoundError": 2,
    "AmbiguousError": 2,
    "ConflictError": 2,
    "UntrustedArtifactError": 2,
    "RefusedError": 3,
    "UndecidedError": 4,
    "EvidenceError": 5,
    "WorkError": 6,
    "MissingExtraError": 6,
}


def every_class(kind: type[GovtoolError] = GovtoolError) -> set[type[GovtoolError]]:
    below = {found for sub in kind.__subclasses__() for found in every_class(sub)}
    return {kind} | {found for found in below if found.__module__ == errors.__name__}


def test_each_class_has_its_documented_exit_code() -> None:
    assert {kind.__name__: kind.exit_code for kind in every_class()} == CODES


def test_an_error_says_what_where_and_what_next() -> None:
    error = errors.InputError("bad cell", hint="fix it", where="data.csv:3")
    assert (str(error), error.message, error.hint, error.where) == ("bad cell", "bad cell", "fix it", "data.csv:3")
    assert (errors.WorkError("x").hint, errors.WorkError("x").where) == ("", "")


def test_a_missing_extra_says_what_to_install() -> None:
    error = errors.MissingExtraError("logs", "log analysis")
    assert error.hint == "pip install 'govtool[logs]'"
    assert "log analysis" in error.message
    with pytest.raises(errors.WorkError):
        raise error
