"""Everything the attacks of one run share, made once: records, target, probe, references, validity, control."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from govtool import runtime
from govtool.access import Access, reachable
from govtool.attacks import validity
from govtool.attacks.interface import Attack, AttackData, Records, Target
from govtool.attacks.inversion.priors.choice import NO_PUBLIC
from govtool.attacks.membership.answers import Answers
from govtool.attacks.property.assembly import NOT_ASKED
from govtool.audits import (
    attribute,
    companions,
    control,
    data,
    dp_canaries,
    generators,
    halves,
    reference_evidence,
    references,
    twins,
    whole_records,
    world_design,
    worlds,
)
from govtool.audits.engine import Engine
from govtool.audits.generators import Brought
from govtool.audits.plan import Plan
from govtool.audits.recipe import Recipe
from govtool.audits.regression import models as regressions
from govtool.audits.regression import planted, residuals
from govtool.audits.regression.training import RegressionRecipe
from govtool.audits.targets import base, probe
from govtool.audits.targets import open as opener
from govtool.audits.targets.open import Opened
from govtool.audits.targets.probe import Capabilities
from govtool.digest import Sha256
from govtool.errors import InputError
from govtool.evidence.vault import Vault

MEMBERSHIP = "membership_inference"
INVERSION = "model_inversion"
PROPERTY = "property_inference"
DP = "differential_privacy"
PRIVACY = "differential_privacy"

Progress = Callable[[str, int, int], None]
"""Called with a step's name, how much of it is done, and how much there is."""


@dataclass(frozen=True)
class Stage:
    """What was set up; `shared` is how many records of the population, evaluation and public data were found where they must not be."""

    plan: Plan
    opened: Opened
    target: Target
    seen: Capabilities
    records: AttackData
    """The records themselves."""
    asked: AttackData
    """What attacks get: the records, or for exported scores their indices."""
    population_shared: int
    evaluation_shared: int
    public_shared: int
    """Public records that are also members, or that the judges learn from."""
    trained_on: int
    """How many non-members the target was trained on, by lineage: they make a model that leaks look like one that does not."""
    caveats: tuple[str, ...]
    brought: Mapping[str, Brought] = field(default_factory=dict)
    """Generators, by the attack that is given one."""

    @property
    def exposed(self) -> frozenset[Any]:
        shown = self.seen.access if self.plan.exposed is None else self.plan.exposed
        if self.plan.regression and Access.LABELS in shown:  # a residual needs the predicted number and no more
            return shown | reachable(frozenset({Access.PROBABILITIES}))
        return shown


@dataclass(frozen=True)
class Shared:
    """What membership attacks are given on top, and what is kept of it as evidence."""

    data: AttackData
    params: Mapping[str, Any]
    control: control.Control | None
    arrays: Mapping[str, Any]
    detail: Mapping[str, Any]
    """How it was made, where that changes no figure."""
    caveats: tuple[str, ...]
    references_sha256: Sha256 | None = None
    """What references answered, in the vault."""


