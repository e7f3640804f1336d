"""What a report says of models attacked together."""

import numpy as np

from govtool.attacks.inversion import gain
from govtool.estimate import clopper_pearson
from govtool.reports import ensemble_view


def test_the_table_shows_the_ensemble_above_each_of_its_members() -> None:
    together, alone = np.arange(20) < 16, np.arange(20) < 5
    found = {
        "together": clopper_pearson(16, 20).to_dict(),
        "members": [
            {"model": "second@1", "rate": clopper_pearson(5, 20).to_dict(), "only_together": 11, "only_alone": 0}
        ],
        "leakiest": "second@1",
        "gain": gain.difference(together, [alone]).to_dict(),
        "p_value": 2 * 0.5**11,
        "reading": gain.reading(together, {"second@1": alone}),
    }
    (grid,) = ensemble_view.grids({"ensemble": found})
    assert [row[0] for row in grid.rows] == ["All together", "second@1, the leakiest"]
    assert grid.rows[0][1].startswith("80.0")
    assert grid.rows[1][2:] == ("11", "0")
    assert "exact p is 0.00098." in grid.note
    assert grid.note.startswith("Together they leak more than their leakiest member: 16 of 20 classes")


def test_an_attack_on_one_model_has_no_such_table() -> None:
    assert ensemble_view.grids({}) == []
