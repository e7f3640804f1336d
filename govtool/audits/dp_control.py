"""The positive control of a canary audit: a model that learnt half of the canaries by heart must be found out.

It learns other records of the training set with them, as a real model does. From canaries alone it would learn nothing of
what ordinary records look like, and be as sure of wrong labels that it never saw: measured on 900 records of 3 classes with
200 canaries, 8 draws, the bound is then 1.2 to 2.0, and 1.9 to 2.6 in company.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from govtool import runtime
from govtool.attacks import statistics
from govtool.attacks.interface import Attack, AttackData, AttackResult, Canaries, Records, Target
from govtool.audits import control
from govtool.audits import data as rows
from govtool.audits.recipe import Recipe

COMPANY = 10
"""Other training records per canary, at most."""


def judge(
    attack: Attack, target: Target, data: AttackData, recipe: Recipe | None, params: Mapping[str, Any], seed: int
) -> dict[str, Any]:
    """Toss fresh coins for the same canaries, train a model on those that fell inside until it knows them, audit it.

    Passed when the bound there exceeds the claim: an audit that could not contradict the claim on a model that knows its
    canaries for certain shows nothing by its silence. Where even a perfect attacker could not, any bound above zero will do.
    """
    assert data.canaries is not None
    assert data.claim is not None
    records = data.canaries.records
    rng = runtime.rng(seed, "canary-control")
    inside = rng.integers(2, size=len(records)).astype(np.bool_)
    company = _others(data.members, records, rng)
    learnt = np.concatenate([inside, np.ones(len(company), dtype=np.bool_)])
    trained = control.train_control(
        control.Plan(learnt, np.concatenate([records.labels, company.labels])),
        recipe,
        AttackData(records, company),
        target.access,
        target.n_classes,
        seed,
        None,
    )
    how = (
        f"a model trained on {int(inside.sum())} of the {len(records)} canaries and {len(company)} other training records to "
        f"{trained.train_accuracy:.1%} accuracy"
    )
    planted = replace(data, canaries=Canaries(records, inside, "fair_coin"))
    found = attack.run(trained.target, planted, params, runtime.rng(seed, f"{attack.name}-control"))
    if not isinstance(found, AttackResult):
        return {"passed": False, "auc": None, "how": f"{how}; the audit could not be run on it: {found.reason}"}
    scores, coins = found.arrays["scores"], found.arrays["membership"]
    bound, ceiling = found.metrics["epsilon_lower_bound"].value, found.detail["one_run"]["ceiling"]
    needed = data.claim.epsilon if ceiling > data.claim.epsilon else 0.0
    asked = f", which must exceed the claim of {needed:g}" if needed else ""
    return {
        "passed": bound > needed,
        "auc": statistics.auc(scores, coins).to_dict(),
        "how": f"{how}; the bound found there is {bound:.3g}{asked}",
    }


def _others(members: Records, canaries: Records, rng: np.random.Generator) -> Records:
    """Some training records that are no canaries."""
    ordinary = np.flatnonzero(~rows.among(members.features, canaries.features))
    chosen = np.sort(rng.permutation(ordinary)[: COMPANY * len(canaries)])
    return Records(members.features[chosen], members.labels[chosen])
