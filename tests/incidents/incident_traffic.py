"""Traffic for the tests of ingest and detection: ordinary clients, hard negatives, and planted campaigns.

Every generator takes a numpy Generator and yields calls; nothing in it knows the detectors' thresholds.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from govtool.incidents.events import schema

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
SECOND = 1_000_000
DAY = 24 * 3600
WIDTH = 6


@dataclass(frozen=True)
class Call:
    """One request: when (seconds after START), by whom, which inputs (names), answered how."""

    at: float
    who: str
    inputs: tuple[str, ...]
    output: str = "probabilities"


def ordinary(
    rng: np.random.Generator, who: str, members: int, *, own: Sequence[int] = (), visits: int = 20
) -> Iterator[Call]:
    """People at a desk: visits at random over ten days, a few dozen inputs at random times, now and then one's own record."""
    for day in rng.uniform(0, 10 * DAY, visits):
        at = float(day)
        for _ in range(1 + rng.poisson(15)):
            at += float(rng.exponential(25))
            resubmits = len(own) and rng.random() < 0.04
            name = f"t{rng.choice(own)}" if resubmits else f"x{rng.integers(1 << 40)}"
            yield Call(at, who, (name,))


def monitor(rng: np.random.Generator, who: str, records: int = 25) -> Iterator[Call]:
    """A health check that replays the same training records every night at an even pace."""
    for night in range(30):
        for i in range(records):
            yield Call(night * DAY + 3600 + 5 * i + float(rng.normal(0, 0.05)), who, (f"t{i}",), "label")


def busy(rng: np.random.Generator, who: str) -> Iterator[Call]:
    """A customer with twenty times the usual traffic, made by people."""
    yield from ordinary(rng, who, 0, visits=400)


def nightly_batch(rng: np.random.Generator, who: str) -> Iterator[Call]:
    """New cases of the day, scored by a job at an even pace: the shape of a sweep without its records."""
    for night in range(5):
        for i in range(80):
            yield Call(night * DAY + 7200 + 2 * i + float(rng.normal(0, 0.1)), who, (f"b{rng.integers(1 << 40)}",))


def campaign(
    rng: np.random.Generator, who: str, members: int, *, size: int = 400, share: float = 0.5
) -> Iterator[Call]:
    """Membership inference: candidate records, `share` of them from the training data, one after the other by script."""
    at = float(rng.uniform(0, 9 * DAY))
    known = rng.permutation(members)[: round(size * share)]
    names = [f"t{i}" for i in known] + [f"c{rng.integers(1 << 40)}" for _ in range(size - len(known))]
    for name in rng.permutation(names):
        at += 0.4 + float(rng.exponential(0.05))
        yield Call(at, who, (str(name),))


def clean(rng: np.random.Generator, clients: int = 12, members: int = 1000) -> list[Call]:
    """A fortnight without a campaign: clients, one monitor, one busy customer, one nightly batch."""
    calls = [
        call for n in range(clients) for call in ordinary(rng, f"client{n}", members, own=rng.integers(0, members, 8))
    ]
    return [*calls, *monitor(rng, "monitor"), *busy(rng, "busy"), *nightly_batch(rng, "batch")]


def parquet(path: Path, calls: Iterable[Call], *, model: str = "ab" * 32) -> Path:
    """The calls as the file of canonical events that ingest would write; input names stand for their fingerprints."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    ordered = sorted(calls, key=lambda call: call.at)
    size = len(ordered)
    columns: dict[str, Any] = {name: [None] * size for name in schema().names}
    for name, value in {
        "original_sha256": "0" * 64,
        "byte_len": 99,
        "model_sha256": model,
        "model_name": "triage",
        "status": 200,
    }.items():
        columns[name] = [value] * size
    columns |= {"line_no": list(range(1, size + 1)), "byte_off": [100 * number for number in range(size)]}
    columns["ts_us"] = [round((START.timestamp() + call.at) * SECOND) for call in ordered]
    columns["principal"] = [call.who for call in ordered]
    columns["fingerprints"] = [list(call.inputs) for call in ordered]
    columns["n_inputs"] = [len(call.inputs) for call in ordered]
    columns["output_kind"] = [call.output for call in ordered]
    pq.write_table(pa.table(columns, schema=schema()), path)
    return path


def training(members: int = 1000) -> np.ndarray:
    """(members, WIDTH) float32: record i is what the name t{i} stands for in a log."""
    return np.random.default_rng(7).normal(size=(members, WIDTH)).astype(np.float32)


def line(call: Call, records: np.ndarray, *, number: int, model: str = "ab" * 32) -> dict[str, Any]:
    """The call as our server logs it; output 'none' is a refused request."""
    rows = [_row(name, records) for name in call.inputs]
    shape = [len(rows), WIDTH]
    outputs = [{"name": "label", "shape": [len(rows)], "datatype": "INT64", "data": [0] * len(rows)}]
    if call.output == "probabilities":
        answers = {
            "name": "probabilities",
            "shape": [len(rows), 2],
            "datatype": "FP64",
            "data": [0.25, 0.75] * len(rows),
        }
        outputs.insert(0, answers)
    refused = call.output == "none"
    return {
        "ts": (START + timedelta(seconds=call.at)).isoformat(),
        "request_id": f"r{number}",
        "principal": call.who,
        "source_ip": "203.0.113.7",
        "user_agent": "python-httpx/0.28",
        "endpoint": "/v2/models/triage/infer",
        "model_name": "triage",
        "model_version": "1",
        "model_sha256": model,
        "status": 403 if refused else 200,
        "duration_ms": 3.1,
        "request": {
            "inputs": [
                {
                    "name": "features",
                    "shape": shape,
                    "datatype": "FP32",
                    "data": [value for row in rows for value in row],
                }
            ]
        },
        "response": {"error": "forbidden"} if refused else {"outputs": outputs},
    }


def write_log(path: Path, calls: Iterable[Call], records: np.ndarray, *, model: str = "ab" * 32) -> Path:
    ordered = sorted(calls, key=lambda call: call.at)
    lines = [json.dumps(line(call, records, number=number, model=model)) for number, call in enumerate(ordered)]
    path.write_text("\n".join(lines) + "\n")
    return path


def _row(name: str, records: np.ndarray) -> list[float]:
    if name.startswith("t"):
        return [float(value) for value in records[int(name[1:])]]
    return [float(value) for value in np.random.default_rng(int(name[1:])).normal(size=WIDTH).astype(np.float32)]
