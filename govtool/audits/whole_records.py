"""What the reconstruction of whole records is given beside them: it runs only where the spec names it and says what is known."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from govtool import runtime
from govtool.attacks.interface import Attack
from govtool.attacks.tabular import planted, record_reconstruction
from govtool.audits import attribute

if TYPE_CHECKING:
    from govtool.audits.stage import Stage

NAME = record_reconstruction.NAME
FAMILY = record_reconstruction.FAMILY


def obstacle(stage: "Stage") -> tuple[str, str] | None:
    """Why records are not reconstructed here, as (status, reason). Not asked for unless the spec names the attack."""
    if stage.plan.spec.attacks is None:
        return (
            "not_requested",
            "the spec does not name it (write for example: attacks: {record_reconstruction: {known: [age, sex]}})",
        )
    reason = attribute.unfit(stage)
    return ("not_testable", reason) if reason else None


def control(stage: "Stage", attack: Attack, params: Mapping[str, Any]) -> dict[str, Any]:
    """Attack a model made to give records away; what `params["positive_control"]` takes."""
    rng = runtime.rng(stage.plan.spec.seed, f"{attack.name}-control")
    return planted.control(attack.run, stage.asked, stage.target.access, params, rng)
