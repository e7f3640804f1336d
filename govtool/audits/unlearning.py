"""Audits unlearning: registered models before, after and retrained, compared on the same records, and remembered."""

from collections.abc import Collection, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from govtool import runtime
from govtool.attacks.catalog import ATTACKS
from govtool.attacks.interface import Attack, AttackData, Records, Target
from govtool.attacks.unlearning import trial
from govtool.audits import data, factories, reference_evidence, references
from govtool.audits import engine as engines
from govtool.audits import plan as plans
from govtool.audits import recipe as recipes
from govtool.audits.book import Book, OpenWrite, reason_of
from govtool.audits.data import Source
from govtool.audits.engine import Engine
from govtool.audits.models import AttackRecord, AuditRun
from govtool.audits.recipe import Recipe
from govtool.audits.spec import DatasetRows
from govtool.audits.stage import MEMBERSHIP, Progress
from govtool.audits.targets import open as opener
from govtool.audits.targets import torch_target
from govtool.audits.unlearning_spec import UnlearningSpec
from govtool.errors import InputError
from govtool.evidence import ledger
from govtool.evidence.vault import Vault
from govtool.registry import lineage, service
from govtool.registry.models import ModelVersion
from govtool.runtime import Clock, new_id

MEMBERSHIP_ATTACKS: dict[str, Attack] = {
    name: attack for name, attack in ATTACKS.items() if attack.family == MEMBERSHIP
}
USUAL = ("loss_threshold", "rmia")
"""Attacks unless the spec names others, the second where there are references. Few, because the doubt is split over all."""
_MOST_RETAINED = 2000
"""Retained records that are attacked: enough to see a leak of the size of the margin."""


@dataclass(frozen=True)
class Settled:
    """Everything the spec left open, settled before any work."""

    before: ModelVersion
    after: ModelVersion
    retrained: ModelVersion | None
    sources: Mapping[str, list[Source]]
    training: list[Source]
    """All that the model from before was trained on."""
    after_on: list[Source]
    retrained_on: list[Source]
    recipe: Recipe | None
    spec: UnlearningSpec

    def to_dict(self) -> dict[str, Any]:
        yardstick = self.retrained.ref if self.retrained else "trained here by the recipe"
        asked = self.spec.attacks if self.spec.attacks is not None else {name: {} for name in USUAL}
        return {
            "model": self.after.ref,
            "artifact_sha256": self.after.artifact_sha256,
            "target": f"unlearning from {self.before.ref}, against {yardstick}",
            "before": {"model": self.before.ref, "artifact_sha256": self.before.artifact_sha256},
            "retrained": {"model": yardstick, "artifact_sha256": self.retrained and self.retrained.artifact_sha256},
            "records": {
                {"forget": "members"}.get(group, group): [one.to_dict() for one in found]
                for group, found in self.sources.items()
            },
            "counts": {group: sum(len(one.rows) for one in found) for group, found in self.sources.items()},
            "recipe": self.recipe.model_dump() if self.recipe else None,
            "references": self.spec.references if self.recipe else 0,
            "margin": self.spec.margin,
            "membership_attacks": {name: dict(params) for name, params in asked.items()},
            "attacks": {trial.NAME: {}},
            "families": {trial.NAME: trial.FAMILY},
            "seed": self.spec.seed,
        }


