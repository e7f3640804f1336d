import numpy as np
import pytest
from attack_worlds import digits

from govtool.attacks.inversion import calibration, judges
from govtool.estimate import clopper_pearson


@pytest.fixture(scope="module")
def panel() -> list[judges.Judge]:
    _, _, evaluation = digits(0)
    return judges.train_panel(evaluation.features.astype(float), evaluation.labels, (1, 8, 8))


def test_every_judge_knows_real_digits_it_never_saw(panel: list[judges.Judge]) -> None:
    members, _, _ = digits(0)
    rates = {judge.name: judge.rate(members.features.astype(float), members.labels) for judge in panel}
    assert set(rates) == {"cnn", "lda", "gradients"}
    assert all(rate.value > 0.9 for rate in rates.values()), rates
    assert len({judge.family for judge in panel}) == 3


def test_a_table_is_judged_without_pictures() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 40)
    rows = rng.standard_normal((120, 6)) + 4 * np.eye(3, 6)[labels]
    panel = judges.train_panel(rows, labels, None)
    assert [judge.name for judge in panel] == ["lda", "neighbours", "svm"]
    fresh = rng.standard_normal((120, 6)) + 4 * np.eye(3, 6)[labels]
    assert all(judge.rate(fresh, labels).value > 0.85 for judge in panel)


def test_many_features_are_judged_by_their_principal_components() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 30)
    rows = rng.standard_normal((60, 600)) + 2 * np.eye(2, 600)[labels] * 10
    judge = judges._linear(rows, labels, np.array([0, 1]))
    assert judge.rate(rows, labels).value == 1.0


def test_of_very_many_records_a_sample_is_learnt_that_keeps_every_class() -> None:
    labels = np.repeat([0, 1, 2], [400, 3, 400])
    chosen = judges.sample(labels, 50, np.random.default_rng(0))
    assert len(np.unique(chosen)) == 50
    assert np.bincount(labels[chosen])[1] == 3
    assert np.bincount(labels[chosen]).min() == 3
    assert (np.diff(chosen) > 0).all()


def constant(scores: list[float], classes: list[int]) -> judges.Judge:
    return judges.Judge("constant", "says the same", np.array(classes), lambda rows: np.tile(scores, (len(rows), 1)))


def test_a_rate_by_hand() -> None:
    judge = constant([0.1, 0.9], [0, 1])
    assert judge.rate(np.zeros((4, 2)), np.array([1, 0, 1, 1])) == clopper_pearson(3, 4)


def test_a_place_among_all_by_hand_and_a_tie_never_helps() -> None:
    judge = constant([0.5, 0.9, 0.5, 0.1], [2, 3, 5, 7])
    assert judge.ranks(np.zeros((4, 2)), np.array([3, 5, 2, 7])).tolist() == [1, 3, 3, 4]


@pytest.mark.parametrize("shape", [(1, 8, 8), None])
def test_whoever_is_named_stands_first_and_the_others_behind(shape: tuple[int, int, int] | None) -> None:
    _, _, evaluation = digits(1)
    units, labels = (
        evaluation.features[:120].astype(float),
        evaluation.labels[:120] * 3 + 1,
    )  # labels need not be 0, 1, 2
    for judge in judges.train_panel(units, labels, shape):
        named = judge.names(units)
        assert set(named) <= set(labels)
        assert (judge.ranks(units, named) == 1).all()
        assert judge.scores(units).shape == (120, 10)


def test_two_classes_are_told_apart_by_every_judge_of_a_table() -> None:
    rows, labels = np.repeat([[0.0, 0], [5, 5]], 10, axis=0), np.repeat([4, 9], 10)
    panel = judges.train_panel(rows + np.random.default_rng(0).standard_normal(rows.shape), labels, None)
    assert all(judge.names(np.array([[0.0, 0], [5, 5]])).tolist() == [4, 9] for judge in panel)


def test_a_panel_is_trained_once_for_the_same_records(monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, evaluation = digits(2)
    units, labels = evaluation.features[:60].astype(float), evaluation.labels[:60]
    first = judges.panel_of(units, labels, None)
    assert judges.panel_of(units.copy(), labels.copy(), None) is first
    assert judges.panel_of(units, labels[::-1], None) is not first


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
    said = calibration.excluded(clopper_pearson(real, 100), clopper_pearson(misled, 10), 0.1)
    assert (reason in said) if reason else said == ""


@pytest.mark.parametrize("classes", [4, 5, 10, 40, 100, 530])
def test_more_than_three_times_chance_is_always_above_chance_for_sure(classes: int) -> None:
    least = next(hits for hits in range(classes + 1) if hits / classes > calibration.SHIFTED / classes)
    assert least == 4
    assert clopper_pearson(4, classes).low > 1 / classes > clopper_pearson(3, classes).low


@pytest.mark.parametrize("classes", [2, 3])
def test_of_two_or_three_classes_no_judge_is_excluded_for_finding_them_all(classes: int) -> None:
    assert calibration.excluded(clopper_pearson(9, 10), clopper_pearson(classes, classes), 1 / classes) == ""


def test_wrong_labels_of_the_targets_records_are_not_held_against_a_judge() -> None:
    members, _, evaluation = digits(0)
    units, labels = evaluation.features.astype(float), evaluation.labels
    panel = judges.train_panel(units, labels, None)
    right = calibration.knowledge(panel, units, labels, (members.features.astype(float), members.labels), None)
    assert all(known.on == "training records of the target" for known in right)
    wrong = (members.features.astype(float), (members.labels + 1) % 10)
    for known, again in zip(right, calibration.knowledge(panel, units, labels, wrong, None), strict=True):
        assert again.on == "evaluation records, cross-validated"
        assert abs(known.accuracy.value - again.accuracy.value) < 0.05
