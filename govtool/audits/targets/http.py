"""A model behind HTTP, asked in the Open Inference Protocol (KServe v2)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

import numpy as np
from numpy.typing import NDArray

from govtool import runtime
from govtool.access import Access, reachable
from govtool.attacks.interface import Features, FloatArray, Labels
from govtool.audits.targets import base, memo
from govtool.audits.targets.memo import Memo
from govtool.audits.targets.pacing import USUAL, Limits, Pacer
from govtool.errors import InputError, MissingExtraError, WorkError

_RETRY_STATUS = frozenset({429, 502, 503, 504})
_MOST_BYTES = 256 << 20
_SOFT = {"probabilities": Access.PROBABILITIES, "logits": Access.LOGITS}


@dataclass
class HttpTarget:
    """Counts what it asks: the number of queries is part of what an attack costs. No record is sent twice in one run, but
    for retries; an answer that changes from one time to the next is seen by the probe and not by the attacks.
    """

    url: str
    model: str
    key: str | None = field(default=None, repr=False)
    limits: Limits = USUAL
    pacer: Pacer = field(default=None, repr=False)  # type: ignore[assignment]
    """Default: one for these limits."""
    access: frozenset[Access] = frozenset()
    n_classes: int = 0
    queries: int = 0
    """Records asked about, retries included, whether the server was asked or its answer was remembered."""
    sent: int = 0
    """Records that went over the wire, retries included."""
    requests: int = 0
    retries: int = 0
    remembered: Memo = field(default_factory=Memo, repr=False)
    _client: Any = field(default=None, repr=False)

    def __post_init__(self) -> None:
        try:
            import httpx
        except ModuleNotFoundError as error:
            raise MissingExtraError("attacks", "asking a model over HTTP") from error
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InputError(f"not a http address: {self.url!r}")
        if parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
            what = "the training records and the API key" if self.key else "the training records"
            raise InputError(f"{what} would travel unencrypted to {parts.hostname}", hint="use https://")
        self.pacer = self.pacer or Pacer(self.limits)
        # Uncompressed, so that the bytes counted against the limit are the bytes that are kept.
        headers = {"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {self.key}"} if self.key else {})
        # No redirects: the key and the records are meant for this server and no other. No proxies from the environment.
        self._client = httpx.Client(
            headers=headers, timeout=self.limits.timeout_s, follow_redirects=False, trust_env=False
        )

    def close(self) -> None:
        self._client.close()

    def log_probabilities(self, features: Features) -> FloatArray:
        found = self.outputs(features)
        if "logits" not in found and "probabilities" not in found:
            raise WorkError("the endpoint answers with labels only")
        return _log_probabilities(found)

    def labels(self, features: Features) -> Labels:
        return _labels(self.outputs(features))

    def module(self) -> Any:
        raise WorkError("an endpoint does not expose the weights")

    def look(self, features: Features) -> dict[str, NDArray[Any]]:
        """Ask once and take from the answer what this endpoint exposes and how many classes it has."""
        found = self.outputs(features)
        soft = [name for name in _SOFT if name in found]
        self.access = reachable(frozenset([_SOFT[name] for name in soft] or [Access.LABELS]))
        self.n_classes = found[soft[0]].shape[1] if soft else 0
        return found

    def counted(self) -> dict[str, int]:
        """What was asked so far: records, records that went over the wire, and requests that had to be repeated."""
        return {"queries": self.queries, "queries_sent": self.sent, "requests_repeated": self.retries}

    def forget(self) -> None:
        """Ask the server again about everything."""
        self.remembered.clear()

    def outputs(self, features: Features) -> dict[str, NDArray[Any]]:
        """The named outputs for these records: probabilities or logits (n, classes), label (n,).

        Raises:
            WorkError: unreachable, an error status, too slow, or an answer that is not the protocol's.
        """
        self.queries += len(features)
        keys = memo.keys(features)
        rows = {key: row for key in keys if (row := self.remembered.get(key)) is not None}
        unknown = list({key: i for i, key in enumerate(keys) if key not in rows}.values())
        for some in (unknown[i : i + self.limits.batch] for i in range(0, len(unknown), self.limits.batch)):
            found = self._ask(features[some])
            for place, i in enumerate(some):
                rows[keys[i]] = {name: value[place] for name, value in found.items()}
                self.remembered.put(keys[i], rows[keys[i]])
        names = set.intersection(*(set(row) for row in rows.values())) if rows else set()
        try:
            return {name: np.stack([rows[key][name] for key in keys]) for name in sorted(names)}
        except ValueError as error:
            raise WorkError(f"{self.url}: the number of classes changes from answer to answer") from error

    def _ask(self, features: Features) -> dict[str, NDArray[Any]]:
        tensor = {
            "name": "features",
            "shape": list(features.shape),
            "datatype": "FP32",
            "data": features.ravel().tolist(),
        }
        path = f"{self.url.rstrip('/')}/v2/models/{_segment(self.model)}/infer"
        answer = self._post(path, {"inputs": [tensor]}, len(features))
        try:
            found = {item["name"]: _tensor(item, len(features)) for item in answer["outputs"]}
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise WorkError(
                f"{path}: the answer is not an Open Inference Protocol response ({type(error).__name__})"
            ) from error
        known = {name: value for name, value in found.items() if name in (*_SOFT, "label")}
        if not known:
            raise WorkError(f"{path}: no output named probabilities, logits or label")
        return known

    def _post(self, path: str, body: Any, count: int) -> Any:
        reason = ""
        for attempt in range(1 + self.limits.retries):
            self.pacer.turn()
            self.requests += 1
            self.sent += count
            if attempt:
                self.retries += 1
                self.queries += count
            began = runtime.monotonic()
            answer, reason, headers = self._try(path, body, began)
            self.pacer.spent_s += runtime.monotonic() - began
            if not reason:
                return answer
            if attempt < self.limits.retries:
                self.pacer.back_off(attempt + 1, headers)
        raise WorkError(
            f"{path} {reason}, {1 + self.limits.retries} times in a row, after {self.requests} requests about "
            f"{self.sent} records",
            hint="is the server up, and is the address right? target: {retries: 5, rate: 2/s} asks more patiently",
        )

    def _try(self, path: str, body: Any, began: float) -> tuple[Any, str, Mapping[str, Any]]:
        """(answer, why it is worth another try, headers); no reason means that the answer is there."""
        import httpx

        try:
            with self._client.stream("POST", path, json=body) as response:
                if response.status_code in _RETRY_STATUS:
                    return None, f"answers with status {response.status_code}", response.headers
                return _body(path, response, began + self.limits.timeout_s), "", {}
        except _SlowError:
            return None, f"does not answer within {self.limits.timeout_s:g} s", {}
        except httpx.TimeoutException as error:
            return None, f"does not answer within {self.limits.timeout_s:g} s ({type(error).__name__})", {}
        except (httpx.NetworkError, httpx.RemoteProtocolError) as error:
            return None, f"cannot be reached ({type(error).__name__})", {}
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise WorkError(f"{path}: {type(error).__name__}") from error


class _SlowError(Exception):
    """Something comes, but the whole answer does not come in time."""


def _segment(model: str) -> str:
    """The model's name as one segment of a path: nothing in it may lead elsewhere on that server.

    Raises:
        InputError: '.' and '..', which no escaping keeps from being resolved.
    """
    if model in (".", ".."):
        raise InputError(f"{model!r} is no name of a model")
    return quote(model, safe="")


def _body(path: str, response: Any, until: float) -> Any:
    if response.status_code != 200:  # noqa: PLR2004
        hint = "check api_key_env" if response.status_code in (401, 403) else "check the model's name on that server"
        raise WorkError(f"{path} answers with status {response.status_code}", hint=hint)
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise WorkError(f"{path}: the answer is compressed, which was not asked for")
    content = bytearray()
    for chunk in response.iter_raw():
        content += chunk
        if runtime.monotonic() > until:
            raise _SlowError
        if len(content) > _MOST_BYTES:
            raise WorkError(f"{path}: the answer is larger than {_MOST_BYTES >> 20} MiB")
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise WorkError(f"{path}: the answer is not JSON") from error


def _tensor(item: Any, rows: int) -> NDArray[Any]:
    """One output as an array with `rows` rows of finite numbers; unknown outputs of any kind pass through unread."""
    if item["name"] not in (*_SOFT, "label"):
        return np.zeros(0)
    values = np.array(item["data"], dtype=np.float64).reshape(item["shape"])
    wanted = 1 if item["name"] == "label" else 2
    if values.ndim != wanted or len(values) != rows or not np.isfinite(values).all():
        raise ValueError("shape")
    return values


def _log_probabilities(found: dict[str, NDArray[Any]]) -> FloatArray:
    if "logits" in found:
        return base.log_softmax(found["logits"])
    values = found["probabilities"]
    if values.min() < 0:
        raise WorkError("the endpoint answers with negative probabilities")
    return np.minimum(base.log_of_probabilities(values), 0.0)  # rounding may lift a certainty a hair above 1


def _labels(found: dict[str, NDArray[Any]]) -> Labels:
    if "label" in found:
        return found["label"].astype(np.int64)
    return np.asarray(next(iter(found.values())).argmax(axis=1), dtype=np.int64)
