"""Inversion through a server: it is asked politely, and the bill is what went over the wire."""

import json
from typing import Any

import numpy as np
import pytest
from audit_worlds import D, K, Oip, draw, output, serve
from test_audit_runner import rows

from govtool.access import Access
from govtool.audits.models import AttackRecord
from govtool.audits.targets import base, torch_target
from govtool.audits.targets.http import HttpTarget

PARAMS = {"inputs": D, "hidden": [32], "classes": K}
SPEC = """
evaluation: evaluation@1
target: {{endpoint: "{url}", model: m, rate: 200/s, batch: 64}}
attacks:
  {attack}: {{queries: 60, price_per_1000: 1.5}}
"""


@pytest.mark.parametrize(("attack", "shown"), [("inversion_black_box", "probabilities"), ("inversion_labels", "label")])
def test_a_server_counts_what_the_ledger_says(registered: Any, leaky: bytes, attack: str, shown: str) -> None:
    net = torch_target.open_safetensors(leaky, "mlp", PARAMS, D)

    def answer(features: Any) -> list[dict[str, Any]]:
        values = net.labels(features) if shown == "label" else np.exp(net.log_probabilities(features)).round(1)
        return [output(shown, values)]

    registered.dataset("evaluation@1", *draw("evaluation"))
    state = Oip(answer)
    with serve(state) as url:
        registered.audit("leaky@1", SPEC.format(url=url, attack=attack))
    (row,) = (row for row in rows(registered, AttackRecord) if row.attack == attack)
    assert row.status in ("completed", "void"), row.reason
    bill = row.detail["query_ledger"]
    # Whether the model knows the members no attacker asks: not on the bill, and not sent twice where the probe has asked.
    ours = row.detail["members_known"]["asked"]
    assert bill["total"] == row.detail["queries"] - ours
    assert K * 40 < bill["total"] <= K * 60
    assert bill["cost"] == round(bill["total"] * 0.0015, 2)
    sent = np.concatenate([np.reshape(body["inputs"][0]["data"], (-1, D)) for body in state.seen])
    probed = 16  # records that the audit itself asks about before any attack
    assert len(np.unique(sent, axis=0)) == row.detail["queries_sent"] + probed
    json.dumps(row.detail, allow_nan=False)


def test_a_server_that_shows_few_scores_is_not_asked_for_more(leaky: bytes) -> None:
    net = torch_target.open_safetensors(leaky, "mlp", PARAMS, D)
    state = Oip(lambda features: [output("probabilities", np.exp(net.log_probabilities(features)))])
    features = draw("members", 4)[0]
    with serve(state) as url:
        target = HttpTarget(url, "m")
        target.look(features)
        shown = base.Exposed(target, frozenset({Access.TOP_K})).top_scores(features, 2)
        target.close()
    assert np.isnan(shown).sum(axis=1).tolist() == [K - 2] * 4
    assert np.nansum(shown, axis=1) == pytest.approx(
        np.sort(np.exp(net.log_probabilities(features)))[:, 1:].sum(axis=1)
    )
