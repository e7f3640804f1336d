"""Who talks to the demo's server: ordinary clients with their own handwriting, and one credential that probes membership."""

import contextlib
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from govtool.attacks.interface import AttackData, Records
from govtool.cli.demo.train import Part
from govtool.estimate import Estimate
from govtool.runtime import rng

ORDINARY = 8
PEN_NOISE = 0.03
LONGEST_PAUSE_S = 0.04
RETRIES = 0.1


@dataclass(frozen=True)
class Probe:
    """What the probing credential achieved through the endpoint."""

    queries: int
    auc: Estimate


def infer(client: Any, model: str, features: NDArray[np.float32]) -> None:
    """One Open Inference Protocol v2 request."""
    tensor = {"name": "features", "shape": list(features.shape), "datatype": "FP32", "data": features.ravel().tolist()}
    client.post(f"/v2/models/{model}/infer", json={"inputs": [tensor]}).raise_for_status()


def use_normally(url: str, model: str, key: str, own: NDArray[np.float32], seed: int) -> int:
    """One client's working day: its own records, one or a few at a time, at a person's uneven pace. Some come twice."""
    import httpx

    draw = rng(seed, f"client-{key}")
    pause = threading.Event()
    sent = 0
    with httpx.Client(
        base_url=url, headers={"Authorization": f"Bearer {key}", "User-Agent": "ward-app/3.1"}, timeout=10
    ) as client:
        while sent < len(own):
            batch = own[sent : sent + int(draw.integers(1, 4))]
            scan = np.clip(batch + draw.normal(0, PEN_NOISE, batch.shape), 0, 1).astype(np.float32)
            for _ in range(2 if draw.random() < RETRIES else 1):
                infer(client, model, scan)
            sent += len(batch)
            pause.wait(float(draw.uniform(0, LONGEST_PAUSE_S)))
    return sent


def probe_membership(url: str, model: str, key: str, candidates: Mapping[str, Part], seed: int) -> Probe:
    """The LOSS-threshold attack (Yeom et al. 2018) through the endpoint: one query per candidate person's record.

    The attacker holds candidate records with labels and does not know which were trained on; the AUC is computed here,
    where the truth is known, to say how well the real attack did.
    """
    from govtool.attacks.catalog import ATTACKS
    from govtool.attacks.interface import AttackResult
    from govtool.audits.targets.http import HttpTarget
    from govtool.audits.targets.pacing import Limits

    def records(name: str) -> Records:
        return Records(candidates[name].features, candidates[name].labels)

    data = AttackData(records("members"), records("nonmembers"), records("population"))
    with contextlib.closing(HttpTarget(url, model, key=key, limits=Limits(batch=1))) as target:
        target.look(data.members.features[:1])
        result = ATTACKS["loss_threshold"].run(target, data, {}, rng(seed, "probe"))
    if not isinstance(result, AttackResult):
        raise RuntimeError(f"the probe could not run: {result.reason}")  # noqa: TRY004 - a failed demo, not a type error
    return Probe(target.sent, result.metrics["auc"])


def busy_day(
    url: str, model: str, keys: Sequence[str], prober: str, own: Part, candidates: Mapping[str, Part], seed: int
) -> Probe:
    """Ordinary clients and the prober at the same time."""
    shares = np.array_split(own.features, len(keys))
    with ThreadPoolExecutor(len(keys) + 1) as pool:
        clients = [
            pool.submit(use_normally, url, model, key, share, seed) for key, share in zip(keys, shares, strict=True)
        ]
        probe = pool.submit(probe_membership, url, model, prober, candidates, seed)
        for client in clients:
            client.result()
        return probe.result()