def set_up(plan: Plan, vault: Vault, environ: Mapping[str, str], trust_pickle: str | None) -> Stage:
    """Read the records, open the target and see whether it honours what it exposes.

    Raises:
        EvidenceError: a dataset or artifact is not what was registered.
        InputError: records and model do not belong together.
        WorkError: the target does not load or does not answer.
    """
    groups = {group: data.read(sources, regression=plan.regression) for group, sources in plan.sources.items()}
    members, nonmembers = groups["members"], groups["nonmembers"]
    assert members is not None
    if nonmembers is None:  # where only canaries are asked about
        nonmembers = Records(members.features[:0], members.labels[:0])
    sensitive = attribute.resolve(plan.spec.sensitive, members)
    canaries = dp_canaries.load(vault, plan.canaries) if plan.canaries else None
    claim = plan.spec.claim.claim() if plan.spec.claim else None
    records = AttackData(
        members,
        nonmembers,
        groups["population"],
        groups["evaluation"],
        public=groups[data.PUBLIC],
        sensitive=sensitive,
        canaries=canaries,
        claim=claim,
    )
    width = members.features.shape[1]
    for group, found in groups.items():
        if found is not None and found.features.shape[1] != width:
            raise InputError(f"{group} have {found.features.shape[1]} features, members {width}")
        if found is not None and found.columns and members.columns and found.columns != members.columns:
            raise InputError(
                f"{group} have other columns than members, or the same in another order",
                hint="write the files with the same header; the model is given the columns as they stand",
            )
    promised = opener.ALL if plan.exposed is None else plan.exposed
    if plan.regression:
        opened = regressions.open_target(
            plan.version, vault, exposed=promised, records=records, endpoint=plan.endpoint, trust_pickle=trust_pickle
        )
    else:
        opened = opener.open_target(
            plan.version,
            vault,
            exposed=promised,
            inputs=width,
            endpoint=plan.endpoint,
            environ=environ,
            trust_pickle=trust_pickle,
        )
    try:
        brought = {name: generators.bring(chosen, records, vault) for name, chosen in plan.generators.items()}
        stage = replace(_looked_at(plan, opened, records, promised), brought=brought)
        if not plan.company.planned or opened.scores is not None:
            return stage
        joined = companions.open_all(
            plan.company, vault, members, stage.target.n_classes, environ=environ, trust_pickle=trust_pickle
        )
        return replace(stage, asked=replace(stage.asked, companions=joined))
    except BaseException:
        opened.closing()
        raise


def _looked_at(plan: Plan, opened: Opened, records: AttackData, promised: frozenset[Access]) -> Stage:
    asked = records if opened.scores is None else _by_index(records, opened.scores.groups)
    seen = probe.probe(opened.target, asked.features)
    target = opened.target if opened.http is None else base.Exposed(opened.http, promised & seen.access)
    if target.n_classes:
        for group in data.LABELLED:
            data.check_labels(getattr(records, group), target.n_classes, group)
    inputs = records
    if plan.regression:
        seen = replace(seen, decimals=None)  # labels met exactly look like rounded confidences
        inputs = residuals.inputs(records)
    trained_on, caveats = data.trained_among(plan.training, inputs.nonmembers, regression=plan.regression)
    audited = Records(inputs.features, inputs.labels)
    return Stage(
        plan,
        opened,
        target,
        replace(seen, access=target.access),
        records,
        asked,
        data.shared(audited, inputs.population),
        data.shared(inputs.members, inputs.evaluation),
        data.shared(inputs.members, records.public) + data.shared(inputs.evaluation, records.public),
        trained_on,
        tuple(caveats),
    )


def _by_index(records: AttackData, groups: Mapping[str, Records]) -> AttackData:
    """Score files go by the order of the datasets, so counts and labels must agree record by record.

    Raises:
        InputError: they do not; a file out of order would look like a model that leaks nothing.
    """
    for group, own in (("member", records.members), ("nonmember", records.nonmembers)):
        if len(groups[group]) != len(own) or not np.array_equal(groups[group].labels, own.labels):
            raise InputError(
                f"{group}_labels of the score file are not the labels of the {group}s' dataset, record by record",
                hint="export the scores in the order of the dataset, and name the same rows in the spec",
            )
    population = groups.get("population")
    if population is not None and records.population is not None and len(population) != len(records.population):
        raise InputError("the score file and the spec have populations of different size")
    return AttackData(
        replace(groups["member"], subjects=records.members.subjects),
        replace(groups["nonmember"], subjects=records.nonmembers.subjects),
        population if records.population is not None else None,
        claim=records.claim,
    )


def obstacle(stage: Stage, attack: Attack) -> tuple[str, str] | None:
    """Why an attack is not run here, as (status, reason); None when it is."""
    needs = attack.needs
    if stage.plan.regression and not attack.regression and (stage.asked.claim or attack.family != DP):
        return _of_a_number(stage, attack)
    if needs not in stage.exposed:
        shown = ", ".join(sorted(stage.exposed)) or "nothing"
        return "not_applicable", f"the attack needs {needs}, and {stage.plan.scene} exposes only: {shown}"
    if reason := probe.unmet(stage.exposed, stage.seen, needs):
        return "not_testable", reason
    if missing := _not_given(stage, attack):
        return missing
    reason = (_no_references(stage) if attack.needs_references else "") or _mixed(stage, attack)
    reason = reason or (twins.impossible(stage.plan.recipe, stage.records.members) if attack.needs_twins else "")
    if attack.alters_records and stage.opened.scores is not None:
        reason = reason or "only exported scores are here, so no altered record can be asked about"
    return ("not_testable", reason) if reason else None


