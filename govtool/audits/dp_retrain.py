"""Train a registered recipe again, with DP-SGD where asked: a model that fails can be retrained and tested in one flow."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from govtool.attacks.privacy import accounting
from govtool.audits import data, dp_training, factories
from govtool.audits import plan as plans
from govtool.audits import recipe as recipes
from govtool.audits.data import Source
from govtool.audits.recipe import Dp, Recipe
from govtool.audits.spec import AuditSpec, DatasetRows
from govtool.errors import InputError, MissingExtraError
from govtool.registry import lineage, service

NOISE = (
    "Noise and batches come from torch's generator, seeded with the machine's entropy and not kept. It is not a cryptographic "
    "generator, and noise is in floating point: an attacker who exploits either is outside the stated epsilon."
)


@dataclass(frozen=True)
class Job:
    model: str | None
    """The version that is trained again, if any."""
    recipe: Recipe
    sources: Sequence[Source]
    seed: int


def wanted(
    recipe: Recipe | None, epsilon: float | None, noise: float | None, delta: float | None, max_grad_norm: float
) -> Dp | None:
    """What the options ask for, or else the recipe; None is training without privacy.

    Raises:
        InputError: both or half of a promise.
    """
    if epsilon is None and noise is None:
        if delta is not None:
            raise InputError("--delta alone promises nothing", hint="add --dp-epsilon or --noise-multiplier")
        return recipe.dp if recipe else None
    if epsilon is not None and noise is not None:
        raise InputError("give either --dp-epsilon or --noise-multiplier", hint="the one follows from the other")
    if delta is None:
        raise InputError("an epsilon means nothing without its delta", hint="--delta 1e-5")
    values = {"--dp-epsilon": epsilon, "--noise-multiplier": noise, "--max-grad-norm": max_grad_norm}
    for name, value in values.items():
        if value is not None and not 0 < value < float("inf"):
            raise InputError(f"{name} must be a finite number above 0, not {value:g}")
    if not 0 < delta < 1:
        raise InputError(f"--delta must lie between 0 and 1, not {delta:g}", hint="--delta 1e-5")
    return Dp(target_epsilon=epsilon, noise_multiplier=noise, delta=delta, max_grad_norm=max_grad_norm)


def prepare(
    session: Session,
    ref: str | None,
    spec: AuditSpec,
    dataset: str | None,
    dp: Dp | None,
    trust_factory: Collection[str],
) -> Job:
    """Settle recipe and records from the registry.

    Raises:
        InputError: no recipe, a recipe that is not torch's, or no training data.
        NotFoundError: the version or the dataset is not registered.
        UntrustedArtifactError: a factory of somebody's own that `trust_factory` does not name.
    """
    version = service.model_version(session, ref) if ref else None
    recipe = plans.settled_recipe(version, spec.recipe) if version else spec.recipe
    if recipe is None or not recipe.by_epochs or not recipe.factory:
        raise InputError(
            "retraining needs a torch recipe in the spec",
            hint="recipe: {factory: mlp, factory_params: {...}, epochs: 50}",
        )
    factories.vouch([recipe.factory], trust_factory)
    if dataset is not None:
        rows = [service.dataset_version(session, dataset)]
    else:
        rows = lineage.datasets_of(session, version) if version else []
    if not rows:
        raise InputError("nothing says what to train on", hint="name it: --data DATASET@VERSION")
    sources = [data.source("training data", row, DatasetRows(dataset=row.id)) for row in rows]
    return Job(version.ref if version else None, recipe.model_copy(update={"dp": dp}), sources, spec.seed)


def train(job: Job, out: Path) -> dict[str, Any]:
    """Train, write the weights to `out` and what they rest on beside it (`out` with `.json` added); returns the latter.

    Raises:
        InputError: `out` exists or is no .safetensors, or the recipe does not fit the records.
        MissingExtraError: torch, safetensors, opacus or dp-accounting is not installed.
    """
    beside = out.with_name(out.name + ".json")
    if out.suffix != ".safetensors" or out.exists() or beside.exists():
        raise InputError(f"{out}: give a new file that ends in .safetensors")
    try:
        from safetensors.torch import save_file
    except ModuleNotFoundError as error:
        raise MissingExtraError("attacks", "writing safetensors") from error
    records = data.read(job.sources)
    assert records is not None
    classes = int(job.recipe.factory_params.get("classes") or records.labels.max() + 1)  # type: ignore[arg-type]
    data.check_labels(records, classes, "training data")
    dp = job.recipe.dp
    seed = dp_training.private_seed() if dp else job.seed
    module = recipes.train(job.recipe, records.features, records.labels, classes, seed)
    params = {"inputs": records.features.shape[1], "classes": classes, **job.recipe.factory_params}
    told = _told(
        job, dp, len(records), params if job.recipe.factory in factories.FACTORIES else dict(job.recipe.factory_params)
    )
    save_file(module.state_dict(), out)
    beside.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    return told


def _told(job: Job, dp: Dp | None, records: int, params: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {
        "schema": "govtool.training/1",
        "after": job.model,
        "datasets": [source.ref for source in job.sources],
        "records": records,
        "recipe": job.recipe.model_dump(mode="json"),
        "factory": job.recipe.factory,
        "factory_params": params,
        "factory_params_json": json.dumps(params),
        "seed": None if dp else job.seed,
        "privacy": None,
        "claim": None,
    }
    if dp is None:
        return told
    mechanism = dp_training.mechanism(job.recipe, dp, records)
    accounted = accounting.recompute(mechanism)
    claimed = dp.target_epsilon if dp.target_epsilon is not None else round(accounted.epsilon + 0.0005, 3)
    claim = {
        "epsilon": claimed,
        "delta": mechanism.delta,
        "noise_multiplier": mechanism.noise_multiplier,
        "sampling_rate": mechanism.sampling_rate,
        "steps": mechanism.steps,
    }
    return {
        **told,
        "privacy": accounted.to_dict(),
        "claim": claim,
        "claim_yaml": "{" + ", ".join(f"{name}: {_yaml(value)}" for name, value in claim.items()) + "}",
        "caveats": [accounting.POISSON, NOISE],
    }


def _yaml(value: float) -> str:
    """YAML 1.1 reads 1e-05 as text; it wants the point."""
    text = repr(value)
    return text.replace("e", ".0e") if "e" in text and "." not in text else text
