"""The whole error tree. Each class carries the exit code that the command line returns for it.

0 done / GO · 1 a bug · 2 your input · 3 the check says no · 4 undecided · 5 evidence does not verify · 6 could not be done.
"""

from typing import ClassVar


class GovtoolError(Exception):
    """Something went wrong that a person can act on: what, where, and what to do next."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "", where: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.where = where


class InputError(GovtoolError):
    """What the user gave cannot be used: a file, a flag, a name, a spec."""

    exit_code = 2


class NotFoundError(InputError):
    """A name or id that nothing in this workspace answers to."""


class AmbiguousError(InputError):
    """An id prefix that more than one record answers to."""


class ConflictError(InputError):
    """It exists already with other content; evidence is never overwritten."""


class UntrustedArtifactError(InputError):
    """Loading this file could run code, and nobody vouched for its digest."""


class RefusedError(GovtoolError):
    """The check the user asked for says no (NO-GO)."""

    exit_code = 3


class UndecidedError(GovtoolError):
    """Evidence is missing, stale or inconclusive, so no answer can be given."""

    exit_code = 4


class EvidenceError(GovtoolError):
    """Evidence does not verify: bytes, ledger, checkpoint or signature disagree."""

    exit_code = 5


class WorkError(GovtoolError):
    """The work could not be done: target did not load, server unreachable, disk full."""

    exit_code = 6


class MissingExtraError(WorkError):
    """An optional dependency is not installed."""

    def __init__(self, extra: str, needed_for: str) -> None:
        super().__init__(
            f"{needed_for} needs the optional part '{extra}', which is not installed",
            hint=f"pip install 'govtool[{extra}]'",
        )
        self._given = (extra, needed_for)

    def __reduce__(self) -> tuple[type["MissingExtraError"], tuple[str, str]]:
        """From one process to another."""
        return type(self), self._given
