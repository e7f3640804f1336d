"""Names are read back from vectors that hold words, and not from vectors that hold the ward; scored without showing a text."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from embedding_worlds import store
from hypothesis import given
from hypothesis import strategies as st

from govtool.attacks.embedding import decoder, defence, inversion, scoring, texts
from govtool.attacks.embedding.catalog import EMBEDDING_ATTACKS, positive_control
from govtool.attacks.embedding.question import Store
from govtool.attacks.interface import AttackResult, NotApplicable
from govtool.errors import InputError

PASSED = {"passed": True, "how": "vectors that hold every word's count"}
QUICK = {"steps": 120, "defences": False, "positive_control": PASSED}


def decoded(held: Store, **more: Any) -> AttackResult:
    found = EMBEDDING_ATTACKS["learned_decoder"].run(held, {**QUICK, **more}, np.random.default_rng(0))
    assert isinstance(found, AttackResult)
    return found


def verdict(found: AttackResult) -> str:
    (answer,) = found.detail["findings"]
    return str(answer["verdict"])


def test_names_and_numbers_are_read_back_from_vectors_that_hold_words() -> None:
    found = decoded(store(0))
    assert found.metrics["field_gain"].low > 0.8
    assert found.metrics["exact"].low > 0.2
    assert verdict(found) == "FAIL"


def test_vectors_that_hold_only_the_ward_give_nobody_away() -> None:
    """The ward itself comes back: words beyond a guess without vectors, but no name and no number."""
    found = decoded(store(0, "ward", stored=120))
    assert found.metrics["token_f1_gain"].low > 0
    assert found.metrics["field_gain"].high < 0.10
    assert verdict(found) == "PASS"


@pytest.mark.slow
def test_vectors_without_names_are_never_accused() -> None:
    held = [decoded(store(seed, "ward", public=300), steps=60) for seed in range(10)]
    assert not any(verdict(found) == "FAIL" for found in held)
    assert sum(found.metrics["field_gain"].low > 0 for found in held) <= 1


def test_asking_the_embedder_again_finds_more() -> None:
    held = store(0)
    rng = np.random.default_rng(0)
    learnt = decoder.train(held, 80, rng)
    first = learnt.write(inversion.scaled(held.vectors, held.public_vectors))
    second, asked = decoder.corrected(learnt, held.embed, held, first)  # type: ignore[arg-type]
    before, after = (scoring.score(held, guesses) for guesses in (first, second))
    assert after.found.mean() > before.found.mean() + 0.2
    assert asked > len(first)


def test_a_table_of_pairs_is_enough_without_an_embedder() -> None:
    found = decoded(store(0, ask=False), steps=250)
    assert found.metrics["field_gain"].low > 0.3
    assert found.detail["hypotheses_embedded"] == 0
    assert any("was not asked" in caveat for caveat in found.caveats)


@pytest.mark.slow
def test_each_defence_is_measured_with_a_decoder_trained_on_vectors_changed_alike() -> None:
    rows = {
        row["defence"]: row
        for row in decoded(store(0, stored=30, public=300), steps=60, defences=True).detail["vector_defences"]
    }
    gains = {name: row["figures"]["field_gain"]["value"] for name, row in rows.items()}
    assert len(rows) == 7
    assert gains["rounded to 256 levels"] > 0.6
    assert gains["noise, twice the spread"] < 0.3 < gains["noise, a tenth of the spread"]
    kept = {name: row["neighbours_kept"] for name, row in rows.items()}
    assert kept["rounded to 256 levels"] > 0.9
    assert kept["noise, twice the spread"] < 0.5


def test_the_right_candidate_is_named_where_vectors_hold_words_only() -> None:
    run = EMBEDDING_ATTACKS["nearest_candidate"].run
    leaky, clean = (
        run(store(0, kind), {"positive_control": PASSED}, np.random.default_rng(0)) for kind in ("words", "ward")
    )
    assert isinstance(leaky, AttackResult)
    assert isinstance(clean, AttackResult)
    assert leaky.metrics["identification_rate"].low > 0.9
    assert verdict(leaky) == "FAIL"
    assert clean.metrics["identification_rate"].value < 0.05
    assert verdict(clean) != "FAIL"


def test_without_an_embedder_candidates_cannot_be_compared() -> None:
    found = EMBEDDING_ATTACKS["nearest_candidate"].run(store(0, ask=False), {}, np.random.default_rng(0))
    assert isinstance(found, NotApplicable)


@pytest.mark.parametrize("name", EMBEDDING_ATTACKS)
def test_vectors_made_to_be_read_are_read(name: str) -> None:
    attack = EMBEDDING_ATTACKS[name]
    control = positive_control(
        attack, store(0, "ward"), {"steps": 120} if "steps" in attack.params else {}, np.random.default_rng(1)
    )
    assert control["passed"], control["how"]


def test_a_failed_control_voids_the_figures() -> None:
    found = decoded(store(0, public=150), steps=10, positive_control={"passed": False, "how": "planted"})
    assert "did not find a leak" in found.void
    assert verdict(found) == "INCONCLUSIVE"


def test_vectors_of_another_embedder_are_noticed() -> None:
    held, other = store(0), store(1)
    found = decoded(replace(held, embed=other.embed, public_vectors=other.embed(held.public)), steps=10)  # type: ignore[misc]
    assert any("another version" in caveat for caveat in found.caveats)


def test_words_and_fields_by_hand() -> None:
    line = "The patient Anna Bauer, aged 41, left. She will call Otto."
    assert texts.words("Anna's B12.") == ("anna", "'", "s", "b12", ".")
    assert texts.fields(line) == {"anna", "bauer", "41", "otto"}
    assert texts.fields("Anna left.") == frozenset(), "a sentence may begin with any word"


def test_scores_by_hand() -> None:
    assert texts.f1(("a", "b"), ("b", "c")) == 0.5
    assert texts.f1(("a", "a"), ("a",)) == pytest.approx(2 / 3)
    assert texts.bleu(("a", "b", "c", "d"), ("a", "b", "c", "d")) == pytest.approx(1.0)
    assert texts.bleu(("x",), ("a",)) == 0.0
    assert texts.typical([("a", "b"), ("a", "c"), ("a", "b", "c"), ("x",)]) == ("a", "b", "c")


@given(
    st.lists(st.sampled_from("abcd"), min_size=1, max_size=6), st.lists(st.sampled_from("abcd"), min_size=1, max_size=6)
)
def test_scores_lie_between_nought_and_one_and_the_text_itself_is_best(one: list[str], two: list[str]) -> None:
    first, second = tuple(one), tuple(two)
    for score in (texts.f1, texts.bleu):
        assert 0 <= score(first, second) <= 1 + 1e-12
        assert score(first, first) == pytest.approx(1)


def test_codes_and_words_are_the_same_text() -> None:
    known = texts.Vocabulary.of([("a", "b"), ("b",)])
    assert known.known == ("b", "a")
    codes = known.codes([("a", "x", "b"), ()], 4)
    assert codes.tolist() == [[3, 2, texts.END, texts.PAD], [texts.END, texts.PAD, texts.PAD, texts.PAD]]
    assert known.written(codes) == [("a", "b"), ()]


def test_a_tie_between_two_candidates_names_nobody() -> None:
    alike = np.array([[1.0, 1.0], [0.2, 0.9]])
    assert inversion._named(alike, [("a",), ("b",)], [("a",), ("b",)]).tolist() == [False, True]
    assert inversion._named(alike, [("a",), ("a",)], [("a",), ("b",)]).tolist() == [True, False]


def test_nothing_changed_keeps_every_neighbour() -> None:
    vectors = np.random.default_rng(0).normal(size=(40, 5))
    assert defence.neighbours_kept(vectors, vectors) == 1.0
    assert defence.cosine(np.zeros((1, 2)), np.ones((1, 2))).tolist() == [[0.0]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vectors": np.zeros((3, 48))}, "for 60 texts"),
        ({"public_vectors": np.zeros((600, 7))}, "have 48 dimensions, public ones 7"),
        ({"public_vectors": np.full((600, 48), np.nan)}, "missing or infinite"),
        ({"public": (("a",),) * 50, "public_vectors": np.zeros((50, 48))}, "too few"),
    ],
)
def test_vectors_and_texts_that_do_not_go_together_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        replace(store(0), **change)


@pytest.mark.parametrize("params", [{"steps": 3}, {"steps": True}, {"defences": "yes"}])
def test_wrong_parameters_are_refused(params: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(params))):
        decoded(store(0), **params)
