"""Time, ids and random numbers."""

import re
from datetime import UTC

from hypothesis import given
from hypothesis import strategies as st

from govtool import runtime


def test_the_clock_is_aware_and_in_utc() -> None:
    first, second = runtime.system_clock(), runtime.system_clock()
    assert first.tzinfo is UTC
    assert second >= first
    assert runtime.monotonic() <= runtime.monotonic()


def test_ids_are_readable_and_do_not_repeat() -> None:
    made = [runtime.new_id("run") for _ in range(2000)]
    assert len(set(made)) == 2000
    assert all(re.fullmatch(r"run-[0-9abcdefghjkmnpqrstvwxyz]{12}", identifier) for identifier in made)
    assert {character for identifier in made for character in identifier[4:]} == set("0123456789abcdefghjkmnpqrstvwxyz")


def test_tokens_are_long_and_fit_into_urls_and_file_names() -> None:
    made = {runtime.new_token() for _ in range(200)}
    assert len(made) == 200
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{32}", token) for token in made)


@given(st.integers(0, 2**63 - 1), st.text(max_size=20))
def test_the_same_seed_and_name_give_the_same_numbers(seed: int, name: str) -> None:
    assert (
        runtime.rng(seed, name).integers(0, 2**62, 4).tolist() == runtime.rng(seed, name).integers(0, 2**62, 4).tolist()
    )


def test_another_name_or_seed_gives_other_numbers() -> None:
    drawn = {
        tuple(runtime.rng(seed, name).integers(0, 2**62, 2).tolist()) for seed in (0, 1) for name in ("lira", "rmia")
    }
    assert len(drawn) == 4
