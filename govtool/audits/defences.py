"""Tries defences on a registered model: the same records and attackers who adapt, behind each, and what it buys.

Answers are made worse in place; defences in training are trained here by the model's recipe. None of this says what a
deployment shows: it is what it could show, so no gate decides by it.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from govtool import runtime
from govtool.access import Access, reachable
from govtool.attacks import validity
from govtool.attacks.defences import measures, trial
from govtool.attacks.defences.measures import Defended
from govtool.attacks.defences.trial import Bought, Row
from govtool.attacks.interface import AttackData, AttackResult, Records, Target
from govtool.attacks.inversion import assembly as inversion
from govtool.audits import data, factories
from govtool.audits import plan as plans
from govtool.audits import recipe as recipes
from govtool.audits.book import Book, OpenWrite, reason_of
from govtool.audits.data import Source
from govtool.audits.defences_spec import IN_TRAINING, DefencesSpec
from govtool.audits.models import AttackRecord, AuditRun
from govtool.audits.recipe import Dp, Recipe
from govtool.audits.stage import Progress
from govtool.audits.targets import base, torch_target
from govtool.audits.targets import open as opener
from govtool.errors import InputError
from govtool.estimate import Estimate
from govtool.evidence import ledger
from govtool.evidence.vault import Vault
from govtool.registry import service
from govtool.registry.models import ModelVersion
from govtool.runtime import Clock, new_id

NAME = "defences"
FAMILY = "defences"
FULL = "answers in full"
AGAIN = "the same recipe again"


@dataclass(frozen=True)
class Plan:
    version: ModelVersion
    sources: dict[str, list[Source]]
    recipe: Recipe | None
    spec: DefencesSpec

    def to_dict(self) -> dict[str, Any]:
        return {
            "model": self.version.ref,
            "artifact_sha256": self.version.artifact_sha256,
            "target": f"{self.version.ref} behind defences",
            "records": {group: [one.to_dict() for one in found] for group, found in self.sources.items()},
            "counts": {group: sum(len(one.rows) for one in found) for group, found in self.sources.items()},
            "recipe": self.recipe.model_dump() if self.recipe else None,
            "defences": [list(one) for one in self.spec.defences.settings()],
            "attacks": {NAME: {}},
            "families": {NAME: FAMILY},
            "seed": self.spec.seed,
        }


def run_audit(
    open_write: OpenWrite,
    vault: Vault,
    ref: str,
    spec: DefencesSpec,
    spec_bytes: bytes,
    *,
    clock: Clock,
    by: str,
    progress: Progress = lambda _step, _done, _total: None,
    trust_factory: Collection[str] = (),
) -> AttackRecord:
    """Measure every defence of the spec on the model version `ref`. The record is returned as it was written.

    Raises:
        NotFoundError: the version or a dataset is not registered.
        InputError: something needed is neither in the spec nor in the registry (nothing is recorded), or records and
            model do not belong together (recorded as a failed run).
        UntrustedArtifactError: a factory of somebody's own that `trust_factory` does not name.
        WorkError: the model did not load; recorded as a failed run.
        EvidenceError: a dataset or artifact is not what was registered; recorded as a failed run.
    """
    began = runtime.monotonic()
    book = Book(open_write, vault, clock, by, new_id("run"))
    stored = vault.put(spec_bytes)
    with open_write() as session:
        plan = settle(session, ref, spec)
        factories.vouch([plan.version.factory, plan.recipe.factory if plan.recipe else None], trust_factory)
        run = AuditRun(
            id=book.run_id,
            model_version_id=plan.version.id,
            access=sorted(str(access) for access in opener.offered(plan.version)),
            spec_sha256=stored.sha256,
            resolved=plan.to_dict(),
            seed=spec.seed,
            versions=plans.versions(),
        )
        ledger.record(session, run, now=clock(), by=by)
    try:
        outcome = _measure(plan, vault, progress)
        row = book.found(NAME, FAMILY, outcome, {"seed": spec.seed}, runtime.monotonic() - began)
    except Exception as error:
        book.add(book.ended("failed", reason_of(error), began))
        raise
    book.add(row)
    book.add(book.ended("completed", "", began))
    return row


def settle(session: Session, ref: str, spec: DefencesSpec) -> Plan:
    """Find everything in the registry.

    Raises:
        NotFoundError: the version or a dataset is not registered.
        InputError: it is no model that can be opened, or nothing says which records are members.
    """
    version = service.model_version(session, ref)
    if version.artifact_format in ("scores", "endpoint"):
        raise InputError(
            f"{version.ref} is registered as {version.artifact_format}; a defence is tried on a model that can be opened",
            hint="register the artifact",
        )
    sources = data.find(session, version, spec)
    for group, relation in (("members", "trained_on"), ("nonmembers", "tested_on")):
        if not sources[group]:
            raise InputError(
                f"no {group}: the spec names none and {version.ref} has no {relation} dataset",
                hint=f"name them in the spec, or: govtool lineage add {version.ref} {relation} DATASET@VERSION",
            )
    return Plan(version, sources, plans.settled_recipe(version, spec.recipe), spec)


def _measure(plan: Plan, vault: Vault, progress: Progress) -> AttackResult:
    records = _records(plan)
    width = records.members.features.shape[1]
    whole = opener.open_target(
        plan.version, vault, exposed=opener.ALL, inputs=width, endpoint=None, environ={}, trust_pickle=None
    ).target
    for group in data.LABELLED:
        data.check_labels(getattr(records, group), whole.n_classes, group)
    _check_fit(plan.spec, records, whole.n_classes)
    checked = validity.check(records, runtime.rng(plan.spec.seed, "validity"))
    rows: list[tuple[Row, Row | None]] = []
    again = trained(plan.recipe, plan.spec, whole.n_classes, records)
    for kind, found in (("answers", _answers(plan, whole, records)), ("training", again)):
        without: Row | None = None
        for defended in found:
            progress(f"defences in {kind}", len(rows), len(plan.spec.defences.settings()))
            row = measured(defended, records, checked, plan.spec)
            rows.append((row, without))
            without = without or row
    return _result(plan, records, checked, rows)


def _records(plan: Plan) -> AttackData:
    groups = {group: data.read(sources) for group, sources in plan.sources.items()}
    members, nonmembers = groups["members"], groups["nonmembers"]
    assert members is not None
    assert nonmembers is not None
    width = members.features.shape[1]
    for group, found in groups.items():
        if found is not None and found.features.shape[1] != width:
            raise InputError(f"{group} have {found.features.shape[1]} features, members {width}")
    if both := data.shared(members, nonmembers):
        raise InputError(f"{both} non-members are also members", hint="name records that the model was not trained on")
    _disjoint(groups)
    return AttackData(
        members, nonmembers, groups["population"], groups["evaluation"], public=groups[data.PUBLIC], unit="record"
    )


_APART = (
    ("evaluation", "members", "the judges would know the answers"),
    (data.PUBLIC, "members", "the attacker would know the answers"),
    (data.PUBLIC, "evaluation", "the attacker would know what the judges know"),
    ("population", "members", "the student of a distillation must never see a member"),
    ("population", "nonmembers", "the student of a distillation would know what counts as never seen"),
)


def _disjoint(groups: Mapping[str, Records | None]) -> None:
    """Raises InputError: records stand in two groups that must have none in common."""
    for group, other, otherwise in _APART:
        if both := data.shared(groups[other], groups[group]):
            raise InputError(
                f"{both} {group} records are also {other}: {otherwise}",
                hint=f"name other records under '{group}', or some rows: {{dataset: NAME@VERSION, rows: '0:500'}}",
            )


def _check_fit(spec: DefencesSpec, records: AttackData, n_classes: int) -> None:
    """Before any work. Raises InputError: a setting that this model or these records cannot have."""
    most = [k for k in spec.defences.top_k if k >= n_classes]
    if most and "defences" in spec.model_fields_set:
        raise InputError(
            f"top_k: {most[0]} best scores hide nothing of a model with {n_classes} classes",
            hint=f"give numbers from 1 to {n_classes - 1}",
        )
    inversion.picture_shape(records, {"shape": spec.shape})


def _answers(plan: Plan, whole: Target, records: AttackData) -> Iterator[Defended]:
    """The model's answers in full, and then behind each defence that touches answers alone."""
    asked = [one for one in plan.spec.defences.settings() if one[0] in measures.MEASURES]
    asked = [(name, k) for name, k in asked if name != "top_k" or k < whole.n_classes]  # the usual ones, of few classes
    if not asked:
        return
    spread = records.nonmembers.features.std(axis=0).astype(np.float64)
    full = base.Exposed(whole, whole.access & reachable(frozenset({Access.PROBABILITIES})))
    yield replace(measures.nothing(full), setting=FULL)
    for name, setting in asked:
        yield measures.MEASURES[name](full, setting, spread)


