"""A field of a notice: its value, how sure we are, who says so and since when. Unknown is a status, never a zero."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from govtool.reports.view import Badge


class Status(StrEnum):
    KNOWN = "known"
    ESTIMATE = "estimate"
    TO_BE_DETERMINED = "to_be_determined"
    CANNOT_BE_DETERMINED = "cannot_be_determined"
    NOT_APPLICABLE = "not_applicable"


BADGES = {
    Status.KNOWN: Badge("known", "pass"),
    Status.ESTIMATE: Badge("estimate", "warn"),
    Status.TO_BE_DETERMINED: Badge("to be determined", "unknown"),
    Status.CANNOT_BE_DETERMINED: Badge("cannot be determined", "none"),
    Status.NOT_APPLICABLE: Badge("not applicable", "none"),
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field as it stands in the draft."""

    key: str
    section: str
    ref: str
    """Article 33 element, and row of the EDPB template (version 1.0, June 2026)."""
    label: str
    status: Status
    text: str
    """The value as printed; for an open field, what is asked for."""
    value: Any = None
    source: str = ""
    author: str = ""
    at: str = ""
    """RFC 3339: when the author said so."""
    suggestion: str = ""
    """What the tool proposes for a judgement that a person has to make. Never a value."""

    @property
    def badge(self) -> Badge:
        return BADGES[self.status]

    @property
    def said(self) -> str:
        """When, short enough for a margin."""
        return f"{self.at[:10]} {self.at[11:16]} UTC" if self.at else ""


def completeness(fields: Iterable[Field]) -> str:
    """'complete' only when nothing is left to be determined (EDPB template row 4); an empty notice is not complete."""
    found = list(fields)
    done = bool(found) and all(field.status is not Status.TO_BE_DETERMINED for field in found)
    return "complete" if done else "incomplete"
