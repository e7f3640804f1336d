"""Regressions from registered artifacts, in the formats that classifiers come in."""

from typing import Any

import numpy as np

from govtool.access import Access
from govtool.attacks.interface import AttackData, Features
from govtool.audits.regression import residuals
from govtool.audits.regression.asked import Asked
from govtool.audits.targets import base, sklearn_target, torch_target
from govtool.audits.targets.native.box import Box
from govtool.audits.targets.open import Endpoint, Opened
from govtool.errors import InputError, WorkError
from govtool.evidence.vault import Vault
from govtool.registry.models import ModelVersion


def open_target(
    version: ModelVersion,
    vault: Vault,
    *,
    exposed: frozenset[Access],
    records: AttackData,
    endpoint: Endpoint | None,
    trust_pickle: str | None,
) -> Opened:
    """As `targets.open.open_target`, for records that carry their labels. Whoever sees predictions sees residuals.

    Raises:
        InputError, WorkError, UntrustedArtifactError, EvidenceError: as `open_regression`.
    """
    if endpoint is not None:
        raise InputError("a regression behind an endpoint is not audited yet", hint="register and audit its file")
    inputs = records.features.shape[1] - 1
    model = open_regression(version, vault, inputs=inputs, trust_pickle=trust_pickle)
    try:
        scale = residuals.scale_of(model, records.population, records.features)
    except BaseException:
        model.closing()
        raise
    target = residuals.ResidualTarget(model, scale.value)
    shown = target.access if Access.LABELS in exposed else frozenset[Access]()
    caveats = (residuals.caveat(scale),)
    return Opened(base.Exposed(target, shown), caveats, scale=scale.value, closing=model.closing)


def open_regression(version: ModelVersion, vault: Vault, *, inputs: int, trust_pickle: str | None) -> Asked:
    """Open the artifact and ask it once.

    Raises:
        InputError: a format whose regressions are not audited yet.
        WorkError: it does not load, or does not predict one number per record.
        UntrustedArtifactError: loading it could run code.
        EvidenceError: the artifact's bytes are missing or changed.
    """
    if version.artifact_sha256 is None or version.artifact_format == "scores":
        raise InputError(
            f"{version.ref}: regressions are audited from their files, not over HTTP or from exported scores",
            hint="register the model itself: .skops, .onnx, .json or .ubj, .txt, .safetensors",
        )
    found = _opened(version, vault.read(version.artifact_sha256), inputs, trust_pickle)
    try:
        found.predictions(np.zeros((1, inputs), dtype=np.float32))
    except BaseException:
        found.closing()
        raise
    return found


def _opened(version: ModelVersion, data: bytes, inputs: int, trust_pickle: str | None) -> Asked:
    match version.artifact_format:
        case "safetensors":
            net = torch_target.open_safetensors(data, version.factory or "", version.factory_params, inputs).net
            return Asked(lambda features: torch_target.logits(net, features))
        case "skops":
            return _of_estimator(sklearn_target.load_skops(data))
        case "pickle":
            assert version.artifact_sha256 is not None
            return _of_estimator(sklearn_target.load_pickle(data, version.artifact_sha256, trust_pickle))
        case "onnx" | "xgboost" | "lightgbm":
            box = Box(data, version.artifact_format, inputs, values=True)
            return Asked(box.ask, box.close)
        case other:
            raise WorkError(f"{version.ref}: artifacts of the kind {other!r} cannot be opened")


def _of_estimator(estimator: Any) -> Asked:
    if hasattr(estimator, "classes_") or not hasattr(estimator, "predict"):
        raise WorkError(
            f"the artifact holds {type(estimator).__name__}, not a fitted regression",
            hint="leave out 'task: regression' for a classifier",
        )

    def ask(features: Features) -> Any:
        try:
            return estimator.predict(features)
        except (ValueError, AttributeError) as error:
            raise WorkError(f"the model does not take these records ({type(error).__name__})") from error

    return Asked(ask)
