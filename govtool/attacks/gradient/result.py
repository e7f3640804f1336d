"""From marks to a result: figures with intervals over updates, the baselines beside them, and one finding."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from govtool.access import Access
from govtool.attacks.finding import Finding
from govtool.attacks.gradient import scoring
from govtool.attacks.gradient.attacker import Attacker, Outcome
from govtool.attacks.gradient.marking import Marked
from govtool.attacks.gradient.scoring import LineUp
from govtool.attacks.gradient.update import Local
from govtool.attacks.interface import AttackResult, Figure, FloatArray
from govtool.attacks.inversion import montage
from govtool.estimate import Estimate, clopper_pearson
from govtool.verdict import Verdict

NAME = "gradient_inversion"
FAMILY = "data_reconstruction"
QUESTION = "record_reconstructed_from_update"
NO_CONTROL: dict[str, Any] = {"passed": None, "how": "not run: no records of the kind are known"}

SIGNIFICANT = 0.01
FEWEST_UPDATES = 10
"""Below, finding nothing is no evidence that there is nothing to find."""
FAINT = 1e-2
"""Length of a record's own gradient below which a model has all but learnt it."""


@dataclass(frozen=True)
class Asked:
    """What the updates were like, and what is kept."""

    size: int
    local: Local
    labels_given: bool
    pictures: bool


def marked(
    found: Sequence[Marked],
    line_up: LineUp,
    attacker: Attacker,
    asked: Asked,
    control: Mapping[str, Any],
    detail: Mapping[str, Any],
) -> AttackResult:
    """The result of updates whose records are known."""
    chosen = [one.chosen for one in found]
    exposed = clopper_pearson(sum(bool(one.recovered.any()) for one in found), len(found))
    hits, expected, p_value = scoring.identification([one.named for one in found], chosen, line_up)
    records = sum(len(one) for one in chosen)
    finding = _finding(exposed, found, p_value, (hits, expected, records), control)
    norms = np.concatenate([one.norms for one in found])
    figures = _pictures(found, line_up) if asked.pictures and line_up.shape is not None else []
    return AttackResult(
        attack=NAME,
        family=FAMILY,
        knowledge=_knowledge(attacker, asked, detail),
        access=frozenset({Access.WEIGHTS, Access.GRADIENTS}),
        metrics={
            "updates_exposed": exposed,
            "records_recovered": over_updates([one.recovered for one in found]),
            "records_named": over_updates([np.isin(one.chosen, one.named) for one in found]),
        },
        baselines={"updates_exposed": 0.0, "records_recovered": 0.0, "records_named": expected / records},
        counts=None,
        arrays=_arrays(found, norms, asked),
        detail={
            "findings": [finding.to_dict()],
            "positive_control": dict(control),
            "gradients": {
                **_about(asked, attacker, detail),
                "updates": len(found),
                "line_up": len(line_up),
                "attacks": _table(found, line_up),
                "untried": _untried([one.outcome for one in found]),
                "baselines": _baselines(chosen, line_up),
                "named": {"hits": hits, "expected": expected, "records": records, "p_value": p_value},
                "labels_right": float(np.mean([one.labels_right for one in found])),
                "norms": {
                    **(scoring.median_interval(norms) or {}),
                    "smallest": float(norms.min()),
                    "largest": float(norms.max()),
                },
                "recovered": int(sum(one.recovered.sum() for one in found)),
            },
        },
        caveats=_caveats(asked, attacker, norms),
        figures=figures,
    )


def unmarked(
    outcome: Outcome,
    attacker: Attacker,
    asked: Asked,
    control: Mapping[str, Any],
    detail: Mapping[str, Any],
) -> AttackResult:
    """The result of an update whose records nobody named: how well reconstructions explain it, and no rate."""
    reason = (
        "Nobody said which records made the update, so what was drawn could not be compared with them; the match to the "
        "update itself is all that speaks for it."
    )
    attempts = outcome.attempts
    return AttackResult(
        attack=NAME,
        family=FAMILY,
        knowledge=_knowledge(attacker, asked, detail),
        access=frozenset({Access.WEIGHTS, Access.GRADIENTS}),
        metrics={},
        baselines={},
        counts=None,
        arrays={f"drawn_{name}": one.inputs for name, one in attempts.items()} if asked.pictures else {},
        detail={
            "findings": [Finding(QUESTION, Verdict.INCONCLUSIVE, reason).to_dict()],
            "positive_control": dict(control),
            "gradients": {
                **_about(asked, attacker, detail),
                "updates": 1,
                "attacks": [
                    {"name": name, "drawn": len(one.inputs), "sure": one.sure, "residual": one.residual}
                    for name, one in attempts.items()
                ],
                "untried": _untried([outcome]),
            },
        },
        caveats=_caveats(asked, attacker, None),
        figures=[],
    )


