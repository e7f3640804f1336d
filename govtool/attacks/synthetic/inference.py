"""Attribute inference: does the nearest synthetic row give away what is not known of a person?

Giomi et al., PoPETs 2023, section 5.3. What also holds for control records is a fact about the population, not about a
person in the data.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from govtool.attacks.interface import FloatArray, Mask, NotTestable, Outcome
from govtool.attacks.synthetic import risk
from govtool.attacks.synthetic.interface import Rows, Tables, columns_named, list_of_names, sample, whole
from govtool.attacks.synthetic.neighbours import metric_of
from govtool.estimate import Counts

NAME = "inference"
RECORDS = 2000
TOLERANCE = 0.05
"""A guessed number counts as right within this share of the column's spread."""
MOST_SECRETS = 8


def run(tables: Tables, params: Mapping[str, Any], rng: np.random.Generator) -> Outcome:
    """Guess each secret column of originals and of control records from what is known.

    Raises:
        InputError: `secrets` or `known` do not name columns.
    """
    if len(tables.names) < 2:  # noqa: PLR2004 - something known and something secret
        return NotTestable("the table has one column, so nothing is left to infer it from")
    named = params.get("secrets")
    secrets = _usual_secrets(tables) if named is None else columns_named(tables, named, "secrets")
    known = columns_named(tables, params["known"], "known") if "known" in params else list(range(len(tables.names)))
    chosen = sample(tables.originals, whole(params, "records", RECORDS), rng)
    compared = sample(tables.control, len(chosen), rng)
    parts: list[risk.Part] = []
    arrays: dict[str, Any] = {"originals": chosen, "control": compared}
    for secret in secrets:
        given = [column for column in known if column != secret]
        if not given:
            return NotTestable(f"nothing is known from which {tables.names[secret]} could be inferred")
        part, hits, control_hits = _one(tables, secret, given, chosen, compared, rng)
        parts.append(part)
        arrays |= {f"hits_{secret}": hits, f"control_hits_{secret}": control_hits}
    left_out = [name for column, name in enumerate(tables.names) if column not in secrets]
    return risk.assess(
        attack=NAME,
        knowledge="The attacker holds the synthetic table and knows all columns of a person but the secret one"
        + ("." if "known" not in params else f", of these: {', '.join(tables.names[column] for column in known)}."),
        parts=parts,
        params=params,
        arrays=arrays,
        detail={"secrets": [tables.names[secret] for secret in secrets], "tolerance": TOLERANCE},
        caveats=[f"Not tried as secrets: {', '.join(left_out)}."] if left_out else [],
    )


def _usual_secrets(tables: Tables) -> list[int]:
    """The last columns, where a label stands, as many as are tried by default."""
    return list(range(len(tables.names)))[-MOST_SECRETS:]


def _one(
    tables: Tables, secret: int, given: list[int], chosen: Rows, compared: Rows, rng: np.random.Generator
) -> tuple[risk.Part, Mask, Mask]:
    metric = metric_of(tables)
    reach = 0.0 if tables.categorical[secret] else TOLERANCE * float(metric.spread[secret])
    answers = tables.synthetic[:, secret]

    def right(asked: FloatArray) -> Mask:
        _, nearest = metric.nearest(asked, tables.synthetic, 1, given, rng)
        return np.asarray(np.abs(answers[nearest[:, 0]] - asked[:, secret]) <= reach)

    hits, control_hits = right(tables.originals[chosen]), right(tables.control[compared])
    counts = Counts(int(hits.sum()), len(hits), int(control_hits.sum()), len(control_hits))
    return (
        risk.Part(tables.names[secret], counts, chance(answers, tables.originals[chosen, secret], reach)),
        hits,
        control_hits,
    )


def chance(answers: FloatArray, truth: FloatArray, reach: float) -> float:
    """How often the value of a random synthetic row is right."""
    ladder = np.sort(answers)
    inside = np.searchsorted(ladder, truth + reach, side="right") - np.searchsorted(ladder, truth - reach, side="left")
    return float(inside.mean() / len(ladder))


def check(params: Mapping[str, Any]) -> None:
    """Raises InputError: "secrets" or "known" is no list of different names, or "records" no number of records."""
    whole(params, "records", RECORDS)
    if params.get("secrets") is not None:
        list_of_names(params["secrets"], "secrets")
    if "known" in params:
        list_of_names(params["known"], "known")