def run_audit(
    open_write: OpenWrite,
    vault: Vault,
    before: str,
    after: str,
    spec: UnlearningSpec,
    spec_bytes: bytes,
    *,
    clock: Clock,
    by: str,
    progress: Progress = lambda _step, _done, _total: None,
    trust_factory: Collection[str] = (),
    engine: Engine | None = None,
) -> AttackRecord:
    """Compare the model version `after` with `before` and with retraining. The record is returned as it was written.

    `engine` says where reference models are trained and kept; without one, on this machine, and for this run only.

    Raises:
        NotFoundError: a version or dataset is not registered.
        InputError: nothing says what was to be forgotten or what retraining gives (nothing is recorded), or records and
            models do not belong together (recorded as a failed run).
        UntrustedArtifactError: a factory of somebody's own that `trust_factory` does not name.
        WorkError: a model did not load; recorded as a failed run.
        EvidenceError: a dataset or artifact is not what was registered; recorded as a failed run.
    """
    began = runtime.monotonic()
    book = Book(open_write, vault, clock, by, new_id("run"))
    stored = vault.put(spec_bytes)
    with open_write() as session:
        settled = settle(session, before, after, spec)
        versions = [settled.before, settled.after, settled.retrained]
        named = [version.factory for version in versions if version is not None]
        factories.vouch([*named, settled.recipe.factory if settled.recipe else None], trust_factory)
        run = AuditRun(
            id=book.run_id,
            model_version_id=settled.after.id,
            access=sorted(str(access) for access in opener.offered(settled.after)),
            spec_sha256=stored.sha256,
            resolved=settled.to_dict(),
            seed=spec.seed,
            versions=plans.versions(),
        )
        ledger.record(session, run, now=clock(), by=by)
    try:
        with nullcontext(engine) if engine else engines.opened(None) as own:
            row = _attempt(book, settled, progress, own)
    except Exception as error:
        book.add(book.ended("failed", reason_of(error), began))
        raise
    book.add(row)
    book.add(book.ended("completed", "", began))
    return row


def settle(session: Session, before: str, after: str, spec: UnlearningSpec) -> Settled:
    """Find everything in the registry.

    Raises:
        NotFoundError: a version or dataset is not registered.
        InputError: something needed is neither in the spec nor in the registry.
    """
    first, second = service.model_version(session, before), service.model_version(session, after)
    yardstick = service.model_version(session, spec.retrained) if spec.retrained else None
    if len({first.id, second.id, yardstick.id if yardstick else ""}) < 3:  # noqa: PLR2004 - three roles
        raise InputError("the models before, after and retrained must be three different versions")
    for version in (first, second, yardstick):
        if version is not None and version.artifact_format in ("scores", "endpoint"):
            raise InputError(
                f"{version.ref} is registered as {version.artifact_format}; all three models must be opened",
                hint="register the weights",
            )
    if yardstick is not None and yardstick.artifact_sha256 == second.artifact_sha256:
        raise InputError(
            f"{yardstick.ref} has the very weights of {second.ref}: what is judged cannot be its own yardstick",
            hint="retrain once more without the records, or give a recipe in the spec to do it here",
        )
    if yardstick is None and spec.recipe is None:
        raise InputError(
            "nothing says what retraining without the records gives",
            hint="name a retrained version (--retrained NAME@VERSION), or give a recipe in the spec to train one",
        )
    training = data.training(session, first)
    return Settled(
        first,
        second,
        yardstick,
        _sources(session, first, spec, training),
        training,
        data.training(session, second),
        data.training(session, yardstick) if yardstick else [],
        plans.settled_recipe(first, spec.recipe),
        spec,
    )


def _sources(
    session: Session, before: ModelVersion, spec: UnlearningSpec, training: list[Source]
) -> dict[str, list[Source]]:
    found: dict[str, list[Source]] = {}
    for group in ("forget", "nonmembers", "retained", "population"):
        asked: list[DatasetRows] = getattr(spec, group)
        found[group] = [data.source(group, service.dataset_version(session, one.dataset), one) for one in asked]
        data.refuse_repeats(group, found[group])
    if not found["forget"]:
        raise InputError(
            "nothing says what was to be forgotten", hint="--forget DATASET@VERSION, or forget: in the spec"
        )
    if not found["nonmembers"]:
        rows = lineage.datasets_of(session, before, lineage.ONLY_CHECKED)
        found["nonmembers"] = [data.source("nonmembers", row, DatasetRows(dataset=row.id)) for row in rows]
    if not found["nonmembers"]:
        raise InputError(
            f"no records that {before.ref} was not trained on",
            hint=f"nonmembers: in the spec, or: govtool lineage add {before.ref} tested_on DATASET@VERSION",
        )
    found["retained"] = found["retained"] or [source for source in training if source.label is not None]
    return found


