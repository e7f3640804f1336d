"""A bound beside a claim, in words. What a silent audit does not prove is said in the same breath."""

from typing import Literal

Outcome = Literal["contradicted", "not_contradicted", "could_not_tell"]


def judge(claimed: float, bound: float, ceiling: float) -> Outcome:
    """Both figures must have been computed at the claim's own delta.

    `could_not_tell`: even a perfect attacker would have shown no more than is claimed, so nothing was tested.
    """
    if bound > claimed:
        return "contradicted"
    return "not_contradicted" if ceiling > claimed else "could_not_tell"


def sentence(outcome: Outcome, claimed: float, delta: float, bound: float, ceiling: float, what: str) -> str:
    """`what` was looked at: '200 canaries'."""
    promise = f"epsilon {claimed:g} at delta {delta:g}"
    shown = f"an epsilon of at least {bound:.3g}" if bound else "no leak"
    match outcome:
        case "contradicted":
            return f"The claim of {promise} is contradicted: {what} show an epsilon of at least {bound:.3g}."
        case "not_contradicted":
            return (
                f"The claim of {promise} is not contradicted: {what} show {shown}, where a perfect attacker could have shown "
                f"{ceiling:.3g}. That is no proof of the claim; a stronger attack may show more."
            )
        case "could_not_tell":
            return (
                f"Nothing is said about the claim of {promise}: with {what} even a perfect attacker could show at most "
                f"{ceiling:.3g}. More canaries are needed to test it."
            )
