"""What a report says of attribute inference: beyond what, of whom, and nothing where there is nothing."""

from dataclasses import replace
from typing import Any

import numpy as np
from test_attack_view import record as plain

from govtool.audits.models import AttackRecord
from govtool.estimate import Estimate, clopper_pearson
from govtool.reports.attack_view import attack_view, finding
from govtool.reports.readings import readings


def share(hits: int) -> dict[str, Any]:
    return clopper_pearson(hits, 1000).to_dict()


def gain(value: float) -> Estimate:
    return Estimate(value, value - 0.02, value + 0.02, 0.95, 1000, "Paired score interval (Tango)")


def record(excess: Estimate, **more: Any) -> AttackRecord:
    about = {
        "name": "sex",
        "values": ["female", "male"],
        "members": 1000,
        "nonmembers": 1000,
        "auxiliary": 3000,
        "excess": excess.to_dict(),
        "rows": [
            {"guesser": "majority", "members": share(660), "nonmembers": share(650)},
            {"guesser": "imputation", "members": share(830), "nonmembers": share(835)},
            {
                "guesser": "attack",
                "members": share(870),
                "nonmembers": share(825),
                "gain_members": gain(0.04).to_dict(),
                "gain_nonmembers": gain(-0.01).to_dict(),
            },
        ],
        "by_value": [
            {
                "value": "female",
                "members": 340,
                "nonmembers": 350,
                "excess": excess.to_dict(),
                **{
                    f"{kind}_{group}": share(780)
                    for kind in ("recall", "precision", "imputation_recall")
                    for group in ("members", "nonmembers")
                },
            },
            {"value": "other", "members": 3, "nonmembers": 2},
        ],
        "proxies": [{"column": "relationship", "association": 0.65}, {"column": "hours", "association": 0.16}],
    }
    return plain(
        attack="attribute_bayes",
        family="attribute_inference",
        metrics={
            "excess": excess.to_dict(),
            "gain_members": gain(0.04).to_dict(),
            "gain_nonmembers": gain(-0.01).to_dict(),
        },
        baselines=dict.fromkeys(("excess", "gain_members", "gain_nonmembers"), 0.0),
        counts={},
        detail={"attributes": [about], "headline": "sex", "positive_control": {"passed": True, "how": "planted"}},
        **more,
    )


LEAK = Estimate(0.04, 0.017, 0.057, 0.95, 2000, "Paired score interval (Tango)")
NONE = Estimate(0.0, -0.02, 0.011, 0.95, 2000, "Paired score interval (Tango)")


def test_a_leak_is_told_as_people_beyond_what_is_inferred_without_the_model() -> None:
    sentence, leak = finding(record(LEAK))
    assert leak
    assert "gives away sex of people in its training data" in sentence
    assert "about 4 more of 100" in sentence
    assert "at least 1.7" in sentence


def test_no_leak_names_both_guessers_and_what_is_not_ruled_out() -> None:
    sentence, leak = finding(record(NONE))
    assert not leak
    assert (
        "right about 87 of 100 people in the training data, a guess from the other columns without the model about 83"
        in sentence
    )
    assert "up to 1.1 of 100 is not ruled out" in sentence


def test_the_figure_of_a_leak_is_that_of_the_attribute_named() -> None:
    """The largest value may be another attribute's, whose interval is wide."""
    found = record(LEAK)
    found.metrics = {**found.metrics, "excess": replace(LEAK, value=0.2, high=0.4).to_dict()}
    found.detail["attributes"].append({**found.detail["attributes"][0], "name": "ward"})
    sentence, leak = finding(found)
    assert leak
    assert "gives away sex" in sentence
    assert "about 4 more of 100" in sentence


def test_no_leak_of_several_attributes_names_them_all() -> None:
    found = record(NONE)
    found.detail["attributes"] += [{**found.detail["attributes"][0], "name": name} for name in ("ward", "debt")]
    sentence, _leak = finding(found)
    assert sentence.startswith("No leak of sex, ward or debt was shown")
    assert "right about sex of 87 of 100 people" in sentence
    assert "not ruled out for any of them" in sentence


def test_an_excess_surely_below_nothing_rules_out_any_above_it() -> None:
    sentence, leak = finding(record(replace(NONE, value=-0.2, low=-0.25, high=-0.15)))
    assert not leak
    assert "An excess of up to 0 of 100" in sentence


def test_the_tables_hold_every_guesser_and_keep_small_cells_to_themselves() -> None:
    guessers, values, proxies = attack_view(record(LEAK), ()).grids
    assert guessers.rows[0][0] == "Always the commonest value"
    assert guessers.rows[2][3:] == ("+4.0 (+2.0 to +6.0)", "−1.0 (−3.0 to +1.0)")
    assert values.rows[1] == ("other", "3 and 2", *["too few to say"] * 4)
    assert proxies.rows[0] == ("relationship", "0.650")


def test_the_excess_comes_first_and_negative_intervals_are_no_ranges_of_dashes() -> None:
    rows = attack_view(record(NONE), ()).metrics
    assert rows[0].name == "excess"
    assert rows[0].interval == "−2.0 to 1.1\N{NO-BREAK SPACE}%"


def test_a_worked_example_stands_beside_each_figure() -> None:
    found = {one.figure: one.text for one in readings([record(LEAK)])}
    assert "Take 100 people whose records trained the model" in found["Excess over imputation"]
    assert "mostly from relationship and hours" in found["Excess over imputation"]
    assert "of 100 whom it gives that value, about 78 have it" in found["Found, and right when named"]


def test_a_record_of_another_family_gets_none_of_it() -> None:
    assert not {"Excess over imputation", "Found, and right when named"} & {one.figure for one in readings([plain()])}


def test_a_record_without_its_tables_is_told_by_its_figure_alone() -> None:
    bare = record(LEAK)
    bare.detail = {}
    sentence, leak = finding(bare)
    assert leak
    assert "excess over imputation" in sentence
    assert attack_view(bare, ()).grids == ()
    assert np.isclose(LEAK.value, 0.04)


def test_the_table_of_decisions_has_the_imputation_on_the_same_records_beside_it() -> None:
    found = record(gain(0.0))
    group = {"decided": share(63), "precision": share(1000), "imputation": share(668)}
    outside = {"decided": share(54), "precision": None, "imputation": None}
    found.detail["attributes"][0]["decision"] = {
        "members": group,
        "nonmembers": outside,
        "gap": gain(0.392).to_dict(),
        "gain": None,
    }
    found.detail["findings"] = [{"question": "attribute_inferable", "verdict": "FAIL", "reason": "Sex, precision."}]
    view = attack_view(found, ())
    grids = {grid.title: grid for grid in view.grids}
    table = grids["Where the model decides: sex"]
    assert [row[2].split(" (")[0] for row in table.rows] == [
        "100.0 %".replace(" ", "\N{NO-BREAK SPACE}"),
        "too few to say",
    ]
    assert "+39.2 (+37.2 to +41.2) percentage points" in table.note
    assert [answer.verdict for answer in view.answers] == ["FAIL"]
