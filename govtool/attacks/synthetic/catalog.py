"""Every attack on a synthetic table. A new one is one file and one entry here."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from govtool.attacks.interface import AttackResult
from govtool.attacks.synthetic import copies, inference, linkability, membership, singling_out
from govtool.attacks.synthetic.interface import SyntheticAttack, Tables

_GIOMI = "Giomi, Boenisch, Wehmeyer & Tasnádi, PoPETs 2023, arXiv 2211.10459"
PLANTED = 0.5
"""Share of the originals that the positive control copies into the synthetic table."""

SYNTHETIC_ATTACKS: dict[str, SyntheticAttack] = {
    "singling_out": SyntheticAttack(
        name="singling_out",
        summary="Does a description taken from the synthetic table fit exactly one person?",
        reference=_GIOMI,
        headline="singling_out_risk",
        run=singling_out.run,
        params=frozenset({"guesses"}),
        check=singling_out.check,
    ),
    "linkability": SyntheticAttack(
        name="linkability",
        summary="Can two halves of what is known of a person be joined through the synthetic table?",
        reference=_GIOMI,
        headline="linkability_risk",
        run=linkability.run,
        params=frozenset({"views", "neighbours", "records"}),
        check=linkability.check,
    ),
    "inference": SyntheticAttack(
        name="inference",
        summary="Does the synthetic table give away what is not known of a person?",
        reference=_GIOMI,
        headline="inference_risk",
        run=inference.run,
        params=frozenset({"secrets", "known", "records"}),
        check=inference.check,
    ),
    "copies": SyntheticAttack(
        name="copies",
        summary="Are synthetic rows copies, or nearly, of the records they were made from?",
        reference="Platzer & Reutterer, Frontiers in Big Data 2021, doi 10.3389/fdata.2021.679939",
        headline="closer_to_originals",
        run=copies.run,
        params=frozenset({"rows"}),
        check=copies.check,
    ),
    "membership": SyntheticAttack(
        name="membership",
        summary="Was this record among those that the table was made from?",
        reference="van Breugel, Sun, Qian & van der Schaar, AISTATS 2023, arXiv 2302.12580",
        headline="auc",
        run=membership.run,
        params=frozenset({"records", "neighbours"}),
        check=membership.check,
    ),
}


def positive_control(
    attack: SyntheticAttack, tables: Tables, params: Mapping[str, Any], rng: np.random.Generator
) -> dict[str, Any]:
    """Run the attack on the same tables with copies of half of the originals added; whether it finds them."""
    how = f"copies of {PLANTED:.0%} of the originals added to the synthetic table"
    found = attack.run(tables.with_copies(PLANTED, rng), params, rng)
    if not isinstance(found, AttackResult) or attack.headline not in found.metrics:
        reason = found.void if isinstance(found, AttackResult) else found.reason
        return {"passed": False, "how": f"{how}; the attack gave no figure: {reason}"}
    figure = found.metrics[attack.headline]
    return {"passed": figure.low > found.baselines[attack.headline], "how": how, "figure": figure.to_dict()}