def _of_a_number(stage: Stage, attack: Attack) -> tuple[str, str]:
    """An attack on classes has no meaning for a regression; one on attributes or properties has, and is not made yet."""
    if attack.family in (MEMBERSHIP, INVERSION):
        return "not_applicable", "the attack reads classes or their confidences, and the model predicts a number"
    asked = _question_of(attack)
    found = asked(stage) if asked else None
    if found is not None and found[0] == "not_requested":
        return found
    return "not_testable", "this attack is not made yet for models that predict a number"


def _not_given(stage: Stage, attack: Attack) -> tuple[str, str] | None:
    """What the spec must say for an attack to have a question; a spec that says nothing of it did not ask."""
    if asked := _question_of(attack):
        return asked(stage)
    if attack.needs_companions and (found := companions.obstacle(stage.plan.company, stage.plan.spec)):
        return found
    if attack.needs_public and stage.records.public is None and attack.name not in stage.brought:
        return ("not_requested" if stage.plan.spec.attacks is None else "not_testable"), NO_PUBLIC
    return None


def _no_references(stage: Stage) -> str:
    if stage.opened.scores is not None:
        return "only exported scores are here, so nothing shows that reference models would be like the model"
    if stage.plan.recipe is None or not stage.plan.spec.references:
        return "the spec gives no recipe, or no references, so no reference model could be trained"
    return ""


def _no_worlds(stage: Stage) -> tuple[str, str] | None:
    """Why there are no models of two worlds; not asked for unless the spec names the property or the attack."""
    spec = stage.plan.spec
    if spec.property_ is None:
        return ("not_requested" if spec.attacks is None else "not_testable"), NOT_ASKED
    if stage.opened.scores is not None:
        return (
            "not_testable",
            "only exported scores are here, so the model cannot be asked what models of two worlds are",
        )
    if stage.plan.recipe is None:
        return "not_testable", "the spec gives no recipe, so no models of two worlds can be trained"
    found = world_design.design(spec.property_, stage.records, spec.seed)
    return ("not_testable", found) if isinstance(found, str) else None


_WHERE_NAMED: Mapping[str, Callable[[Stage], tuple[str, str] | None]] = {
    PROPERTY: _no_worlds,
    attribute.FAMILY: attribute.obstacle,
    whole_records.NAME: whole_records.obstacle,
}
"""Families, and attacks, that ask a question of their own, and are not run unless the spec puts it."""


def _question_of(attack: Attack) -> Callable[[Stage], tuple[str, str] | None] | None:
    return _WHERE_NAMED.get(attack.name) or _WHERE_NAMED.get(attack.family)


def _mixed(stage: Stage, attack: Attack) -> str:
    """Records that stand on both sides of a line the attack relies on."""
    if attack.family == MEMBERSHIP and stage.population_shared:
        return f"{stage.population_shared} population records are also members or non-members; they must be disjoint"
    if attack.family == MEMBERSHIP and stage.trained_on > validity.MOST_DUPLICATES * len(stage.records.nonmembers):
        return (
            f"{stage.trained_on} of {len(stage.records.nonmembers)} non-members are in the data that the version was "
            f"trained on, so they are no non-members"
        )
    if attack.family == INVERSION and stage.evaluation_shared:
        return f"{stage.evaluation_shared} evaluation records are also members, so the judges would know the answers"
    brought = stage.brought.get(attack.name)
    if brought is not None and brought.seen:
        return (
            f"the generator {brought.generator.name} has learnt from {brought.seen} members or evaluation records, so it "
            f"would know the answers"
        )
    if attack.family == INVERSION and stage.public_shared:
        return f"{stage.public_shared} public records are also members or evaluation records, so the prior would know the answers"
    return ""


def staged_recipe(stage: Stage) -> Recipe | None:
    """The plan's recipe; for a target of numbers, on that target's scale."""
    recipe, scale = stage.plan.recipe, stage.opened.scale
    return RegressionRecipe.of(recipe, scale) if scale is not None and recipe is not None else recipe


