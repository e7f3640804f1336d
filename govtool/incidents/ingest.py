"""From a log file to evidence: first the original bytes, then what can be read in them.

Preserving and parsing are two steps with a commit between, so that nothing that happens while parsing can lose the
original. A line that cannot be read is data: counted, located and stored with its reason, never an error.
"""

import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, cast

from sqlalchemy.orm import Session

from govtool import __version__
from govtool.digest import Sha256, canonical_json
from govtool.errors import InputError, MissingExtraError
from govtool.evidence import custody, ledger
from govtool.evidence.models import EvidenceItem
from govtool.evidence.vault import Vault
from govtool.incidents.coverage import Coverage
from govtool.incidents.events import Writer
from govtool.incidents.formats.interface import Keyed, LogFormat, UnreadableError, from_us, instant, keyed_by
from govtool.incidents.lines import LONGEST, Line, Source, cut
from govtool.incidents.models import Incident, LogIngest
from govtool.runtime import new_id

_BOM = b"\xef\xbb\xbf"
_SNIFFED_OBJECTS = 100
_SNIFFED_LINES = 10_000
_SPOOL = 8 << 20
_LONGEST_CHECKED = 200_000
"""Bytes of a line that is checked for repeated keys; the check is far slower than reading."""


@dataclass(frozen=True)
class Parsed:
    """What reading a log gave: counts obey n_lines == n_events + n_unreadable + n_blank."""

    format: str
    events_sha256: Sha256
    unreadable_sha256: Sha256
    n_lines: int
    n_events: int
    n_unreadable: int
    n_blank: int
    first_event_at: datetime | None
    last_event_at: datetime | None
    coverage: dict[str, Any]


def preserve(
    session: Session,
    vault: Vault,
    incident: Incident,
    path: Path,
    *,
    source_system: str,
    authority: str,
    now: datetime,
    by: str,
) -> EvidenceItem:
    """Take the log into custody for the incident. The same bytes again are a new exhibit of one blob.

    Raises:
        InputError: absent, not a regular file, or a symbolic link; no source system or no authority was named.
        WorkError: the vault cannot be written.
    """
    return custody.acquire(
        session,
        vault,
        path,
        case_id=incident.id,
        description="inference log",
        source_system=source_system,
        source_locator=_printable(str(path.absolute())),
        authority=authority,
        completeness="unchanged since ingest; whether the logger wrote everything is not known",
        now=now,
        by=by,
    )


def parse(
    session: Session, vault: Vault, item: EvidenceItem, *, format_name: str | None = None, now: datetime, by: str
) -> LogIngest:
    """Read a preserved log and record what was in it.

    Raises:
        InputError: unknown format name, or no line that any known format recognises.
        EvidenceError: the preserved bytes are missing or altered.
        MissingExtraError: the 'logs' extra is not installed.
    """
    parsed = read_log(vault, item.sha256, case=item.case_id or item.id, format_name=format_name, now=now)
    return record(session, item, parsed, now=now, by=by)


def ingest_log(
    session: Session,
    vault: Vault,
    incident: Incident,
    path: Path,
    *,
    format_name: str | None = None,
    source_system: str,
    authority: str,
    now: datetime,
    by: str,
) -> LogIngest:
    """Preserve and parse in the caller's one transaction. The command line commits between the two instead."""
    item = preserve(session, vault, incident, path, source_system=source_system, authority=authority, now=now, by=by)
    return parse(session, vault, item, format_name=format_name, now=now, by=by)


def record(session: Session, item: EvidenceItem, parsed: Parsed, *, now: datetime, by: str) -> LogIngest:
    """Record what reading gave, and that working files were derived from the exhibit."""
    row = LogIngest(
        id=new_id("ing"),
        incident_id=item.case_id,
        item_id=item.id,
        original_sha256=item.sha256,
        **{name: getattr(parsed, name) for name in Parsed.__dataclass_fields__},
    )
    ledger.record(session, row, now=now, by=by)
    custody.derive(
        session,
        item,
        purpose=f"read as {parsed.format}",
        produced_sha256=parsed.events_sha256,
        detail={"ingest": row.id, "unreadable_sha256": parsed.unreadable_sha256, "tool": f"govtool {__version__}"},
        now=now,
        by=by,
    )
    return row