def _attempt(book: Book, settled: Settled, progress: Progress, engine: Engine) -> AttackRecord:
    began = runtime.monotonic()
    spec = settled.spec
    records, caveats = _records(settled)
    width = records["forget"].features.shape[1]
    before, after = (_open(book.vault, version, width) for version in (settled.before, settled.after))
    for group, found in records.items():
        data.check_labels(found, before.n_classes, group)
    _refuse_other_classes(settled, before, after)
    progress("the model without the records", 0, 1)
    retrained = (
        _open(book.vault, settled.retrained, width)
        if settled.retrained
        else _retrain(settled, records.get("retained"), before.n_classes)
    )
    _refuse_other_classes(settled, before, retrained)
    forget, retained, trained = _with_references(settled, records, before, progress, engine)
    progress("attacks", 0, 1)
    outcome = trial.run(
        trial.Models(before, after, retrained),
        forget,
        retained,
        _attacks(spec, forget),
        margin=spec.margin,
        rng=runtime.rng(spec.seed, trial.NAME),
    )
    row = book.found(trial.NAME, trial.FAMILY, outcome, {"seed": spec.seed}, runtime.monotonic() - began)
    row.caveats = [*caveats, *row.caveats]
    if trained is not None and row.evidence_sha256:
        row.references_sha256 = reference_evidence.store(book.vault, trained, engine.cache.folder)
    return row


def _attacks(spec: UnlearningSpec, forget: AttackData) -> dict[str, tuple[Attack, Mapping[str, Any]]]:
    """Those that were asked for; by default the usual ones, as far as their needs are met."""
    if spec.attacks is not None:
        return {name: (MEMBERSHIP_ATTACKS[name], params) for name, params in spec.attacks.items()}
    able = forget.references is not None
    usual = {name: MEMBERSHIP_ATTACKS[name] for name in USUAL}
    return {name: (one, {}) for name, one in usual.items() if able or not one.needs_references}


def _open(vault: Vault, version: ModelVersion, width: int) -> Target:
    opened = opener.open_target(
        version,
        vault,
        exposed=opener.offered(version),
        inputs=width,
        endpoint=None,
        environ={},
        trust_pickle=None,
    )
    return opened.target


def _refuse_other_classes(settled: Settled, before: Target, other: Target) -> None:
    if other.n_classes != before.n_classes:
        raise InputError(
            f"{settled.before.ref} tells {before.n_classes} classes apart and another of the models {other.n_classes}; "
            "only models with the same classes can be compared",
            hint="are these versions of one model?",
        )


def _records(settled: Settled) -> tuple[dict[str, Records], list[str]]:
    """The groups, checked against what lineage says, and what must be said of them.

    Raises:
        InputError: the forget set was never learnt, was not left out in retraining, or lies among the non-members.
    """
    read = {group: data.read(found) for group, found in settled.sources.items()}
    groups = {group: found for group, found in read.items() if found is not None}
    forget, caveats = groups["forget"], list[str]()
    if both := data.shared(forget, groups["nonmembers"]):
        raise InputError(f"{both} of the non-members are records of the forget set")
    learnt, said = data.trained_among(settled.training, forget)
    if settled.training and not said and learnt < len(forget):
        raise InputError(
            f"{len(forget) - learnt} of {len(forget)} records to forget are not in what {settled.before.ref} was trained on",
            hint="name the records that it was trained on, or correct its lineage",
        )
    if settled.before.artifact_sha256 == settled.after.artifact_sha256:
        caveats.append("The weights before and after are the same bytes: nothing was changed.")
    if not settled.training:
        caveats.append(
            f"The register does not say what {settled.before.ref} was trained on, so nothing shows it learnt them."
        )
    caveats += said
    caveats += _refuse_known(settled, groups["nonmembers"])
    if both := data.shared(groups.get("retained"), groups["nonmembers"]):
        raise InputError(f"{both} of the non-members are among the records that were to be kept")
    if "retained" in groups:
        groups["retained"], twins = _without(groups["retained"], forget)
        caveats += [f"{twins} retained records equal a record of the forget set and were left out."] if twins else []
    left, _ = data.trained_among(settled.retrained_on, forget)
    if left and settled.retrained is not None:
        raise InputError(
            f"{settled.retrained.ref} is no yardstick: {left} of {len(forget)} records to forget are in what it was trained on",
            hint="retrain without them, and register what that model was trained on",
        )
    if settled.retrained is not None and not settled.retrained_on:
        caveats.append(
            f"The register does not say what {settled.retrained.ref} was trained on; that is taken on trust."
        )
    return groups, [*caveats, *_yardstick_caveats(settled, groups.get("retained"))]