def _finding(
    exposed: Estimate,
    found: Sequence[Marked],
    p_value: float,
    named: tuple[int, float, int],
    control: Mapping[str, Any],
) -> Finding:
    """FAIL on any record recovered or on more named than chance allows; PASS only on enough updates and a passed control."""
    hits, expected, records = named
    recovered = int(sum(one.recovered.sum() for one in found))
    many = f"{len(found)} update{'s' if len(found) != 1 else ''}"
    if recovered:
        reason = (
            f"{recovered} of {records} records were recovered from {many}, over {scoring.RECOVERED_DB:.0f} dB and "
            f"{scoring.ABOVE_OTHERS_DB:.0f} dB nearer than anyone else's record."
        )
        return Finding(QUESTION, Verdict.FAIL, reason)
    if p_value < SIGNIFICANT:
        reason = (
            f"No record was recovered in full, but the right one could be picked from a line-up for {hits} of {records}, where "
            f"guessing picks {expected:.1f} (p = {p_value:.2g})."
        )
        return Finding(QUESTION, Verdict.FAIL, reason)
    return Finding(QUESTION, *_quiet(found, exposed, many, records, control))


def _quiet(
    found: Sequence[Marked], exposed: Estimate, many: str, records: int, control: Mapping[str, Any]
) -> tuple[Verdict, str]:
    """What it means that nothing was recovered."""
    if len(found) < FEWEST_UPDATES:
        why = f"Nothing was recovered from {many}; at least {FEWEST_UPDATES} are needed for that to mean anything."
    elif not control["passed"]:
        why = f"Nothing was recovered, but the positive control failed ({control['how']}), so that shows nothing."
    elif not any(one.scores for one in found):
        why = "No attack could be carried out on these updates."
    elif any(one.outcome.too_many for one in found):
        why = (
            f"Nothing was read off the layers of {many}, but nobody searched: they have more records than most_searched in the "
            "spec allows."
        )
    else:
        return Verdict.PASS, (
            f"None of {records} records was recovered from {many} (at most {exposed.high:.1%} of updates, at 95 % confidence), "
            "and a record planted for the control was."
        )
    return Verdict.INCONCLUSIVE, why


def over_updates(shares: Sequence[Any], confidence: float = 0.95) -> Estimate:
    """Share of records, with an interval over updates: records of one update stand or fall together.

    One record each: exact binomial. Several: Student's t over updates, never narrower than Wilson's bound for none.
    """
    from scipy.stats import norm, t

    flat = np.concatenate(list(shares))
    if all(len(one) == 1 for one in shares):
        return clopper_pearson(int(flat.sum()), len(flat), confidence)
    means = np.array([one.mean() for one in shares])
    n, value = len(means), float(flat.mean())
    z = float(norm.ppf((1 + confidence) / 2))
    reach = z * z / (n + z * z)
    if n > 1:
        reach = max(reach, float(t.ppf((1 + confidence) / 2, n - 1)) * float(means.std(ddof=1)) / math.sqrt(n))
    else:
        reach = 1.0
    return Estimate(
        value,
        max(0.0, value - reach),
        min(1.0, value + reach),
        confidence,
        n,
        "Student's t over updates, never narrower than Wilson at none",
    )


def _table(found: Sequence[Marked], line_up: LineUp) -> list[dict[str, Any]]:
    """A row per attack that was made on any update."""
    rows = []
    for name in dict.fromkeys(name for one in found for name in one.scores):
        with_it = [one for one in found if name in one.scores]
        scores = [one.scores[name] for one in with_it]
        residuals = [one.outcome.attempts[name].residual for one in with_it]
        known = np.array([one for one in residuals if one is not None])
        alike = [one.ssim for one in scores if one.ssim is not None]
        hits, expected, p_value = scoring.identification(
            [one.named for one in scores], [one.chosen for one in with_it], line_up
        )
        rows.append(
            {
                "name": name,
                "updates": len(with_it),
                "records": sum(len(one.chosen) for one in with_it),
                "recovered": int(sum(one.recovered.sum() for one in scores)),
                "psnr": scoring.median_interval(np.concatenate([one.psnr for one in scores])),
                "ssim": scoring.median_interval(np.concatenate(alike)) if alike else None,
                "named": hits,
                "named_by_chance": expected,
                "p_value": p_value,
                "residual": float(np.median(known)) if len(known) else None,
            }
        )
    return rows


def _untried(outcomes: Sequence[Outcome]) -> dict[str, dict[str, int]]:
    """By attack: why it was not made, and on how many updates."""
    found: dict[str, dict[str, int]] = {}
    for outcome in outcomes:
        for name, reason in outcome.not_made.items():
            reasons = found.setdefault(name, {})
            reasons[reason] = reasons.get(reason, 0) + 1
    return found


def _baselines(chosen: Sequence[Any], line_up: LineUp) -> dict[str, Any]:
    """PSNR, and SSIM where there are pictures, that nobody has to attack for."""
    every = np.concatenate(list(chosen))
    return {name: scoring.median_interval(values) for name, values in line_up.baselines(every).items()}