def trained(recipe: Recipe | None, spec: DefencesSpec, n_classes: int, records: AttackData) -> Iterator[Defended]:
    """Models trained here, attacked with all that they show: by the recipe, by it again, and behind each defence."""
    asked = [one for one in spec.defences.settings() if one[0] in IN_TRAINING]
    if not asked:
        return
    members = records.members
    assert recipe is not None

    def train(own: Recipe, learnt: Records, name: str) -> Target:
        seed = int(runtime.rng(spec.seed, f"defences-{name}").integers(2**53))
        net = recipes.train(own, learnt.features, learnt.labels, n_classes, seed)
        return torch_target.TorchTarget(net, n_classes)

    teacher = train(recipe, members, "plain")
    yield replace(measures.nothing(teacher), setting="trained here by the recipe")
    yield replace(measures.nothing(train(recipe, members, "again")), setting=AGAIN)
    for name, setting in asked:
        said, own, learnt = _variant(name, setting, recipe, records, teacher, spec.delta)
        yield Defended(name, said, (model := train(own, learnt, name)), {measures.AS_SHOWN: model})


def _variant(
    name: str, setting: float, recipe: Recipe, records: AttackData, teacher: Target, delta: float
) -> tuple[str, Recipe, Records]:
    """(the setting in words, the recipe with the defence, what it learns from)."""
    match name:
        case "dp_sgd":
            dp = Dp(target_epsilon=setting, delta=delta)
            said = f"epsilon {setting:g}, delta {delta:g}"
            return said, recipe.model_copy(update={"dp": dp, "early_stopping": "none"}), records.members
        case "weight_decay":
            return f"{setting:g}", recipe.model_copy(update={"weight_decay": setting}), records.members
        case _:
            others = records.population
            assert others is not None
            taught = Records(others.features, teacher.labels(others.features))
            return f"a student of {len(others)} other records", recipe, taught


