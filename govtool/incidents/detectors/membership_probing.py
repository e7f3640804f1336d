"""Membership probing: a principal that put training records to the model, one after the other.

The one confirmed exposure: the answers to these queries are known to be answers about people in the training data.
Ordinary clients resubmit a training record now and then, so five things must hold together:
  enough      at least 20 distinct training records, answered;
  unlikely    one-sided Fisher exact test of its share against all others pooled, Bonferroni over principals;
  large       the lower end of its share's interval exceeds three times the median share of the others, and 3 %;
  sweeping    each of them asked few times: a monitor that replays the same twenty records every night is not a sweep;
  compared    others asked enough for the comparison to mean something.
Only verbatim copies count. A query that was altered in one digit is not matched.
"""

from collections.abc import Mapping
from typing import Any

from govtool.estimate import clopper_pearson
from govtool.incidents.detectors.interface import Context, Kind, NotApplicable, Outcome, Signal, records
from govtool.incidents.detectors.robust import centres_without_each
from govtool.incidents.training import answered_by

_FEWEST_RECORDS = 20
_FEWEST_OTHERS = 20


class MembershipProbing:
    name = "membership_probing"
    version = "1"
    kind: Kind = "exposure"
    technique = "AML.T0024.000 Infer Training Data Membership"
    parameters: Mapping[str, float] = {
        "fewest_records": _FEWEST_RECORDS,
        "fewest_other_inputs": _FEWEST_OTHERS,
        "family_error": 0.001,
        "times_median": 3.0,
        "share_floor": 0.01,
        "most_repeats": 5.0,
    }

    def run(self, events: Any, context: Context) -> Outcome | NotApplicable:
        if context.model is None:
            return NotApplicable(
                "the incident names no model version, so there are no training records to compare with"
            )
        if context.training_table is None:
            return NotApplicable(context.training.missing or "no training records")
        inputs = answered_by(events, context.model)
        inputs = inputs.mutate(fingerprint=inputs.fingerprints).unnest("fingerprint")
        known = inputs.left_join(context.training_table.mutate(member=True), "fingerprint")
        known = known.mutate(member=known.member.fill_null(False))
        found = records(
            known.group_by("principal")
            .agg(
                inputs=known.count(),
                distinct=known.fingerprint.nunique(),
                asked=known.member.cast("int64").sum(),
                members=known.fingerprint.nunique(where=known.member),
            )
            .order_by("principal")
        )
        if not found:
            return NotApplicable(f"no event with inputs that {context.model.ref} answered")
        if sum(row["distinct"] for row in found) == max(row["distinct"] for row in found):
            return NotApplicable("one principal only: nobody to compare with")
        caveats = ("only verbatim copies of training records are matched, not altered ones",) + (
            (f"training records not compared: {context.training.missing}",) if context.training.missing else ()
        )
        shares = {row["principal"]: row["members"] / row["distinct"] for row in found}
        totals = {key: sum(row[key] for row in found) for key in ("members", "distinct")}
        judged = zip(found, centres_without_each(list(shares.values())).tolist(), strict=True)
        signals = tuple(
            signal
            for row, usual in judged
            if (signal := self._judge(row, usual, totals, len(found), events, known)) is not None
        )
        return Outcome(signals, shares, caveats)

    def _judge(
        self, row: dict[str, Any], usual: float, totals: Mapping[str, int], everyone: int, events: Any, known: Any
    ) -> Signal | None:
        """Compare one principal with all others pooled; `usual` is the median of their shares."""
        from scipy.stats import fisher_exact

        setting = self.parameters
        members, distinct = row["members"], row["distinct"]
        other_members, other_distinct = totals["members"] - members, totals["distinct"] - distinct
        if members < setting["fewest_records"] or other_distinct < setting["fewest_other_inputs"]:
            return None
        table = [[members, distinct - members], [other_members, other_distinct - other_members]]
        p = float(fisher_exact(table, alternative="greater").pvalue)
        limit = setting["family_error"] / everyone
        bar = setting["times_median"] * max(usual, setting["share_floor"])
        share = clopper_pearson(members, distinct, 0.98)
        if p >= limit or share.low <= bar or row["asked"] > setting["most_repeats"] * members:
            return None
        who = row["principal"]
        anchors = known.filter((known.principal == who) & known.member)[["original_sha256", "line_no"]].distinct()
        return Signal(
            principal=who,
            session="",
            statistic="share of distinct answered inputs that are verbatim training records",
            value=share.value,
            threshold=bar,
            baseline_n=other_distinct,
            summary=(
                f"{members} training records among {distinct} distinct inputs ({share.value:.1%}, 98 % interval from {share.low:.1%}); "
                f"the {everyone - 1} other principals: {other_members} of {other_distinct}, median share {usual:.1%}; "
                f"Fisher exact p = {p:.1e}, limit {limit:.1e}"
            ),
            counter_evidence=(
                f"{distinct - members} of its {distinct} distinct inputs are not training records",
                "an owner of the training data (an auditor, the data's source, a regression test) would look the same",
                "asking for a record's answer is not proof that its membership was inferred",
            ),
            rows=events.semi_join(anchors, ["original_sha256", "line_no"]),
        )
