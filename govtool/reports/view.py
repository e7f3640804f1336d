"""What every report is made of: values ready to print, each with the value a machine reads and the record it came from."""

from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Literal

DRAWN: dict[str, bool] = {"drawn": True}
"""Field marker: this is a drawing of values that stand elsewhere in the view; it stays out of the attached data."""

_LONG_SUBJECT = 44

Shape = Literal["pass", "warn", "unknown", "fail", "none"]
"""The outline that stands beside a verdict's word, so that colour carries nothing alone."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One line: what it is, how it prints, what it is to a machine, and the record (or file) that says so."""

    label: str
    text: str
    value: Any = None
    source: str = ""
    code: bool = False
    """Set in the fixed-width face: digests, ids, names of files."""


@dataclass(frozen=True, slots=True)
class Badge:
    """A verdict or a status: its word and its outline."""

    word: str
    shape: Shape


@dataclass(frozen=True, slots=True)
class Head:
    """What stands on every page of a document."""

    report_id: str
    kind: str
    title: str
    subject: str
    running: str
    """The subject, short enough for the running header."""
    drawn_up: str
    drawn_up_at: str
    """RFC 3339."""
    drawn_up_by: str
    organisation: str
    engine: str

    @property
    def heading(self) -> str:
        """The class of the first heading: a subject that would fill half a page is set smaller."""
        return "long" if len(self.subject) > _LONG_SUBJECT else "short"


@dataclass(frozen=True, slots=True)
class Exhibit:
    """Bytes that a statement rests on: their digest in full, the record that names them, where they lie."""

    what: str
    sha256: str
    source: str
    where: str


@dataclass(frozen=True, slots=True)
class Ledger:
    """The signed tree head that covers the evidence when the report is drawn up."""

    size: str
    root: str
    signed_at: str
    source: str
    uncovered: str
    """A sentence when entries were added after the newest signed head; empty otherwise."""


@dataclass(frozen=True, slots=True)
class Picture:
    """An image with its caption; the digest is its name in the vault."""

    name: str
    caption: str
    sha256: str
    missing: str
    uri: str = field(metadata=DRAWN)


def to_data(value: Any) -> Any:
    """The view as JSON-able data, without the drawings."""
    if is_dataclass(value) and not isinstance(value, type):
        return {
            entry.name: to_data(getattr(value, entry.name))
            for entry in fields(value)
            if not entry.metadata.get("drawn")
        }
    if isinstance(value, list | tuple):
        return [to_data(item) for item in value]
    if isinstance(value, dict):
        return {str(key): to_data(item) for key, item in value.items()}
    return value


@dataclass(frozen=True, slots=True)
class Grid:
    """A table whose columns are only known when the attack has run."""

    title: str
    note: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    style: str = field(default="", metadata=DRAWN)
    """A class of the style sheet, for the widths of its columns."""
