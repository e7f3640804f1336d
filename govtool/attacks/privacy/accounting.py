"""What epsilon the noise pays for, recomputed by four accountants of two libraries.

Steps of the Poisson-subsampled Gaussian mechanism (DP-SGD, Abadi et al. 2016, arXiv 1607.00133), neighbours differing by
one record added or removed. Renyi accounting (RDP) is valid and loose; the privacy-loss distribution (PLD, Koskela et al.
2020; PRV, Gopi et al. 2021) is close to exact. Each gives an upper bound, so the least of them is what the noise shows.
"""

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from govtool.errors import InputError, MissingExtraError

DISAGREE = {("dp-accounting PLD", "Opacus PRV"): (0.02, 0.02), ("dp-accounting RDP", "Opacus RDP"): (0.05, 0.15)}
"""Accountants of one kind that differ by more than this share of epsilon and this much besides deserve a look. PRV adds
0.01 for its own error; the two RDP try different orders."""
ROUNDED = 0.01
"""A claim may be this share below what the noise gives, because people round."""

HOPELESS = 50.0
"""Above this epsilon nothing is promised to anyone, and tight accountants take hours to say how much of nothing."""

POISSON = (
    "This holds for batches drawn by Poisson sampling, neighbours that differ by one record, and no tuning on the private data; "
    "shuffled batches of fixed size are less private than these figures say (Chua et al. 2024)."
)

_MOST_STEPS = 10**8
_ORDER = "Optimal order is the"  # opacus says so where a longer list of orders might give a smaller epsilon


@dataclass(frozen=True)
class Mechanism:
    """DP-SGD as its user states it. Every number is checked.

    Raises:
        InputError: a number outside its range.
    """

    noise_multiplier: float
    """Standard deviation of the noise in units of the clipping norm."""
    sampling_rate: float
    """Chance of each record to be in a batch."""
    steps: int
    delta: float

    def __post_init__(self) -> None:
        checks = {
            "the noise multiplier must be above 0 and at most 1000": 0 < self.noise_multiplier <= 1000,  # noqa: PLR2004
            "the sampling rate must be above 0 and at most 1": 0 < self.sampling_rate <= 1,
            "steps must be a whole number from 1": 1 <= self.steps <= _MOST_STEPS,
            "delta must lie between 0 and 1, both excluded": 0 < self.delta < 1,
        }
        for message, holds in checks.items():
            if not holds:
                raise InputError(message, hint="for example: noise 1.1, rate 0.01, 10000 steps, delta 1e-5")


@dataclass(frozen=True)
class Accounted:
    """Epsilon by each accountant that could be run; `failed` says why another could not."""

    mechanism: Mechanism
    epsilons: Mapping[str, float]
    failed: Mapping[str, str] = field(default_factory=dict)

    @property
    def epsilon(self) -> float:
        """The least upper bound: what the stated noise gives."""
        return min(self.epsilons.values())

    @property
    def disagreements(self) -> list[str]:
        """Where the accountants contradict each other, in sentences."""
        found = []
        for (one, other), (share, apart) in DISAGREE.items():
            first, second = self.epsilons.get(one), self.epsilons.get(other)
            if first is not None and second is not None and abs(first - second) > share * max(first, second) + apart:
                found.append(f"{one} gives {first:.4g} and {other} gives {second:.4g} for the same noise.")
        tight, loose = self.epsilons.get("dp-accounting PLD"), self.epsilons.get("dp-accounting RDP")
        if tight is not None and loose is not None and tight > loose * (1 + ROUNDED):
            found.append(f"The tight accountant gives {tight:.4g}, more than the loose one's {loose:.4g}.")
        return found

    def supports(self, claimed: float) -> bool:
        """Whether the stated noise gives the claimed epsilon, but for rounding."""
        return self.epsilon <= claimed * (1 + ROUNDED)

    def to_dict(self) -> dict[str, Any]:
        return {
            "epsilon": self.epsilon,
            "delta": self.mechanism.delta,
            "by": dict(self.epsilons),
            "failed": dict(self.failed),
            "disagreements": self.disagreements,
        }


