"""Volume: a principal that asked far more than the others of this case.

Robust z of the logarithm of its number of requests (Iglewicz & Hoaglin 1993, with median and MAD), judged against the
Student t limit for the number of principals, so that few principals mean a high bar. Every extraction and membership
campaign needs queries; so does a busy customer. Suspicion only.
"""

import math
from collections.abc import Mapping
from typing import Any

from govtool.incidents.detectors.interface import Context, Kind, NotApplicable, Outcome, Signal, records
from govtool.incidents.detectors.robust import centre, spread

_FEWEST = 4


class Volume:
    name = "volume"
    version = "1"
    kind: Kind = "suspicion"
    technique = "AML.T0024 Exfiltration via AI Inference API"
    parameters: Mapping[str, float] = {"family_error": 0.01, "spread_floor": 0.35, "fewest_principals": _FEWEST}

    def run(self, events: Any, context: Context) -> Outcome | NotApplicable:  # noqa: ARG002 - the interface
        from scipy.stats import t

        rows = records(events.group_by("principal").agg(n=events.count()).order_by("principal"))
        if len(rows) < _FEWEST:
            return NotApplicable(f"{len(rows)} principals; a comparison needs at least {_FEWEST}")
        logs = {row["principal"]: math.log(row["n"]) for row in rows}
        values = list(logs.values())
        middle, width = centre(values), spread(values, self.parameters["spread_floor"])
        limit = float(t.isf(self.parameters["family_error"] / len(values), len(values) - 1))
        scores = {who: (value - middle) / width for who, value in logs.items()}
        counts = {row["principal"]: row["n"] for row in rows}
        usual = math.exp(middle)
        return Outcome(
            signals=tuple(
                Signal(
                    principal=who,
                    session="",
                    statistic="robust z of the log number of requests",
                    value=score,
                    threshold=limit,
                    baseline_n=len(values) - 1,
                    summary=f"{counts[who]} requests; the median principal of this case made {usual:.0f}",
                    counter_evidence=(
                        "volume alone does not tell an attacker from a busy customer or a test run",
                        f"{len(values) - 1} other principals are the whole baseline; their usual behaviour before is not known",
                    ),
                    rows=events.filter(events.principal == who),
                )
                for who, score in scores.items()
                if score > limit
            ),
            numbers=scores,
            caveats=("a campaign spread over many credentials stays below every per-credential limit",),
        )