def planned_control(stage: Stage) -> control.Plan | None:
    """What the positive control will be given; None where the spec wants none."""
    labels, spec = stage.records.labels, stage.plan.spec
    if not spec.positive_control:
        return None
    if stage.opened.scale is not None:
        return planted.plan(stage.records, spec.seed)
    return control.plan(len(labels), labels, stage.target.n_classes, spec.seed)


def share(stage: Stage, vault: Vault, progress: Progress, engine: Engine) -> Shared:
    """Train references and control and compare the groups: everything membership attacks need, once for all of them.

    Raises:
        InputError: the recipe does not fit, or there are too few records.
        WorkError: the cluster is lost, or the disk is full.
        MissingExtraError: torch or scikit-learn is not installed.
    """
    spec, plan = stage.plan.spec, stage.plan
    progress("compare members with non-members", 0, 1)
    checked = validity.check(stage.records, runtime.rng(spec.seed, "validity"))
    n_classes = stage.target.n_classes
    planned, recipe, scale = planned_control(stage), staged_recipe(stage), stage.opened.scale
    trained, caveats = None, list[str]()
    if recipe is not None and spec.references and stage.opened.scores is None:
        masks, caveats = halves.drawn(spec.references, stage.records, plan.unit, spec.unit, spec.seed)
        trained = references.train_references(
            recipe,
            stage.target,
            stage.records,
            count=spec.references,
            seed=spec.seed,
            control=planned,
            training_records=sum(len(source.rows) for source in plan.training) or None,
            progress=lambda done: progress("reference models", done, spec.references),
            device=plan.device,
            engine=engine,
            masks=masks,
        )
    made = None
    if planned is not None:
        progress("positive control", 0, 1)
        asked, access = trained.control if trained else None, stage.target.access
        made = (
            control.train_control(planned, plan.recipe, stage.records, access, n_classes, spec.seed, asked)
            if scale is None
            else planted.train_control(planned, stage.records, scale, access, spec.seed, asked)
        )
    # Where people have records on both sides, nobody is wholly a member: then records are counted, unless the spec insists.
    unit = spec.unit or ("record" if caveats else None)
    attacked = replace(stage.asked, references=trained.references if trained else None, unit=unit)
    kept = {} if trained is None else {"references_cached": trained.cached}
    params = {"validity": checked, "answers": Answers(stage.target, attacked)}
    stored = reference_evidence.store(vault, trained, engine.cache.folder) if trained else None
    return Shared(attacked, params, made, {"seed": np.int64(spec.seed)}, kept, tuple(caveats), stored)


def with_worlds(stage: Stage, progress: Progress, engine: Engine, *, weights: bool) -> AttackData:
    """What property inference gets: the records, and models of two worlds; with their weights where they are attacked.

    Raises:
        InputError: the recipe does not fit.
        MissingExtraError: torch or scikit-learn is not installed.
    """
    spec, plan = stage.plan.spec, stage.plan
    assert spec.property_ is not None
    assert plan.recipe is not None
    found = world_design.design(spec.property_, stage.records, spec.seed)
    assert isinstance(found, world_design.Design)
    trained = worlds.train(
        found,
        plan.recipe,
        stage.records.members,
        stage.target.n_classes,
        seed=spec.seed,
        control=spec.positive_control,
        weights=weights,
        target_records=sum(len(source.rows) for source in plan.training) or None,
        progress=lambda done, total: progress("models of two worlds", done, total),
        engine=engine,
        device=plan.device,
    )
    return replace(stage.asked, worlds=trained)


def with_twins(stage: Stage, progress: Progress, params: Mapping[str, Any]) -> AttackData:
    """What the split-swap test gets: the records, and pairs of models trained on halves of the members.

    Raises:
        InputError: the recipe does not fit.
        WorkError: a recipe's own function failed.
        MissingExtraError: torch is not installed.
    """
    plan, members = stage.plan, stage.records.members
    assert plan.recipe is not None
    trained = twins.train(
        plan.recipe,
        members,
        stage.target.n_classes,
        count=twins.splits(params, twins.classes_in_both(members)),
        seed=plan.spec.seed,
        device=plan.device,
        progress=lambda done, total: progress("twin models", done, total),
    )
    return replace(stage.asked, twins=trained)
