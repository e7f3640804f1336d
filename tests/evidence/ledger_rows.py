"""Rows for ledger tests, and the worker that child processes run: ``python ledger_rows.py MODE URL FOLDER NAME COUNT``."""

import multiprocessing
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from govtool import db
from govtool.evidence import custody, ledger
from govtool.evidence.models import EvidenceItem
from govtool.evidence.note import load_signer
from govtool.evidence.schema import import_models
from govtool.evidence.vault import Vault
from govtool.evidence.witness import witness
from govtool.registry.models import Model
from govtool.runtime import new_id

START = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)


def add_model(session: Session, name: str, now: datetime = START) -> Model:
    row = Model(id=new_id("mod"), name=name, description="", owner="Cardiology", purpose="sort referrals")
    return ledger.record(session, row, now=now, by="tester")


def add_exhibit(
    session: Session, vault: Vault, now: datetime = START, content: bytes = b"line 1\nline 2\n"
) -> EvidenceItem:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "server.log"
        path.write_bytes(content)
        return custody.acquire(
            session,
            vault,
            path,
            case_id="inc-0001",
            description="inference log of the triage server",
            source_system="triage server",
            source_locator="/var/log/triage/server.log",
            authority="ticket SEC-12",
            completeness="unknown before 2026-03-01",
            now=now,
            by="responder",
        )


def unprotect(session: Session, table: str) -> None:
    """What an administrator of the database can do and a trigger cannot stop."""
    if session.get_bind().dialect.name == "sqlite":
        for verb in ("update", "delete"):
            session.execute(sa.text(f"DROP TRIGGER {table}_no_{verb}"))
    else:
        session.execute(sa.text(f"DROP TRIGGER {table}_no_change ON {table}"))


def append_at_once(url: str, _folder: str, writers: str, each: int) -> None:
    """Fork after the imports, which cost more than the work, and while there is one thread only."""
    context = multiprocessing.get_context("fork")
    children = [context.Process(target=append_many, args=(url, f"w{number}", each)) for number in range(int(writers))]
    for child in children:
        child.start()
    for child in children:
        child.join()
    sys.exit(any(child.exitcode for child in children))


def append_many(url: str, name: str, count: int) -> None:
    engine = db.make_engine(url)
    for number in range(count):
        with db.session_scope(engine) as session:
            add_model(session, f"{name}-{number}")
    engine.dispose()


def work_until_killed(url: str, folder: str, name: str, count: int) -> None:
    """Store bytes, record them, sign, say so: until someone kills this process."""
    engine, vault = db.make_engine(url), Vault(f"{folder}/vault")
    signer = load_signer(Path(folder) / "keys" / "signing.pem", "govtool.test/ledger")
    with engine.connect():
        sys.stdout.write("ready\n")
        sys.stdout.flush()
    for number in range(count):
        with db.session_scope(engine) as session:
            item = add_exhibit(session, vault, content=f"{name} {number}\n".encode() * 2000)
            note = ledger.checkpoint(session, signer, now=START)
        sys.stdout.write(f"{item.id}\n")
        sys.stdout.flush()
        assert note is not None
        witness(Path(folder) / "checkpoints.log", note.note)


if __name__ == "__main__":
    import_models()
    mode, url, folder, name, count = sys.argv[1:]
    {"append": append_at_once, "work": work_until_killed}[mode](url, folder, name, int(count))
