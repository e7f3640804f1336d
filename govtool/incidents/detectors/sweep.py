"""Sweep: a session in which a machine put many different inputs, evenly paced, and took full confidences each time.

Sessions end after half an hour of silence. Evenness is one less the quartile coefficient of dispersion (Q3 - Q1) /
(Q3 + Q1) (Bonett 2006) of the times between inputs: 1 for clockwork or a batch, 0.34 for arrivals at random, and unmoved
by pauses that would inflate a standard deviation. A principal stands out when it is paced far more evenly than the
others of the case; with fewer than four others, than arrivals at random. Nightly batch jobs do the same: suspicion only.
"""

from collections.abc import Mapping
from typing import Any

from govtool.incidents.detectors.interface import Context, Kind, NotApplicable, Outcome, Signal, records
from govtool.incidents.detectors.robust import centre, centres_without_each, spreads_without_each

_RANDOM = 0.344  # exponential gaps: 1 - (ln 4 - ln 4/3) / (ln 4 + ln 4/3)
_SESSION_US = 1800 * 1_000_000
_CONFIDENCES = ("probabilities", "logits", "logprobs")


class Sweep:
    name = "sweep"
    version = "1"
    kind: Kind = "suspicion"
    technique = "AML.T0024 Exfiltration via AI Inference API"
    parameters: Mapping[str, float] = {
        "session_gap_s": _SESSION_US / 1e6,
        "fewest_inputs": 50,
        "fewest_inputs_baseline": 20,
        "fewest_others": 4,
        "distinct_share": 0.95,
        "confidence_share": 0.9,
        "spreads": 3.5,
        "spread_floor": 0.08,
    }

    def run(self, events: Any, context: Context) -> Outcome | NotApplicable:  # noqa: ARG002 - the interface
        setting = self.parameters
        marked = sessions(events)
        found = [row for row in records(_features(marked)) if row["n"] >= setting["fewest_inputs_baseline"]]
        if not any(row["n"] >= setting["fewest_inputs"] for row in found):
            return NotApplicable(f"no session has {setting['fewest_inputs']:.0f} inputs")
        paces: dict[str, list[float]] = {}
        for row in found:
            paces.setdefault(row["principal"], []).append(_evenness(row))
        usual = {who: centre(values) for who, values in paces.items()}
        limits, others = self._limits(usual), len(usual) - 1
        swept: dict[str, list[dict[str, Any]]] = {}
        for row in found:
            if self._is_sweep(row, limits[row["principal"]]):
                swept.setdefault(row["principal"], []).append(row)
        signals = [_signal(swept[who], limits[who], others, marked, events) for who in sorted(swept)]
        return Outcome(tuple(signals), {who: max(values) for who, values in paces.items()})

    def _limits(self, usual: Mapping[str, float]) -> dict[str, float]:
        """The evenness above which each principal stands out from all the others."""
        setting, values = self.parameters, list(usual.values())
        if len(values) - 1 < setting["fewest_others"]:
            return dict.fromkeys(usual, _RANDOM + setting["spreads"] * setting["spread_floor"])
        middles = centres_without_each(values).clip(min=_RANDOM)
        limits = middles + setting["spreads"] * spreads_without_each(values, setting["spread_floor"])
        return dict(zip(usual, limits.tolist(), strict=True))

    def _is_sweep(self, row: dict[str, Any], limit: float) -> bool:
        setting = self.parameters
        return (
            row["n"] >= setting["fewest_inputs"]
            and row["distinct"] >= setting["distinct_share"] * row["n"]
            and row["confident"] >= setting["confidence_share"] * row["n"]
            and _evenness(row) > limit
        )


def sessions(events: Any) -> Any:
    """The events with a column `session`: per principal, how many silences longer than the gap came before."""
    import ibis

    order = [events.ts_us, events.original_sha256, events.line_no]
    before = events.ts_us.lag().over(ibis.window(group_by=events.principal, order_by=order))
    fresh = events.mutate(fresh=((events.ts_us - before) > _SESSION_US).fill_null(False).cast("int64"))
    running = ibis.window(
        group_by=fresh.principal,
        order_by=[fresh.ts_us, fresh.original_sha256, fresh.line_no],
        preceding=None,
        following=0,
    )
    return fresh.mutate(session=fresh.fresh.sum().over(running)).drop("fresh")


def _features(marked: Any) -> Any:
    """Per session: inputs, distinct inputs, inputs answered with confidences, quartiles of the time between inputs.

    Inputs of one request arrive together, so a batch counts as perfectly even pace.
    """
    import ibis

    inputs = marked.mutate(fingerprint=marked.fingerprints).unnest("fingerprint")
    order = ibis.window(group_by=[inputs.principal, inputs.session], order_by=[inputs.ts_us, inputs.line_no])
    inputs = inputs.mutate(step=inputs.ts_us - inputs.ts_us.lag().over(order))
    return (
        inputs.group_by(["principal", "session"])
        .agg(
            n=inputs.count(),
            distinct=inputs.fingerprint.nunique(),
            confident=inputs.output_kind.isin(_CONFIDENCES).cast("int64").sum(),
            low=inputs.step.quantile(0.25),
            high=inputs.step.quantile(0.75),
        )
        .order_by(["principal", "session"])
    )


def _evenness(row: dict[str, Any]) -> float:
    """One less the quartile coefficient of dispersion of the steps; no steps at all (one batch) is perfectly even."""
    low, high = row["low"] or 0.0, row["high"] or 0.0
    return float(1 - (high - low) / (high + low)) if high + low > 0 else 1.0


def _signal(swept: list[dict[str, Any]], limit: float, others: int, marked: Any, events: Any) -> Signal:
    """One signal for all sweeps of a principal; the figures are those of the largest."""
    row = max(swept, key=lambda row: (row["n"], -row["session"]))
    who, numbers = row["principal"], [each["session"] for each in swept]
    mine = marked.filter((marked.principal == who) & marked.session.isin(numbers))[["original_sha256", "line_no"]]
    return Signal(
        principal=who,
        session=f"session {row['session'] + 1}" + (f" and {len(swept) - 1} more" if len(swept) > 1 else ""),
        statistic="evenness of pace (1 - quartile dispersion of the times between inputs)",
        value=_evenness(row),
        threshold=limit,
        baseline_n=others,
        summary=(
            f"{row['n']} inputs in one session, {row['distinct']} of them different, {row['confident']} answered with full "
            f"confidences, at an evenness of {_evenness(row):.2f} (arrivals at random: {_RANDOM:.2f})"
        ),
        counter_evidence=(
            "a nightly batch job is just as even and just as varied",
            f"the limit rests on {others} other principals"
            if others >= Sweep.parameters["fewest_others"]
            else "too few other principals to compare with: the limit is that of arrivals at random",
        ),
        rows=events.semi_join(mine, ["original_sha256", "line_no"]),
    )
