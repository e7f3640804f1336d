"""The open workspace that a command works in: settings, database, vault, key, clock and actor."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from govtool import db, runtime, settings
from govtool.errors import InputError, WorkError
from govtool.evidence import ledger
from govtool.evidence.note import Signer, load_signer
from govtool.evidence.vault import Vault
from govtool.evidence.witness import newest_heads, witness, witnessed


@dataclass(frozen=True)
class Workspace:
    resolved: settings.Resolved
    clock: runtime.Clock = runtime.system_clock

    @property
    def settings(self) -> settings.Settings:
        return self.resolved.settings

    @property
    def root(self) -> Path:
        return self.resolved.root

    @property
    def actor(self) -> str:
        return self.settings.actor

    @property
    def now(self) -> datetime:
        return self.clock()

    @cached_property
    def engine(self) -> sa.Engine:
        url = self.settings.database_url
        prefix = "sqlite:///"
        if url.startswith(prefix) and not url.startswith(prefix + "/"):
            url = prefix + str(self.root / url.removeprefix(prefix))
        if self._read_only_media:
            url = f"sqlite:///file:{self.database_file}?mode=ro&immutable=1&uri=true"
        return db.make_engine(url)

    @property
    def _read_only_media(self) -> bool:
        """Evidence is examined on read-only copies: SQLite then needs to be told, unless a journal still has to be merged."""
        file = self.database_file
        if file is None or not file.exists() or (os.access(file, os.W_OK) and os.access(file.parent, os.W_OK)):
            return False
        journal = file.with_name(file.name + "-wal")
        return not (journal.exists() and journal.stat().st_size)

    @property
    def database_file(self) -> Path | None:
        """The SQLite file; None for a database server."""
        prefix = "sqlite:///"
        url = self.settings.database_url
        return self.root / url.removeprefix(prefix) if url.startswith(prefix) else None

    @cached_property
    def vault(self) -> Vault:
        url = self.settings.vault_url
        return Vault(url if "://" in url else str(self.root / url))

    @cached_property
    def signer(self) -> Signer:
        return load_signer(self.resolved.path(self.settings.signing_key), self.settings.ledger_origin)

    @property
    def checkpoints(self) -> Path:
        """Where signed checkpoints are kept outside the database."""
        return self.root / "checkpoints.log"

    @property
    def policies(self) -> Path:
        return self.resolved.path(self.settings.policies)

    @property
    def cache(self) -> Path:
        """What can be made again: finished reference models. No evidence."""
        return self.resolved.path(self.settings.cache_dir)

    @contextmanager
    def read(self) -> Iterator[Session]:
        with db.session_scope(self.engine, read=True) as session:
            yield session

    @contextmanager
    def write(self, *, sign_unsigned: bool = False) -> Iterator[Session]:
        """One transaction that ends with a signed checkpoint over everything it recorded, or leaves nothing.

        It signs only what extends the newest checkpoint kept outside the database, and no entry that stood there
        unsigned before, unless a person said so with `sign_unsigned`.

        The checkpoint is kept outside the database too, after the commit: a crash in between leaves that file one
        behind, which is no error.
        """
        signer = self.signer  # a missing key stops the command before it writes anything
        with db.session_scope(self.engine) as session:
            yield session
            ledger.lock(session)  # before the file is read: what it holds then is committed and visible here
            kept = newest_heads(witnessed(self.checkpoints), signer.verifier)
            signed = ledger.checkpoint(session, signer, now=self.now, kept=kept, sign_unsigned=sign_unsigned)
        if signed is not None:
            witness(self.checkpoints, signed.note)


def open_workspace(start: Path | None = None) -> Workspace:
    """The workspace of the current folder.

    Raises:
        InputError: there is none, or its settings cannot be read.
        WorkError: its database is not at this version's schema.
    """
    root = settings.find_root(start or Path.cwd())
    workspace = Workspace(settings.resolve(root))
    file = workspace.database_file
    if file is not None and not file.exists():  # connecting would leave an empty one, which looks like a new beginning
        raise InputError(
            f"the database {file} is missing",
            hint="restore it from your backup; or, if nothing was recorded, govtool db upgrade",
        )
    try:
        revision = db.current_revision(workspace.engine)
    except sa.exc.OperationalError as error:
        raise WorkError(f"the database cannot be reached: {error.orig}") from error
    if revision != db.head_revision():
        if revision is None:
            raise InputError("the workspace has no database yet", hint="govtool init, or govtool db upgrade")
        raise WorkError(
            f"the database is at revision {revision}, this govtool needs {db.head_revision()}",
            hint="govtool db upgrade",
        )
    return workspace