def measured(defended: Defended, records: AttackData, checked: validity.Validity, spec: DefencesSpec) -> Row:
    """Random draws are the same in every row, so that rows differ by the defence alone."""
    labels = trial.by_labels(defended.target, records, checked, runtime.rng(spec.seed, "defences-labels"))
    drawn: trial.Inversion | str | None = None
    if records.evaluation is not None:
        params = {"shape": spec.shape, "queries": spec.queries}
        drawn = trial.inversion(defended, records, params, spec.seed)
    rate, right = trial.accuracy(defended.target, records.nonmembers)
    return Row(defended.defence, defended.setting, rate, right, trial.membership(defended, records, labels), drawn)


def _result(
    plan: Plan, records: AttackData, checked: validity.Validity, rows: list[tuple[Row, Row | None]]
) -> AttackResult:
    mask = records.membership
    compared = [(row, trial.bought(row, without, mask) if without else None) for row, without in rows]
    plain = [row for row, bought in compared if bought is None]
    metrics: dict[str, Estimate] = {
        "auc_in_full" if row.setting == FULL else "auc_retrained": row.membership.auc for row in plain
    }
    return AttackResult(
        attack=NAME,
        family=FAMILY,
        knowledge="The attacker knows which defence is in place, with its setting, and adapts to it.",
        access=frozenset({Access.PROBABILITIES}),
        metrics=metrics,
        baselines=dict.fromkeys(metrics, 0.5),
        counts=None,
        arrays={
            "membership": mask,
            "scores": np.stack([row.membership.scores for row, _ in rows]),
        },
        detail={"defences": [_told(row, bought) for row, bought in compared]},
        caveats=_caveats(plan, rows, checked),
        void=checked.void,
    )


def _told(row: Row, bought: Bought | None) -> dict[str, Any]:
    drawn = row.inversion
    return {
        "defence": row.defence,
        "setting": row.setting,
        "accuracy": row.accuracy.to_dict(),
        "membership": {
            "auc": row.membership.auc.to_dict(),
            "strongest": row.membership.how,
            "tried": row.membership.tried,
        },
        "inversion": {"rate": drawn.rate.to_dict(), "how": drawn.how, "judge": drawn.judges[drawn.headline]}
        if isinstance(drawn, trial.Inversion)
        else drawn,
        "bought": {
            "membership": bought.membership.to_dict(),
            "inversion": bought.inversion.to_dict() if bought.inversion else None,
            "accuracy": bought.accuracy.to_dict(),
            "said": bought.said,
        }
        if bought
        else None,
    }


def _caveats(plan: Plan, rows: list[tuple[Row, Row | None]], checked: validity.Validity) -> list[str]:
    found = [
        *checked.caveats,
        "Attacks need no reference models here; stronger ones exist, so what is left behind a defence is a lower bound.",
        "Each comparison stands by itself: with many defences one in twenty shows a difference by chance.",
    ]
    if any(row.defence in IN_TRAINING for row, _ in rows):
        found.append(
            "One model was trained of each kind. The row 'the same recipe again' shows how far two trainings of one recipe differ."
        )
    if plan.spec.evaluation and plan.spec.shape is None:
        found.append("Features were taken for a table; give the shape if they are pixels.")
    return found
