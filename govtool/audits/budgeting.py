"""A plan whose number of references a budget decides, settled by a calibration before the run is recorded as started."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from govtool.attacks.interface import Attack
from govtool.audits import budget, calibration, halves
from govtool.audits.engine import Engine
from govtool.audits.plan import Plan
from govtool.audits.stage import planned_control, set_up, staged_recipe
from govtool.evidence.vault import Vault


def settle(
    plan: Plan,
    vault: Vault,
    environ: Mapping[str, str],
    trust_pickle: str | None,
    engine: Engine,
    attacks: Mapping[str, Attack],
    tell: Callable[[str], None],
) -> Plan:
    """The plan as the budget allows, and a word on it; as it is where there is no budget, or nothing for it to decide.

    Raises:
        GovtoolError: as `stage.set_up`, and where the recipe does not fit the records.
    """
    spec = plan.spec
    if spec.budget is None:
        return plan
    if plan.recipe is None:
        tell("the budget decides nothing: it is about reference models, and the spec gives no recipe")
        return plan
    stage = set_up(plan, vault, environ, trust_pickle)
    try:
        if stage.opened.scores is not None:
            tell("the budget decides nothing: exported scores are attacked without reference models")
            return plan
        recipe = staged_recipe(stage)
        assert recipe is not None
        choice = calibration.choose(
            budget.parse(spec.budget),
            spec.most_references,
            recipe,
            stage.records,
            stage.target.n_classes,
            engine,
            seed=spec.seed,
            control=planned_control(stage),
            draw=lambda count: halves.drawn(count, stage.records, plan.unit, spec.unit, spec.seed)[0],
            device=plan.device,
        )
    finally:
        stage.opened.closing()
    if not choice.references:
        unable = tuple(name for name in plan.requested if attacks[name].needs_references)
        choice = replace(choice, left_out=unable)
    tell(str(choice))
    # Twin models cost as much as references and are not in that price, so they are trained only for whoever names their test.
    unpriced = {name for name in plan.requested if attacks[name].needs_twins and name not in (spec.attacks or {})}
    without = {*choice.left_out, *unpriced}
    return replace(
        plan,
        spec=spec.model_copy(update={"references": choice.references}),
        requested={name: given for name, given in plan.requested.items() if name not in without},
        budget=choice,
    )
