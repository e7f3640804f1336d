"""The simplest membership attack: a record the model is unusually sure of was probably trained on.

Yeom, Giacomelli, Fredrikson & Jha, 'Privacy Risk in Machine Learning' (CSF 2018, arXiv 1709.01604). Their threshold is
the mean training loss, which an outsider does not know; here it comes from reference models, or else from the population.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from govtool.attacks import signals
from govtool.attacks.interface import AttackData, Outcome, References, Target
from govtool.attacks.membership import answers, assembly, people, worlds
from govtool.attacks.membership.answers import Answers
from govtool.attacks.membership.people import Units

NAME = "loss_threshold"
POPULATION_QUANTILE = 0.5
_MOST = 16


def run(target: Target, data: AttackData, params: Mapping[str, Any], rng: np.random.Generator) -> Outcome:
    """Score each record by the log probability of its own label.

    Raises:
        WorkError: the target's answers are not log probabilities.
        InputError: the reference arrays do not fit the records.
    """
    if (obstacle := assembly.obstacle(target, data)) is not None:
        return obstacle
    asked = answers.asked(target, data, params)
    return assembly.assess(
        attack=NAME,
        knowledge=_knowledge(data),
        data=data,
        scores=asked.audited["log_probability"],
        threshold=_threshold(asked, data),
        params=params,
        rng=rng,
        caveats=_caveats(data),
    )


def transferred_threshold(references: References, units: Units) -> float | None:
    """The median over references (16 at most) of the threshold that is best for each on its own members and non-members.

    None where the halves of every reference cut through every person.
    """
    rows = zip(references.log_probabilities[:_MOST], references.members[:_MOST], strict=True)
    judged = [people.judged(units, np.maximum(row, signals.FLOOR), np.asarray(inside)) for row, inside in rows]
    found = [(one.scores, one.membership) for one in judged if one.tells]
    return worlds.threshold(found) if found else None


def _threshold(asked: Answers, data: AttackData) -> assembly.Threshold | None:
    line = None if data.references is None else transferred_threshold(data.references, people.units(data))
    if data.references is not None and line is not None:
        return assembly.Threshold(
            line,
            f"median of the best thresholds of {data.references.count} reference models on their own training records",
        )
    if data.population is None or len(data.population) == 0:
        return None
    population = asked.population["log_probability"]
    return assembly.Threshold(
        float(np.quantile(population, POPULATION_QUANTILE)),
        f"median score of {len(population)} population records; the mean training loss of Yeom et al. is not known outside",
    )


def _knowledge(data: AttackData) -> str:
    start = "The attacker can query the model, sees the probability it gives to a record's true label"
    if data.references is not None:
        return f"{start}, and sets the threshold on {data.references.count} reference models trained on similar data."
    if data.population is not None:
        return f"{start}, and sets the threshold on {len(data.population)} similar records that were not trained on."
    return f"{start}, and has nothing to set a threshold by."


def _caveats(data: AttackData) -> list[str]:
    found = ["The attack does not allow for records that are easy for every model; reference-based attacks find more."]
    if data.references is None and data.population is None:
        found.append(
            "Without reference models or population records no threshold could be set honestly, so no accuracy is given."
        )
    return found
