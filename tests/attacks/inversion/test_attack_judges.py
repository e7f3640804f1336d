import numpy as np
import pytest
from attack_worlds import digits

from govtool.attacks.inversion import judges
from govtool.estimate import clopper_pearson


@pytest.fixture(scope="module")
def panel() -> list[judges.Judge]:
    _, _, evaluation = digits(0)
    return judges.train_panel(evaluation.features.astype(float), evaluation.labels, (1, 8, 8), np.random.default_rng(0))


def test_every_judge_knows_real_digits_it_never_saw(panel: list[judges.Judge]) -> None:
    members, _, _ = digits(0)
    rates = {judge.name: judge.rate(members.features.astype(float), members.labels) for judge in panel}
    assert set(rates) == {"lda", "gradients", "svm"}
    assert all(rate.value > 0.9 for rate in rates.values()), rates
    assert len({judge.family for judge in panel}) == 3


def test_a_table_is_judged_without_pictures() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 40)
    rows = rng.standard_normal((120, 6)) + 4 * np.eye(3, 6)[labels]
    panel = judges.train_panel(rows, labels, None, rng)
    assert [judge.name for judge in panel] == ["lda", "neighbours", "svm"]
    fresh = rng.standard_normal((120, 6)) + 4 * np.eye(3, 6)[labels]
    assert all(judge.rate(fresh, labels).value > 0.85 for judge in panel)


def test_many_features_are_judged_by_their_principal_components() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 30)
    rows = rng.standard_normal((60, 600)) + 2 * np.eye(2, 600)[labels] * 10
    judge = judges._linear(rows, labels)
    assert judge.rate(rows, labels).value == 1.0


def test_the_support_vector_machine_sees_a_seeded_sample_of_very_many_records(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judges, "_MOST_RECORDS", 50)
    rng = np.random.default_rng(0)
    labels = np.tile([0, 1], 200)
    judge = judges._kernel(rng.standard_normal((400, 2)) + 5 * labels[:, None], labels, rng)
    assert judge.rate(np.array([[0.0, 0], [5, 5]]), np.array([0, 1])).value == 1.0


def test_a_rate_by_hand() -> None:
    judge = judges.Judge("constant", "says 1", lambda rows: np.ones(len(rows), dtype=np.int64))
    assert judge.rate(np.zeros((4, 2)), np.array([1, 0, 1, 1])) == clopper_pearson(3, 4)


def test_shifted_copies_move_by_one_pixel_each_way() -> None:
    picture = np.zeros((1, 9))
    picture[0, 4] = 1  # the middle of 3 x 3
    rows, labels = judges.shifted(picture, np.array([7]), (1, 3, 3))
    assert sorted(int(row.argmax()) for row in rows) == [1, 3, 4, 5, 7]
    assert labels.tolist() == [7] * 5


def test_gradient_features_know_direction_and_not_contrast() -> None:
    across = np.tile(np.linspace(0, 1, 8), 8)[None]
    down = np.repeat(np.linspace(0, 1, 8), 8)[None]
    one, faint, other = (judges.gradient_features(p, (1, 8, 8)) for p in (across, across / 10, down))
    assert np.allclose(one, faint)
    assert float((one @ other.T).item()) < 0.1
    assert judges.gradient_features(np.zeros((1, 64)), (1, 8, 8)).sum() == 0


@pytest.mark.parametrize(
    ("real", "misled", "reason"),
    [(80, 3, ""), (79, 0, "real records"), (95, 4, "wrong label"), (80, 0, "")],
)
def test_a_judge_is_heard_only_if_it_knows_digits_and_is_not_fooled(real: int, misled: int, reason: str) -> None:
    said = judges.excluded(clopper_pearson(real, 100), clopper_pearson(misled, 10), 0.1)
    assert (reason in said) if reason else said == ""
