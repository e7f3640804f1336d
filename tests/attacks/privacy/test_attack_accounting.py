"""Four accountants agree on what noise gives, and a claim is held against them."""

import pytest

from govtool.attacks.privacy import accounting
from govtool.attacks.privacy.accounting import Accounted, Mechanism, recompute
from govtool.errors import InputError, MissingExtraError


@pytest.fixture(scope="module")
def usual() -> Accounted:
    return recompute(Mechanism(1.1, 0.01, 10_000, 1e-5))


def test_all_four_accountants_answer_and_agree(usual: Accounted) -> None:
    assert usual.epsilons == pytest.approx(
        {"dp-accounting RDP": 5.632, "Opacus RDP": 5.632, "dp-accounting PLD": 5.1926, "Opacus PRV": 5.2029}, abs=0.001
    )
    assert usual.failed == {}
    assert usual.disagreements == []
    assert usual.epsilon == pytest.approx(5.1926, abs=0.001)


def test_a_claim_below_what_the_noise_gives_is_not_supported(usual: Accounted) -> None:
    assert not usual.supports(3.0)
    assert usual.supports(5.2)
    assert usual.supports(8.0)
    assert accounting.comparison(3.0, usual) == "Claimed epsilon 3 at delta 1e-05, but the stated noise gives 5.193."


def test_accountants_that_differ_are_named() -> None:
    found = Accounted(
        Mechanism(1, 0.1, 10, 1e-5), {"dp-accounting PLD": 2.0, "Opacus PRV": 2.4, "dp-accounting RDP": 1.5}
    )
    assert [sentence.split(" gives")[0] for sentence in found.disagreements] == [
        "dp-accounting PLD",
        "The tight accountant",
    ]


def test_noise_that_protects_nobody_is_counted_loosely_and_fast() -> None:
    found = recompute(Mechanism(0.05, 0.01, 100, 1e-5))
    assert found.epsilon > accounting.HOPELESS
    assert "hours" in found.failed["Opacus PRV"]
    assert not found.supports(10)


def test_full_batches_are_the_plain_gaussian_mechanism() -> None:
    """sigma 1, delta 1e-5: 4.377 (Balle & Wang 2018)."""
    assert recompute(Mechanism(1.0, 1.0, 1, 1e-5)).epsilon == pytest.approx(4.377, abs=0.002)


@pytest.mark.parametrize(
    "numbers",
    [
        (0.0, 0.1, 1, 1e-5),
        (1.0, 0.0, 1, 1e-5),
        (1.0, 1.1, 1, 1e-5),
        (1.0, 0.1, 0, 1e-5),
        (1.0, 0.1, 1, 0.0),
        (float("nan"), 0.1, 1, 0.1),
    ],
)
def test_impossible_numbers_are_refused(numbers: tuple[float, float, int, float]) -> None:
    with pytest.raises(InputError):
        Mechanism(*numbers)


def test_without_the_libraries_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(_mechanism: Mechanism) -> float:
        raise ModuleNotFoundError(name="opacus")

    monkeypatch.setattr(accounting, "_ACCOUNTANTS", {"Opacus RDP": absent})
    with pytest.raises(MissingExtraError, match="privacy"):
        recompute(Mechanism(1.0, 0.1, 10, 1e-5))
