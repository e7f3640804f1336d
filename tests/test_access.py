from hypothesis import given
from hypothesis import strategies as st

from govtool.access import Access, reachable

exposures = st.frozensets(st.sampled_from(Access))


def test_who_holds_the_weights_can_compute_everything() -> None:
    assert reachable(frozenset({Access.WEIGHTS})) == frozenset(Access)


def test_an_endpoint_that_shows_labels_shows_only_labels() -> None:
    assert reachable(frozenset({Access.LABELS})) == {Access.LABELS}


def test_probabilities_do_not_give_gradients() -> None:
    assert Access.GRADIENTS not in reachable(frozenset({Access.PROBABILITIES, Access.LOGITS, Access.EMBEDDINGS}))


def test_top_log_probabilities_name_the_label() -> None:
    assert Access.LABELS in reachable(frozenset({Access.LOGPROBS}))


def test_nothing_exposed_reaches_nothing() -> None:
    assert reachable(frozenset()) == frozenset()


@given(exposures)
def test_what_follows_includes_what_is_exposed_and_follows_from_itself(exposed: frozenset[Access]) -> None:
    found = reachable(exposed)
    assert exposed <= found
    assert reachable(found) == found


@given(exposures, exposures)
def test_exposing_more_never_reaches_less(one: frozenset[Access], other: frozenset[Access]) -> None:
    assert reachable(one) | reachable(other) <= reachable(one | other)