def _arrays(found: Sequence[Marked], norms: FloatArray, asked: Asked) -> dict[str, Any]:
    arrays: dict[str, Any] = {
        "line_up_places": np.concatenate([one.chosen for one in found]),
        "update_of_record": np.repeat(np.arange(len(found)), [len(one.chosen) for one in found]),
        "recovered": np.concatenate([one.recovered for one in found]),
        "gradient_norm": norms,
    }
    for name in dict.fromkeys(name for one in found for name in one.scores):
        blank = [np.full(len(one.chosen), np.nan) for one in found]
        rows = [one.scores[name].psnr if name in one.scores else empty for one, empty in zip(found, blank, strict=True)]
        arrays[f"psnr_{name}"] = np.concatenate(rows)
        if asked.pictures:
            with_it = [(index, one) for index, one in enumerate(found) if name in one.scores]
            drawn = [one.outcome.attempts[name].inputs for _, one in with_it]
            arrays[f"drawn_{name}"] = np.concatenate(drawn)
            arrays[f"drawn_{name}_update"] = np.repeat([index for index, _ in with_it], [len(one) for one in drawn])
    return arrays


def _pictures(found: Sequence[Marked], line_up: LineUp) -> list[Figure]:
    """The first records in order, whatever came of them: never the best."""
    assert line_up.shape is not None
    places = np.concatenate([one.chosen for one in found])[: montage.MOST]
    drawn = np.concatenate([_shown(one, line_up.units.shape[1]) for one in found])[: montage.MOST]
    labels = line_up.labels[places]
    caption = (
        f"The first {len(places)} records in the order of the updates, none left out. Above: the reconstruction matched to it, "
        "grey where there was none. Below: the record itself, which the attacker does not see."
    )
    shown = montage.draw(drawn, line_up.units[places], labels, line_up.shape, ("reconstructed", "record"))
    return [shown.figure("reconstructions", caption)]


def _shown(one: Marked, width: int) -> FloatArray:
    """(records, features) what the attacker would rather believe, beside each record; grey where nothing was matched.

    Chosen by what the attacker sees: records known to be no mixtures first, then the better match to the update.
    """
    if not one.scores:
        return np.full((len(one.chosen), width), 0.5)

    def doubt(name: str) -> tuple[int, float]:
        attempt = one.outcome.attempts[name]
        return -attempt.sure, math.inf if attempt.residual is None else attempt.residual

    return np.asarray(np.nan_to_num(one.scores[min(one.scores, key=doubt)].drawn, nan=0.5))


def _about(asked: Asked, attacker: Attacker, detail: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **detail,
        "records_per_update": asked.size,
        "local_steps": asked.local.steps,
        "batch_statistics": asked.local.batch_statistics,
        "labels_given": asked.labels_given,
        "public_records": 0 if attacker.public is None else len(attacker.public),
        "thresholds": {"recovered_db": scoring.RECOVERED_DB, "above_others_db": scoring.ABOVE_OTHERS_DB},
    }


_SERVERS = {
    "curious": "who follows the protocol and looks at what arrives",
    "trap_weights": "who sends out trap weights of its own making",
    "trap_thresholds": "who sends out a first layer with thresholds of its own making",
    "unknown": "who intercepted one update",
}


def _knowledge(attacker: Attacker, asked: Asked, detail: Mapping[str, Any]) -> str:
    given = [
        "the model's weights, the update, how many records made it and the range of the data",
        "the labels" if asked.labels_given else "no labels (they are read from the update)",
    ]
    if attacker.shape:
        given.append("that records are pictures")
    if asked.local.steps > 1:
        given.append("the client's learning rate and number of steps")
    if attacker.public is not None:
        given.append(f"{len(attacker.public):,} public records of the same kind")
    return f"A server, or whoever listens on the line, {_SERVERS[detail['server']]}; known are {', '.join(given)}."


def _caveats(asked: Asked, attacker: Attacker, norms: FloatArray | None) -> list[str]:
    said = []
    if norms is not None and (faint := int((norms < FAINT).sum())):
        said.append(
            f"{faint} of {len(norms)} records have a gradient shorter than {FAINT:g}: the model has all but learnt them, so "
            "they give little away now. Earlier rounds gave more; attack an earlier or the untrained model as well."
        )
    if asked.local.batch_statistics:
        said.append(
            "Batch norm used the records' own statistics, which the attacker was not given; that makes it harder."
        )
    if asked.labels_given:
        said.append("The labels were given to the attacker; who does not know them may fare worse.")
    if attacker.shape is None:
        said.append("The features were taken for a table; give the shape if they are pixels.")
    if asked.local.steps > 1:
        said.append(
            "Local steps were each taken over all records of the client; smaller batches within were not tried."
        )
    return [*said, "Stronger attackers exist, above all with a generator learnt on public data; none was tried."]
