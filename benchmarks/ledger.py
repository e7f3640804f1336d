"""How fast the ledger is: records appended, entries verified, one entry proven, bytes hashed.

    python benchmarks/ledger.py [--entries 5000] [--url postgresql+psycopg://...]

Each figure is the median of three runs where a run is short, one run where it is long; the machine's load is not removed.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from table import Row, show

from govtool import db
from govtool.evidence import ledger, proof
from govtool.evidence.note import Signer, generate_key, load_signer
from govtool.evidence.schema import import_models
from govtool.evidence.vault import Vault
from govtool.evidence.verify import verify
from govtool.registry.models import Model
from govtool.runtime import new_id

NOW = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
COMMITS = 100
BLOB = 256 << 20


def add(session: object, number: int) -> None:
    row = Model(
        id=new_id("mod"), name=f"model-{number}", description="d" * 80, owner="Cardiology", purpose="sort referrals"
    )
    ledger.record(session, row, now=NOW, by="bench")  # type: ignore[arg-type]


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measure(engine: sa.Engine, folder: Path, signer: Signer, entries: int) -> list[Row]:
    vault = Vault(str(folder / "vault"))

    def one_command_each() -> None:
        for number in range(COMMITS):
            with db.session_scope(engine) as session:
                add(session, number)
                ledger.checkpoint(session, signer, now=NOW)

    def one_transaction() -> None:
        with db.session_scope(engine) as session:
            for number in range(COMMITS, entries):
                add(session, number)
                if number % 1000 == 0:
                    session.expunge_all()
            ledger.checkpoint(session, signer, now=NOW)

    def whole() -> None:
        with db.session_scope(engine, read=True) as session:
            result = verify(session, vault, signer.verifier)
        assert result.ok, result.problems[:3]
        assert result.leaves == entries

    def one_proof() -> None:
        with db.session_scope(engine, read=True) as session:
            proof.verify_proof(proof.make_proof(session, entries // 3), signer.verifier)

    appended = COMMITS / seconds(one_command_each)
    rows = [
        Row("append, one commit and checkpoint each", appended, "records/s", engine.dialect.name),
        Row(
            "append, one transaction", (entries - COMMITS) / seconds(one_transaction), "records/s", engine.dialect.name
        ),
        Row(f"verify {entries:,} entries", entries / seconds(whole), "entries/s", engine.dialect.name),
        Row("make and check one proof", statistics.median(seconds(one_proof) for _ in range(3)) * 1000, "ms"),
    ]
    (folder / "big").write_bytes(os.urandom(1 << 20) * (BLOB >> 20))
    store = seconds(lambda: vault.put_file(folder / "big"))
    check = seconds(lambda: [vault.state(name) for name in vault.digests()])
    rows.append(Row(f"store {BLOB >> 20} MiB in the vault", BLOB / store / 1e6, "MB/s"))
    rows.append(Row(f"hash {BLOB >> 20} MiB in the vault", BLOB / check / 1e6, "MB/s"))
    return rows


def rows(entries: int = 5000, url: str | None = None) -> list[Row]:
    import_models()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        generate_key(folder / "key.pem")
        engine = db.make_engine(url or f"sqlite:///{folder}/bench.db")
        db.upgrade(engine)
        try:
            return measure(engine, folder, load_signer(folder / "key.pem", "bench.local/ledger"), entries)
        finally:
            engine.dispose()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=5000)
    parser.add_argument("--url", help="an empty database; default: a new SQLite file")
    arguments = parser.parse_args()
    show(rows(arguments.entries, arguments.url))
