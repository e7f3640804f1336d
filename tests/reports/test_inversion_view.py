"""Judges, known rows, line-ups and likeness as a reader meets them: each beside what chance or nobody's attack would give."""

from typing import Any

import report_samples as samples

from govtool.cli import audit_inversion
from govtool.evidence.vault import Vault
from govtool.reports import inversion_view
from govtool.reports.attack_view import attack_view
from govtool.reports.view import Grid


def plain(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ")


def tables(detail: dict[str, Any]) -> dict[str, Grid]:
    return {grid.title: grid for grid in inversion_view.grids(detail)}


def test_a_judge_stands_beside_chance_and_one_that_is_not_heard_says_why(vault: Vault) -> None:
    grid = tables(samples._inversion(vault).detail)["Who judges, and what they say"]
    assert grid.columns[2:] == ("Names the drawing", "Has it among its first five", "Heard")
    assert plain(grid.rows[0][2]) == "5.0 % (0.6–16.9 %)"
    assert grid.rows[2][-1] == "no: names only 71% of real records (at least 80% wanted)"
    assert tuple(plain(cell) for cell in grid.rows[-1][1:4]) == ("2.5 %", "2.5 %", "12.5 %")
    assert grid.note.startswith("Other models judge, because")
    assert "Over 40 classes and 40 real records" in grid.note


def test_the_drawing_is_read_against_rows_whose_answer_is_known(vault: Vault) -> None:
    grid = tables(samples._inversion(vault).detail)["Rows whose answer is known"]
    assert [row[0] for row in grid.rows[:3]] == [
        "The reconstruction itself",
        "The reconstruction itself, its contrast stretched to a real record's",
        "Real records",
    ]
    assert plain(grid.rows[0][1]) == plain(grid.rows[1][1]) == "5.0 % (0.6–16.9 %)"
    assert len({len(row) for row in grid.rows} | {len(grid.columns)}) == 1


def test_likeness_stands_beside_what_costs_nothing(vault: Vault) -> None:
    grid = tables(samples._inversion(vault).detail)["How like the training records"]
    assert grid.rows[0] == (
        "The reconstruction",
        "15.2 (14.8 to 15.6)",
        "0.310 (0.290 to 0.330)",
        "0.720 (0.670 to 0.770)",
    )
    assert [row[0][:11] for row in grid.rows[1:]] == ["No attack: "] * 2
    assert grid.note.endswith("class by class: −0.220 (−0.250 to −0.190).")


def test_a_line_up_has_its_chance_and_a_p_value_that_claims_no_more_than_was_dealt(vault: Vault) -> None:
    grid = tables(samples._inversion(vault).detail)["Picked from a line-up"]
    assert [row[2] for row in grid.rows] == ["0.08", "< 0.0001", "–"]
    assert [plain(cell) for cell in grid.rows[-1]] == ["By chance", "2.5 %", "–", "20 %"]


def test_the_bill_names_the_price_as_it_was_stated_and_makes_none_up(vault: Vault) -> None:
    bill = samples._black_box(vault).detail["query_ledger"]
    assert inversion_view.queries(bill).startswith(
        "84,000 different ones for 40 classes, 2,100 for each (at most 3,100)"
    )
    assert inversion_view.price(bill) == "126.00, at the stated 1.5 for a thousand"
    assert inversion_view.price({**bill, "price_per_1000": None, "cost": None}) == "unknown: none was stated"
    assert inversion_view.price({**bill, "price_per_1000": 0.0, "cost": 0.0}) == "0.00, at the stated 0 for a thousand"


def test_settings_that_were_not_used_are_left_out(vault: Vault) -> None:
    facts = {fact.label: fact.text for fact in attack_view(samples._inversion(vault), ()).facts}
    assert facts["Search"] == "loss margin; prior spectrum; steps 100"
    assert plain(facts["Contrast of the drawings"]) == (
        "34 % of a real record's (median); 3 of 40 are all but grey to the eye (under 10 %)"
    )
    assert facts["Fewest that surely beat chance"] == "4 of 40 classes named"


def test_tables_and_older_records_show_what_they_have() -> None:
    bare = {"evaluators": [{"name": "lda", "family": "linear"}], "chance": 0.1, "line_ups": [], "resemblance": []}
    (grid,) = inversion_view.grids(bare)
    assert grid.columns == ("Judge", "Right on real records", "Names the drawing", "Heard")
    assert grid.rows[0] == ("lda: linear", "not measured", "not measured", "yes")
    assert inversion_view.grids({}) == []
    assert inversion_view.facts({}, "atk-1") == []


def test_the_terminal_tells_the_same_in_short_lines(vault: Vault) -> None:
    lines = audit_inversion.in_words(samples._inversion(vault))
    assert lines[0] == "  INCONCLUSIVE: Can a class be recognised by what is drawn from the model?"
    assert "  judge lda: names 12.5% (4.2% to 26.8%, n = 40); of real records 92.5% (79.6% to 98.4%, n = 40)" in lines
    assert any("not heard: it names only 71%" in line for line in lines)
    assert "  line-up by correlation of values: 7.5% (1.6% to 20.4%, n = 40), p = 0.08" in lines
    assert any("the nearest other training record: 0.670" in line for line in lines)
    assert (
        audit_inversion.in_words(samples._black_box(vault))[-1] == "  price: 126.00, at the stated 1.5 for a thousand"
    )
    assert audit_inversion.in_words(samples._void()) == []