def read_log(
    vault: Vault, original: Sha256, *, case: str, format_name: str | None, now: datetime, longest: int = LONGEST
) -> Parsed:
    """Read a preserved log in one pass; writes the events and the list of unreadable lines to the vault. No database.

    Memory: one line of at most `longest` bytes, one batch of events, and eight bytes per event.

    Raises:
        InputError: unknown format name, or no line that any known format recognises.
    """
    reader = _reader(vault, original, format_name, longest)
    now_us = instant(now.isoformat())[0]
    with (
        vault.open(original) as stream,
        tempfile.TemporaryFile() as events_file,
        tempfile.SpooledTemporaryFile(_SPOOL) as bad_file,
    ):
        source, coverage, keyed = Source(stream), Coverage(), keyed_by(case)
        with Writer(cast("BinaryIO", events_file), original) as writer:
            for line in cut(source.pieces(), longest):
                _read_line(line, reader, keyed, writer, coverage, cast("BinaryIO", bad_file))
        events_file.seek(0)
        bad_file.seek(0)
        events = vault.put_stream(cast("BinaryIO", events_file))
        bad = vault.put_stream(cast("BinaryIO", bad_file))
    span = coverage.span
    return Parsed(
        format=reader.name,
        events_sha256=events.sha256,
        unreadable_sha256=bad.sha256,
        n_lines=coverage.n_lines,
        n_events=coverage.n_events,
        n_unreadable=coverage.n_unreadable,
        n_blank=coverage.n_blank,
        first_event_at=from_us(span[0]) if span else None,
        last_event_at=from_us(span[1]) if span else None,
        coverage=coverage.statement(compression=source.compression, problem=source.problem, now_us=now_us),
    )


def _read_line(line: Line, reader: LogFormat, keyed: Keyed, writer: Writer, coverage: Coverage, bad: BinaryIO) -> None:
    if line.data is not None and not line.data.strip():
        coverage.n_blank += 1
        return
    try:
        event = reader.event(_object(line), keyed)
    except UnreadableError as error:
        reason = str(error)
    except Exception as error:  # noqa: BLE001 - one line of many: whatever a hostile line provokes is stored as data
        reason = f"the {reader.name} reader failed on it ({type(error).__name__})"
    else:
        repeated = _repeats(line.data or b"", reader.identity)
        writer.add(line.number, line.offset, line.length, event, duplicate_keys=repeated)
        coverage.event(line.number, event, duplicate_keys=repeated)
        return
    coverage.unreadable(reason)
    place = {"line": line.number, "offset": line.offset, "length": line.length, "reason": reason}
    bad.write(canonical_json(place) + b"\n")


def _object(line: Line) -> dict[str, Any]:
    """The line's JSON object."""
    import orjson

    if line.data is None:
        raise UnreadableError(f"longer than {LONGEST >> 20} MiB")
    data = line.data.removeprefix(_BOM) if line.number == 1 else line.data
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise UnreadableError(f"not JSON: {error.msg}: line 1 column {error.colno}") from None
    if not isinstance(value, dict):
        raise UnreadableError("not a JSON object")
    return value


def _repeats(data: bytes, identity: tuple[bytes, ...]) -> bool:
    """Whether an object in the line has one key twice: parsers disagree on which value counts (RFC 8259, section 4).

    The byte count is a cheap sieve; only lines it stops are parsed again by a reader that sees every pair.
    """
    for key in identity:
        first = data.find(key)
        if first >= 0 and data.find(key, first + 1) >= 0:
            break
    else:
        return False
    if len(data) > _LONGEST_CHECKED:
        return False
    import json

    found = False

    def see(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal found
        found = found or len({key for key, _ in pairs}) != len(pairs)
        return dict(pairs)

    try:
        json.loads(data, object_pairs_hook=see)
    except (ValueError, RecursionError):
        return found
    return found


def _reader(vault: Vault, original: Sha256, format_name: str | None, longest: int) -> LogFormat:
    """The named format, or the one that recognises most of the first objects."""
    try:
        import orjson  # noqa: F401 - to say which extra is missing before anything is read
        import pyarrow as pa  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtraError("logs", "reading inference logs") from error
    from govtool.incidents.formats.catalog import FORMATS

    if format_name is not None:
        if format_name not in FORMATS:
            raise InputError(f"unknown log format {format_name!r}", hint=f"known: {', '.join(FORMATS)}")
        return FORMATS[format_name]
    votes = dict.fromkeys(FORMATS, 0)
    objects = 0
    with vault.open(original) as stream:
        for line in cut(Source(stream).pieces(), longest):
            if objects >= _SNIFFED_OBJECTS or line.number > _SNIFFED_LINES:
                break
            try:
                value = _object(line)
            except UnreadableError:
                continue
            objects += 1
            for name, known in FORMATS.items():
                votes[name] += known.recognises(value)
    best = max(votes, key=lambda name: votes[name])
    if not votes[best]:
        what = "no known log format recognises it" if objects else "no line of it is a JSON object"
        raise InputError(
            f"the log cannot be read: {what}", hint=f"the original is kept; say --format, known: {', '.join(FORMATS)}"
        )
    return FORMATS[best]


def _printable(name: str) -> str:
    """A file name as text; bytes that are not UTF-8 become visible escapes."""
    import os

    return os.fsencode(name).decode("utf-8", "backslashreplace")
