"""What an intercepted update gave away, on paper: never without what nobody had to attack for, nor a defence without an attacker who adapts."""

from typing import Any

from govtool.estimate import clopper_pearson
from govtool.reports import gradient_view
from govtool.reports.view import Grid


def decibels(median: float) -> dict[str, float]:
    return {"median": median, "low": median - 1, "high": median + 1}


ABOUT: dict[str, Any] = {
    "updates": 12, "records_per_update": 4, "local_steps": 1, "labels_right": 1.0, "line_up": 60,
    "norms": {**decibels(3.0), "smallest": 0.5, "largest": 4.5},
    "thresholds": {"recovered_db": 30.0, "above_others_db": 6.0},
    "attacks": [
        {"name": "first_layer", "updates": 12, "records": 48, "recovered": 31, "psnr": decibels(155.2), "ssim": None, "named": 40,
         "named_by_chance": 3.2, "p_value": 1e-9, "residual": 0.0},
        {"name": "moonbeam", "updates": 12, "records": 48, "recovered": 0, "psnr": None, "ssim": {"median": 0.2, "low": 0.1, "high": 0.3},
         "named": 3, "named_by_chance": 3.2, "p_value": 0.6, "residual": None},
    ],
    "untried": {"idlg": {"the first layer had given every record away already": 12}},
    "baselines": {"global_mean": decibels(11.4), "nearest_other": decibels(13.8)},
    "defences": [
        {"title": "no defence", "exposed": clopper_pearson(10, 10).to_dict(), "unsearched": False, "adaptive_db": decibels(155), "naive_db": decibels(100)},
        {"title": "secure aggregation over 8 clients", "exposed": clopper_pearson(0, 10).to_dict(), "unsearched": True, "adaptive_db": None, "naive_db": None},
        {"title": "secure aggregation over 32 clients", "reason": "needs 128 records at a time, and there are 60"},
    ],
}  # fmt: skip


def tables(about: dict[str, Any]) -> dict[str, Grid]:
    return {grid.title: grid for grid in gradient_view.grids({"gradients": about})}


def test_each_attack_stands_beside_what_nobody_had_to_attack_for() -> None:
    grid = tables(ABOUT)["What was reconstructed"]
    assert [row[0] for row in grid.rows] == [
        "Read off the first layer", "Moonbeam", "No attack: the mean of all records", "No attack: the most alike record of somebody else",
    ]  # fmt: skip
    assert grid.rows[0][1:] == ("31 of 48", "155.2 (154.2 to 156.2)", "–", "40 (by chance 3.2)", "0")
    assert grid.rows[1][2:4] == ("none drawn", "0.20 (0.10 to 0.30)")
    assert grid.columns[4] == "Picked out of 60"


def test_a_defence_is_measured_by_who_knows_of_it_and_what_flatters_says_so() -> None:
    grid = tables(ABOUT)["What each defence would buy you"]
    assert grid.rows[1][0] == "Secure aggregation over 8 clients; not searched"
    assert "may flatter" in grid.note
    assert grid.rows[2][1] == "not measured: needs 128 records at a time, and there are 60"
    assert "n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}10" in grid.rows[0][1]


def test_what_was_not_tried_is_said() -> None:
    (row,) = tables(ABOUT)["What was not tried"].rows
    assert row == (
        "Searched for, labels read first",
        "12 of 12",
        "The first layer had given every record away already.",
    )


def test_without_named_records_no_success_is_claimed() -> None:
    drawn = [{"name": "first_layer", "drawn": 4, "sure": 3, "residual": 1e-7}]
    found = tables({"updates": 1, "records_per_update": 4, "attacks": drawn, "untried": {}})
    assert list(found) == ["What was drawn"]
    assert found["What was drawn"].rows == (("Read off the first layer", "4", "3", "1e-07"),)


def test_facts_and_nothing_for_other_attacks() -> None:
    facts = {fact.label: fact.text for fact in gradient_view.facts({"gradients": ABOUT}, "atk-1")}
    assert facts["Updates"] == "12 of 4 records each"
    assert facts["Length of a record's own gradient"] == "3 (median; 0.5 to 4.5); near 0, little can be read"
    assert gradient_view.grids({}) == []
    assert gradient_view.facts({}, "atk-1") == []
