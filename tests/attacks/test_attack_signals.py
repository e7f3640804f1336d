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
