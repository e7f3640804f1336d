import numpy as np
import pytest
from attack_worlds import noise_records

from govtool.attacks import validity
from govtool.attacks.interface import AttackData, Records
from govtool.errors import InputError
from govtool.estimate import Estimate


def groups(shift: float = 0.0, n: int = 120, seed: int = 0, wider: float = 1.0) -> AttackData:
    rng = np.random.default_rng(seed)
    members, nonmembers = noise_records(n, rng), noise_records(n, rng)
    moved = (nonmembers.features * wider + shift).astype(np.float32)
    return AttackData(members, Records(moved, nonmembers.labels))


def test_records_of_one_kind_pass() -> None:
    found = validity.check(groups(), np.random.default_rng(0))
    assert found.blind_passed
    assert found.void == ""
    assert found.caveats == []


@pytest.mark.parametrize("data", [groups(shift=0.4), groups(wider=1.6, n=200)], ids=["shifted", "wider"])
def test_records_of_two_kinds_void_the_audit(data: AttackData) -> None:
    """A moved mean is seen by the ridge regression, a changed spread only by the trees."""
    found = validity.check(data, np.random.default_rng(0))
    assert not found.blind_passed
    assert "without the model" in found.void


def test_labels_of_two_mixes_void_the_audit() -> None:
    rng = np.random.default_rng(0)
    members, nonmembers = noise_records(200, rng), noise_records(200, rng)
    skewed = Records(members.features, np.where(rng.random(200) < 0.5, 0, members.labels))
    found = validity.check(AttackData(skewed, nonmembers), rng)
    assert not found.blind_passed
    assert found.label_p_value < 0.01
    assert "label mixes" in found.caveats[0]


@pytest.mark.slow
def test_comparable_records_are_rarely_called_different() -> None:
    """2.5 % by construction of the interval; 40 draws, so more than 4 would be a 1-in-200 accident."""
    alarms = [not validity.check(groups(seed=seed), np.random.default_rng(seed)).blind_passed for seed in range(40)]
    assert sum(alarms) <= 4


def test_people_with_many_records_do_not_look_like_a_shift() -> None:
    """Every person's records are near-copies, and each person is wholly in one group. By rows that is told apart easily."""
    rng = np.random.default_rng(4)
    people = rng.standard_normal((60, 20))
    features = np.repeat(people, 6, axis=0) + 0.05 * rng.standard_normal((360, 20))
    subjects, labels = np.repeat(np.arange(60), 6), np.zeros(360, dtype=np.int64)

    def data(ids: np.ndarray | None) -> AttackData:
        halves = [slice(0, 180), slice(180, 360)]
        return AttackData(
            *(Records(features[h].astype(np.float32), labels[h], None if ids is None else ids[h]) for h in halves)
        )

    assert not validity.check(data(None), np.random.default_rng(0)).blind_passed
    assert validity.check(data(subjects), np.random.default_rng(0)).blind_passed


def test_records_that_name_nobody_can_be_compared() -> None:
    data = groups()
    nameless = AttackData(*(Records(g.features, g.labels, np.full(120, " ")) for g in (data.members, data.nonmembers)))
    plain = validity.check(data, np.random.default_rng(0))
    assert validity.check(nameless, np.random.default_rng(0)).blind_auc == plain.blind_auc


def test_one_person_cannot_be_compared() -> None:
    data = groups()
    alone = AttackData(
        Records(data.members.features, data.members.labels, np.zeros(120)),
        Records(data.nonmembers.features, data.nonmembers.labels, np.ones(120)),
    )
    with pytest.raises(InputError, match="two people"):
        validity.check(alone, np.random.default_rng(0))


def test_duplicates_are_counted_whatever_their_label_and_sign_of_zero() -> None:
    members = Records(np.array([[1, 2], [0, 0], [5, 6]], np.float32), np.array([0, 1, 1]))
    others = Records(np.array([[1, 2], [-0.0, 0], [1, 2], [5, 7]], np.float32), np.array([1, 1, 0, 0]))
    assert validity.duplicates(members, others) == 3


def test_a_few_duplicates_are_a_caveat_and_many_void() -> None:
    passed = Estimate(0.5, 0.4, 0.6, 0.95, 100)
    few, many = (validity.Validity(passed, d, 100, 0.0, 1.0) for d in (10, 11))
    assert few.void == ""
    assert "10 of 100" in few.caveats[0]
    assert "11 of 100" in many.void


def test_label_balance_by_hand() -> None:
    # members 3:1, non-members 1:3: half of |3/4 - 1/4| + |1/4 - 3/4|
    gap, p_value = validity.label_balance(np.array([0, 0, 0, 1]), np.array([0, 1, 1, 1]))
    assert gap == 0.5
    assert p_value > 0.1
    assert validity.label_balance(np.zeros(4, int), np.zeros(9, int)) == (0.0, 1.0)


def test_too_few_records_are_refused() -> None:
    with pytest.raises(InputError, match="too few"):
        validity.check(groups(n=9), np.random.default_rng(0))


@pytest.mark.parametrize(("low", "passed"), [(0.59, False), (0.60, False), (0.61, True)])
def test_the_control_must_surely_be_found(low: float, passed: bool) -> None:
    control = validity.positive_control(Estimate(0.8, low, 0.9, 0.95, 100), "an overfit network")
    assert control["passed"] is passed
    assert control["auc"]["low"] == low
    assert control["how"] == "an overfit network"


FOUND = Estimate(0.9, 0.88, 0.92, 0.95, 2000)


@pytest.mark.parametrize(
    ("low", "misfit", "passed"),
    [(0.498, "", False), (0.5, "", False), (0.52, "", True), (0.498, "it calls every record a member", True)],
)
def test_the_control_must_also_be_found_at_the_threshold_that_policies_read(
    low: float, misfit: str, passed: bool
) -> None:
    """An AUC of 0.9 beside a balanced accuracy of 0.5: the gated figure had shown nothing, and the control passed."""
    accuracy = Estimate(low + 0.02, low, low + 0.04, 0.95, 2000)
    control = validity.positive_control(FOUND, "an overfit network", accuracy, misfit)
    assert control["passed"] is passed
    assert control["balanced_accuracy"]["low"] == low
    assert ("does not find it" in control["how"]) is (low <= 0.5)


def test_an_attack_without_a_threshold_is_judged_by_its_auc() -> None:
    control = validity.positive_control(FOUND, "an overfit network")
    assert (control["passed"], control["balanced_accuracy"]) == (True, None)
