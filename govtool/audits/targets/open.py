"""From a registered model version to something that can be attacked, offering what its deployment exposes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from govtool import runtime
from govtool.access import Access, reachable
from govtool.attacks.interface import Target
from govtool.audits.targets import base, scores, sklearn_target, torch_target
from govtool.audits.targets.http import HttpTarget
from govtool.audits.targets.native import target as native
from govtool.audits.targets.pacing import USUAL, Limits, Pacer
from govtool.audits.targets.scores import Scores
from govtool.errors import InputError, WorkError
from govtool.evidence.vault import Vault
from govtool.registry.models import ModelVersion

KEY_PREFIX = "GOVTOOL_"
"""An endpoint is sent no environment variable of another name, however a spec asks for it."""

ALL = reachable(frozenset({Access.WEIGHTS}))


@dataclass(frozen=True)
class Endpoint:
    """Where to ask instead of opening the artifact."""

    url: str
    model: str
    api_key_env: str | None
    limits: Limits = USUAL
    seed: int = 0
    """Of the pauses between tries."""


@dataclass(frozen=True)
class Opened:
    """A target and what must be said about it."""

    target: Target
    caveats: tuple[str, ...] = ()
    scores: Scores | None = None
    http: HttpTarget | None = None
    scale: float | None = None
    """Of a regression: what its residuals are measured by."""
    closing: Callable[[], None] = lambda: None
    """Ends the connection or process behind the target."""


def open_target(
    version: ModelVersion,
    vault: Vault,
    *,
    exposed: frozenset[Access],
    inputs: int,
    endpoint: Endpoint | None,
    environ: Mapping[str, str],
    trust_pickle: str | None,
) -> Opened:
    """Open it. `inputs` is the number of features of one record; `exposed` what an outsider may see.

    Raises:
        WorkError: it does not load or does not answer.
        UntrustedArtifactError: loading it could run code.
        EvidenceError: the artifact's bytes are missing or changed.
    """
    if endpoint is not None:
        pacer = Pacer(endpoint.limits, runtime.rng(endpoint.seed, "http-backoff"))
        key = _key(endpoint.api_key_env, environ)
        http = HttpTarget(endpoint.url, endpoint.model, key, endpoint.limits, pacer)
        return Opened(
            http,
            (f"Asked over HTTP at {endpoint.url}; nothing shows that the server runs the registered weights.",),
            http=http,
            closing=http.close,
        )
    if version.artifact_sha256 is None:
        raise WorkError(f"{version.ref} has neither an artifact nor an endpoint to open")
    data = vault.read(version.artifact_sha256)
    match version.artifact_format:
        case "safetensors":
            target: Target = torch_target.open_safetensors(data, version.factory or "", version.factory_params, inputs)
            return Opened(base.Exposed(target, exposed & target.access))
        case "skops":
            target = sklearn_target.open_skops(data, inputs)
            return Opened(base.Exposed(target, exposed & target.access), sklearn_target.caveats(target))
        case "pickle":
            target = sklearn_target.open_pickle(data, version.artifact_sha256, trust_pickle, inputs)
            return Opened(base.Exposed(target, exposed & target.access), sklearn_target.caveats(target))
        case "onnx" | "xgboost" | "lightgbm":
            boxed = native.open_boxed(data, version.artifact_format, inputs)
            return Opened(
                base.Exposed(boxed, exposed & boxed.access),
                (*boxed.box.caveats, native.NO_GRADIENTS),
                closing=boxed.box.close,
            )
        case "scores":
            found = scores.open_scores(data, version.artifact_name)
            return Opened(base.Exposed(found.target, exposed & found.target.access), scores=found)
        case other:
            raise WorkError(f"{version.ref}: artifacts of the kind {other!r} cannot be opened")


def offered(version: ModelVersion) -> frozenset[Access]:
    """The most that could be exposed of it, by the kind of its artifact; an endpoint shows what it offers when probed."""
    if version.artifact_format == "safetensors":
        return ALL
    return reachable(
        frozenset({Access.PROBABILITIES if version.artifact_format in ("skops", "pickle") else Access.LOGITS})
    )


def _key(name: str | None, environ: Mapping[str, str]) -> str | None:
    """The key from the environment. Only variables made for it: a spec is a file, and must not name other secrets.

    Raises:
        InputError: another variable is named, or it is not set.
    """
    if name is None:
        return None
    if not name.startswith(KEY_PREFIX):
        raise InputError(
            f"api_key_env names {name}; a spec may send only variables that begin with {KEY_PREFIX}",
            hint=f"export {KEY_PREFIX}API_KEY=... and write api_key_env: {KEY_PREFIX}API_KEY",
        )
    if not environ.get(name):
        raise InputError(f"the environment variable {name} for the API key is not set")
    return environ[name]
