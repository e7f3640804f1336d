"""What a report says of defences that were tried: what each would buy, and nothing about what is deployed."""

from typing import Any

from test_attack_view import record

from govtool.estimate import Estimate, clopper_pearson
from govtool.reports.attack_view import attack_view


def row(defence: str, setting: str, auc: float, bought: str | None, drawn: Any = None) -> dict[str, Any]:
    area = Estimate(auc, auc - 0.02, auc + 0.02, 0.9875, 400, "DeLong")
    return {
        "defence": defence,
        "setting": setting,
        "accuracy": clopper_pearson(150, 200).to_dict(),
        "membership": {"auc": area.to_dict(), "strongest": "loss, as shown", "tried": 4},
        "inversion": drawn,
        "bought": None if bought is None else {"said": bought},
    }


def view(*rows: dict[str, Any]) -> Any:
    found = record(attack="defences", family="defences", metrics={}, baselines={}, detail={"defences": list(rows)})
    return attack_view(found, ())


def test_each_defence_is_a_line_against_the_one_without() -> None:
    drawn = {"rate": clopper_pearson(4, 10).to_dict(), "how": "through scores", "judge": "lda"}
    shown = view(
        row("none", "answers in full", 0.9, None, drawn),
        row("rounding", "to 1 decimal", 0.89, "membership: no difference shown", "too few judges"),
        row("labels", "the class alone", 0.6, "membership: less leaks"),
    )
    (grid,) = shown.grids
    assert grid.title == "What defences would buy"
    assert [line[0] for line in grid.rows] == ["None", "Probabilities rounded", "Only the class shown"]
    assert grid.rows[0][-1] == "compared with this"
    assert "40.0" in grid.rows[0][4]
    assert [line[4] for line in grid.rows[1:]] == ["too few judges", "not asked"]
    assert grid.rows[2][-1] == "membership: less leaks"
    assert "loss, as shown" in grid.rows[1][3]


def test_nothing_is_called_a_leak_of_what_is_deployed() -> None:
    shown = view(row("none", "answers in full", 0.99, None))
    assert shown.leak is False
    assert "what the deployments show today is judged by the other tests" in shown.finding.replace("\n", " ")
    assert view().grids == ()
