"""How fast a log becomes evidence: preserved and hashed, then parsed, fingerprinted and written as Parquet."""

import json
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from table import Row, show

from govtool import db
from govtool.evidence.schema import import_models
from govtool.evidence.vault import Vault
from govtool.incidents import ingest, service
from govtool.runtime import system_clock

LINES = 20_000
FEATURES, CLASSES = 64, 10


def write_log(path: Path) -> int:
    """A log as an Open Inference Protocol server writes it; returns its size in bytes."""
    draw = np.random.default_rng(1)
    start = datetime(2026, 3, 10, 9, tzinfo=UTC)
    with path.open("w") as stream:
        for number in range(LINES):
            features = draw.random(FEATURES).astype(np.float32).tolist()
            output = draw.dirichlet(np.ones(CLASSES)).tolist()
            line = {
                "ts": (start + timedelta(milliseconds=17 * number)).isoformat().replace("+00:00", "Z"),
                "request_id": f"r{number}",
                "principal": f"key:{number % 50:012x}",
                "source_ip": "127.0.0.1",
                "user_agent": "bench",
                "endpoint": "/v2/models/m/infer",
                "model_name": "m",
                "model_version": "1",
                "model_sha256": "0" * 64,
                "status": 200,
                "duration_ms": 1.0,
                "request": {
                    "inputs": [{"name": "features", "shape": [1, FEATURES], "datatype": "FP32", "data": features}]
                },
                "response": {
                    "outputs": [{"name": "probabilities", "shape": [1, CLASSES], "datatype": "FP64", "data": output}]
                },
            }
            stream.write(json.dumps(line, separators=(",", ":")) + "\n")
    return path.stat().st_size


def rows() -> Iterator[Row]:
    import_models()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        size = write_log(folder / "log.jsonl")
        engine = db.make_engine(f"sqlite:///{folder}/bench.db")
        db.upgrade(engine)
        vault, now = Vault(str(folder / "vault")), system_clock()
        with db.session_scope(engine) as session:
            incident = service.open_incident(
                session,
                title="bench",
                summary="",
                model_version=None,
                deployment=None,
                first_alert_at=None,
                now=now,
                by="bench",
            )
            started = time.perf_counter()
            item = ingest.preserve(
                session,
                vault,
                incident,
                folder / "log.jsonl",
                source_system="bench",
                authority="bench",
                now=now,
                by="bench",
            )
            preserved = time.perf_counter() - started
            started = time.perf_counter()
            found = ingest.parse(session, vault, item, now=now, by="bench")
            parsed = time.perf_counter() - started
        assert found.n_events == LINES
        engine.dispose()
    megabytes = size / 1e6
    note = f"{megabytes:.0f} MB, {LINES:,} lines, {size // LINES:,} bytes each"
    yield Row("ingest: preserve and hash", megabytes / preserved, "MB/s", note)
    yield Row("ingest: parse, fingerprint, Parquet", megabytes / parsed, "MB/s", note)


if __name__ == "__main__":
    show(rows())