def _refuse_known(settled: Settled, nonmembers: Records) -> list[str]:
    """Non-members that one of the models was trained on would hide, or feign, that it knows the forget set better."""
    caveats: list[str] = []
    for version, sources in (
        (settled.before, settled.training),
        (settled.after, settled.after_on),
        (settled.retrained, settled.retrained_on),
    ):
        inside, said = data.trained_among(sources, nonmembers)
        caveats += said
        if inside and version is not None:
            raise InputError(
                f"{inside} of the non-members are in what {version.ref} was trained on",
                hint="name records that none of the models was trained on: nonmembers: in the spec",
            )
    return list(dict.fromkeys(caveats))


def _yardstick_caveats(settled: Settled, retained: Records | None) -> list[str]:
    """A yardstick that learnt less than was kept is another model, and not what retraining gives."""
    if retained is None:
        return []
    if settled.retrained is None:
        wanted = sum(len(source.rows) for source in settled.training) - sum(
            len(source.rows) for source in settled.sources["forget"]
        )
        missing = max(0, wanted - len(retained))
    elif settled.retrained_on:
        known, _ = data.trained_among(settled.retrained_on, retained)
        wanted, missing = len(retained), len(retained) - known
    else:
        return []
    if not missing:
        return []
    return [
        f"The yardstick was not trained on {missing} of {wanted} records that were kept, so it may be another model."
    ]


def _without(records: Records, forget: Records) -> tuple[Records, int]:
    """Records but those of the forget set; and how many more than the forget set holds were dropped."""
    kept = ~data.among(records.features, forget.features)
    subjects = None if records.subjects is None else records.subjects[kept]
    dropped = int((~kept).sum())
    return Records(records.features[kept], records.labels[kept], subjects), max(0, dropped - len(forget))


def _retrain(settled: Settled, retained: Records | None, n_classes: int) -> Target:
    recipe = settled.recipe
    assert recipe is not None
    if retained is None or not len(retained):
        raise InputError(
            "no retained records are known, so nothing can be retrained on them", hint="retained: in the spec"
        )
    if not recipe.by_epochs:
        raise InputError(
            "only torch recipes are retrained here",
            hint="train the model yourself, register it and name it: --retrained",
        )
    seed = int(runtime.rng(settled.spec.seed, "retrained").integers(2**53))
    return torch_target.TorchTarget(
        recipes.train(recipe, retained.features, retained.labels, n_classes, seed), n_classes
    )


def _with_references(
    settled: Settled, records: Mapping[str, Records], before: Target, progress: Progress, engine: Engine
) -> tuple[AttackData, AttackData | None, references.Trained | None]:
    """Forget set and retained records, each beside the non-members, with references trained on halves of them all."""
    spec, nonmembers = settled.spec, records["nonmembers"]
    forget = AttackData(records["forget"], nonmembers, records.get("population"))
    kept = records.get("retained")
    if kept is None or not len(kept):
        return forget, None, None
    chosen = np.sort(runtime.rng(spec.seed, "retained").permutation(len(kept))[:_MOST_RETAINED])
    retained = AttackData(Records(kept.features[chosen], kept.labels[chosen]), nonmembers, forget.population)
    if settled.recipe is None or not spec.references or forget.population is None:
        return forget, retained, None
    size = len(forget.members)
    pool = AttackData(
        Records(
            np.concatenate([forget.members.features, kept.features]),
            np.concatenate([forget.members.labels, kept.labels]),
        ),
        nonmembers,
        forget.population,
    )
    progress("reference models", 0, spec.references)
    trained = references.train_references(
        settled.recipe,
        before,
        pool,
        count=spec.references,
        seed=spec.seed,
        control=None,
        training_records=sum(len(source.rows) for source in settled.training) or None,
        progress=lambda done: progress("reference models", done, spec.references),
        engine=engine,
    )
    pool = replace(pool, references=trained.references)
    others = len(pool.members) + np.arange(len(nonmembers))
    return (
        trial.with_columns(forget, pool, np.concatenate([np.arange(size), others])),
        trial.with_columns(retained, pool, np.concatenate([size + chosen, others])),
        trained,
    )