def recompute(mechanism: Mechanism) -> Accounted:
    """Ask every accountant. About two seconds, most of it imports.

    Raises:
        MissingExtraError: neither dp-accounting nor Opacus is installed.
        InputError: no accountant could handle these numbers.
    """
    found: dict[str, float] = {}
    failed: dict[str, str] = {}
    for name, account in _ACCOUNTANTS.items():
        if name in _TIGHT and min(found.values(), default=0.0) > HOPELESS:
            failed[name] = (
                f"not asked: the loose accountant gives more than {HOPELESS:g}, and a tight one would need hours"
            )
            continue
        try:
            with _quietly():
                found[name] = account(mechanism)
        except ModuleNotFoundError as error:
            failed[name] = f"{error.name} is not installed"
        except (ArithmeticError, MemoryError, RuntimeError, ValueError) as error:
            failed[name] = f"it could not handle these numbers ({type(error).__name__})"
    if found:
        return Accounted(mechanism, found, failed)
    if any("not installed" in reason for reason in failed.values()):
        raise MissingExtraError("privacy", "recomputing epsilon")
    raise InputError("no accountant could handle these numbers", hint="is the noise so small that nothing is private?")


def comparison(claimed: float, found: Accounted) -> str:
    """The claim beside what the stated noise gives."""
    delta = found.mechanism.delta
    if found.supports(claimed):
        return f"The stated noise supports the claimed epsilon {claimed:g} at delta {delta:g}: it gives {found.epsilon:.4g}."
    return f"Claimed epsilon {claimed:g} at delta {delta:g}, but the stated noise gives {found.epsilon:.4g}."


def upper_bound(mechanism: Mechanism) -> float:
    """The tight accountant's epsilon, or the loose one's where that is hopeless. dp-accounting must be installed."""
    with _quietly():
        loose = _rdp_epsilon(mechanism)
        return loose if loose > HOPELESS else _pld_epsilon(mechanism)


def _pld_epsilon(mechanism: Mechanism) -> float:
    from dp_accounting.pld.pld_privacy_accountant import PLDAccountant

    return _composed(PLDAccountant(), mechanism)


def _rdp_epsilon(mechanism: Mechanism) -> float:
    from dp_accounting.rdp.rdp_privacy_accountant import RdpAccountant

    return _composed(RdpAccountant(), mechanism)


def _composed(accountant: Any, mechanism: Mechanism) -> float:
    import dp_accounting

    step = dp_accounting.PoissonSampledDpEvent(
        mechanism.sampling_rate, dp_accounting.GaussianDpEvent(mechanism.noise_multiplier)
    )
    accountant.compose(dp_accounting.SelfComposedDpEvent(step, mechanism.steps))
    return _finite(accountant.get_epsilon(mechanism.delta))


def _opacus_rdp(mechanism: Mechanism) -> float:
    from opacus.accountants import RDPAccountant

    return _opacus(RDPAccountant(), mechanism)


def _opacus_prv(mechanism: Mechanism) -> float:
    from opacus.accountants import PRVAccountant

    return _opacus(PRVAccountant(), mechanism)


def _opacus(accountant: Any, mechanism: Mechanism) -> float:
    accountant.history = [(mechanism.noise_multiplier, mechanism.sampling_rate, mechanism.steps)]
    return _finite(accountant.get_epsilon(mechanism.delta))


@contextmanager
def _quietly() -> Iterator[None]:
    """Without the libraries' remarks on orders they left out, which cost tightness and never validity."""
    import numpy as np

    talker = logging.getLogger("absl")
    level = talker.level
    talker.setLevel(logging.ERROR)
    try:
        with np.errstate(divide="ignore"), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=_ORDER, category=UserWarning)
            yield
    finally:
        talker.setLevel(level)


def _finite(epsilon: Any) -> float:
    """Infinite means that the accountant gave up."""
    if not 0 <= float(epsilon) < float("inf"):
        raise ArithmeticError
    return float(epsilon)


_ACCOUNTANTS: dict[str, Callable[[Mechanism], float]] = {
    "dp-accounting RDP": _rdp_epsilon,
    "Opacus RDP": _opacus_rdp,
    "dp-accounting PLD": _pld_epsilon,
    "Opacus PRV": _opacus_prv,
}
_TIGHT = ("dp-accounting PLD", "Opacus PRV")
