"""Everything the attacks of one run share, made once: records, target, probe, references, validity, control."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from govtool import runtime
from govtool.attacks import validity
from govtool.attacks.interface import Attack, AttackData, Records, Target
from govtool.audits import control, data, references
from govtool.audits.plan import Plan
from govtool.audits.targets import base, probe
from govtool.audits.targets import open as opener
from govtool.audits.targets.open import Opened
from govtool.audits.targets.probe import Capabilities
from govtool.errors import InputError
from govtool.evidence.vault import Vault

MEMBERSHIP = "membership_inference"
INVERSION = "model_inversion"

Progress = Callable[[str, int, int], None]
"""Called with a step's name, how much of it is done, and how much there is."""


@dataclass(frozen=True)
class Stage:
    """What was set up; `shared` is how many records of the population and evaluation were found where they must not be."""

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
    trained_on: int
    """How many non-members the target was trained on, by lineage: they make a model that leaks look like one that does not."""
    caveats: tuple[str, ...]

    @property
    def exposed(self) -> frozenset[Any]:
        return self.seen.access if self.plan.exposed is None else self.plan.exposed


@dataclass(frozen=True)
class Shared:
    """What membership attacks are given on top, and what is kept of it as evidence."""

    data: AttackData
    params: Mapping[str, Any]
    control: control.Control | None
    arrays: Mapping[str, Any]


def set_up(plan: Plan, vault: Vault, environ: Mapping[str, str], trust_pickle: str | None) -> Stage:
    """Read the records, open the target and see whether it honours what it exposes.

    Raises:
        EvidenceError: a dataset or artifact is not what was registered.
        InputError: records and model do not belong together.
        WorkError: the target does not load or does not answer.
    """
    groups = {group: data.read(sources) for group, sources in plan.sources.items()}
    members, nonmembers = groups["members"], groups["nonmembers"]
    assert members is not None
    assert nonmembers is not None
    records = AttackData(members, nonmembers, groups["population"], groups["evaluation"])
    width = members.features.shape[1]
    for group, found in groups.items():
        if found is not None and found.features.shape[1] != width:
            raise InputError(f"{group} have {found.features.shape[1]} features, members {width}")
    promised = opener.ALL if plan.exposed is None else plan.exposed
    opened = opener.open_target(
        plan.version,
        vault,
        exposed=promised,
        inputs=width,
        endpoint=plan.endpoint,
        environ=environ,
        trust_pickle=trust_pickle,
    )
    asked = records if opened.scores is None else _by_index(records, opened.scores.groups)
    seen = probe.probe(opened.target, asked.features)
    target = opened.target if opened.http is None else base.Exposed(opened.http, promised & seen.access)
    if target.n_classes:
        for group, found in groups.items():
            data.check_labels(found, target.n_classes, group)
    trained_on, caveats = data.trained_among(plan.training, nonmembers)
    audited = Records(records.features, records.labels)
    return Stage(
        plan,
        opened,
        target,
        replace(seen, access=target.access),
        records,
        asked,
        data.shared(audited, records.population),
        data.shared(members, records.evaluation),
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
    return AttackData(groups["member"], groups["nonmember"], population if records.population is not None else None)


def obstacle(stage: Stage, attack: Attack) -> tuple[str, str] | None:
    """Why an attack is not run here, as (status, reason); None when it is."""
    needs = attack.needs
    if needs not in stage.exposed:
        shown = ", ".join(sorted(stage.exposed)) or "nothing"
        return "not_applicable", f"the attack needs {needs}, and {stage.plan.scene} exposes only: {shown}"
    if reason := probe.unmet(stage.exposed, stage.seen, needs):
        return "not_testable", reason
    reason = (_no_references(stage) if attack.needs_references else "") or _mixed(stage, attack)
    return ("not_testable", reason) if reason else None


def _no_references(stage: Stage) -> str:
    if stage.opened.scores is not None:
        return "only exported scores are here, so nothing shows that reference models would be like the model"
    if stage.plan.recipe is None or not stage.plan.spec.references:
        return "the spec gives no recipe, or no references, so no reference model could be trained"
    return ""


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
    return ""


def share(stage: Stage, progress: Progress) -> Shared:
    """Train references and control and compare the groups: everything membership attacks need, once for all of them.

    Raises:
        InputError: the recipe does not fit, or there are too few records.
        MissingExtraError: torch or scikit-learn is not installed.
    """
    spec, plan = stage.plan.spec, stage.plan
    progress("compare members with non-members", 0, 1)
    checked = validity.check(stage.records, runtime.rng(spec.seed, "validity"))
    n_classes = stage.target.n_classes
    planned = None
    if spec.positive_control:
        planned = control.plan(len(stage.records.labels), stage.records.labels, n_classes, spec.seed)
    trained = None
    if plan.recipe is not None and spec.references and stage.opened.scores is None:
        progress("reference models", 0, spec.references)
        trained = references.train_references(
            plan.recipe,
            stage.target,
            stage.records,
            count=spec.references,
            seed=spec.seed,
            control_labels=None if planned is None else planned.labels,
            training_records=sum(len(source.rows) for source in plan.training) or None,
            progress=lambda done: progress("reference models", done, spec.references),
        )
    made = None
    if planned is not None:
        progress("positive control", 0, 1)
        made = control.train_control(
            planned,
            plan.recipe,
            stage.records,
            stage.target.access,
            n_classes,
            spec.seed,
            trained.control if trained else None,
        )
    arrays: dict[str, Any] = {"seed": np.int64(spec.seed)}
    if trained is not None:
        arrays["reference_members"] = trained.references.members
        arrays["reference_seeds"] = np.array(trained.seeds, dtype=np.int64)
        arrays["reference_log_probabilities"] = trained.references.log_probabilities
    attacked = replace(stage.asked, references=trained.references if trained else None)
    return Shared(attacked, {"validity": checked}, made, arrays)
