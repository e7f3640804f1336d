import numpy as np
import pytest

from govtool.attacks import signals
from govtool.errors import WorkError


def test_phi_by_hand() -> None:
    # p = (1/2, 1/4, 1/4): log p_y - log(1 - p_y) is log 1 for the first class and log 1/3 for the second
    answers = np.log(np.array([[0.5, 0.25, 0.25], [0.5, 0.25, 0.25]]))
    assert signals.phi(answers, np.array([0, 1])) == pytest.approx([0.0, np.log(1 / 3)])


def test_phi_tells_records_apart_whose_probability_rounds_to_one() -> None:
    """Logits 40 and 50 above the rest: both probabilities are 1.0 in double precision."""
    logits = np.array([[40.0, 0.0], [50.0, 0.0]])
    answers = logits - np.logaddexp(logits[:, 0], logits[:, 1])[:, None]
    assert np.exp(answers[0, 0]) == np.exp(answers[1, 0]) == 1.0
    assert signals.phi(answers, np.array([0, 0])) == pytest.approx([40.0, 50.0])


def test_the_own_label_is_read() -> None:
    answers = np.log(np.array([[0.9, 0.1], [0.2, 0.8]]))
    assert np.exp(signals.label_log_probability(answers, np.array([1, 1]))) == pytest.approx([0.1, 0.8])


def test_a_probability_of_zero_stays_finite() -> None:
    answers = np.array([[0.0, -np.inf], [0.0, -np.inf]])
    labels = np.array([0, 1])
    assert signals.label_log_probability(answers, labels).tolist() == [0.0, signals.FLOOR]
    assert signals.phi(answers, labels).tolist() == [-signals.FLOOR, signals.FLOOR]


@pytest.mark.parametrize(
    ("answers", "labels"),
    [
        ([[np.nan, 0.0]], [0]),
        ([[0.7, 0.3]], [0]),  # probabilities, not their logarithms
        ([[-1.0, -1.0]], [2]),
        ([[-1.0, -1.0]], [-1]),
        ([[-1.0, -1.0]], [0, 1]),
        ([-1.0, -1.0], [0, 1]),
    ],
)
def test_answers_that_are_no_log_probabilities_are_refused(answers: list, labels: list[int]) -> None:
    for signal in (signals.label_log_probability, signals.phi):
        with pytest.raises(WorkError):
            signal(np.array(answers), np.array(labels))


def test_saturation_is_the_share_of_the_commonest_score() -> None:
    assert signals.saturation(np.array([0.0, 0.0, 0.0, -1.0])) == 0.75
    assert signals.saturation(np.arange(10.0)) == 0.1
    assert signals.saturation(np.array([])) == 0.0


def test_margin_is_above_zero_where_the_model_is_right() -> None:
    answers = np.log(np.array([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]]))
    assert signals.margin(answers, np.array([0, 2])) == pytest.approx([np.log(5 / 3), np.log(2 / 5)])


def test_entropies_by_hand() -> None:
    answers = np.log(np.array([[0.5, 0.25, 0.25]]))
    assert signals.entropy(answers, np.array([0])) == pytest.approx([1.5 * np.log(2)])
    # equation 8: -(1 - 1/2) log 1/2 - 2 * 1/4 * log 3/4
    by_hand = 0.5 * np.log(2) - 0.5 * np.log(0.75)
    assert signals.modified_entropy(answers, np.array([0])) == pytest.approx([by_hand])


def test_a_sure_and_wrong_answer_has_no_entropy_and_a_large_modified_one() -> None:
    answers = np.array([[0.0, -np.inf]])
    assert signals.entropy(answers, np.array([1]))[0] == pytest.approx(0.0, abs=1e-9)
    assert signals.modified_entropy(answers, np.array([1]))[0] > 700


def test_every_reading_has_its_name() -> None:
    answers = np.log(np.array([[0.5, 0.3, 0.2]]))
    assert tuple(signals.read(answers, np.array([1]))) == signals.READINGS


def test_a_warm_answer_by_hand() -> None:
    """p = (0.64, 0.16, 0.16, 0.04) at temperature 2 is in proportion to 0.8, 0.4, 0.4, 0.2."""
    answers = np.log(np.array([[0.64, 0.16, 0.16, 0.04]] * 2))
    assert signals.warm_phi(answers, np.array([0, 3])) == pytest.approx([np.log(0.8 / 1.0), np.log(0.2 / 1.6)])


def test_with_two_classes_warm_is_half() -> None:
    answers = np.log(np.array([[0.9, 0.1], [0.2, 0.8]]))
    labels = np.array([0, 0])
    assert signals.warm_phi(answers, labels) == pytest.approx(signals.phi(answers, labels) / 2)
