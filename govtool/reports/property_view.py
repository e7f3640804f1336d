"""Property inference as the report shows it: the worlds, the models, what the target looks like, and that it is about a group."""

from typing import Any

from govtool.estimate import Estimate
from govtool.reports import format as f
from govtool.reports.view import Fact

FAMILY = "property_inference"
GROUP_LEVEL = "This is a risk about the group as a whole, not about personal data of one person."

_CLEARLY = 0.75
"""Chance from which the target is said to look like a world without more ado: 3 to 1."""


def facts(detail: dict[str, Any], source: str, *, void: bool = False) -> tuple[Fact, ...]:
    """Nothing for a record of another family; nothing about the target from a test that does not count."""
    asked, target = detail.get("property"), detail.get("target")
    if not isinstance(asked, dict) or not isinstance(target, dict):
        return ()
    low, high = (f.percent(share) for share in asked["worlds"])
    kept = "none" if asked.get("existence") else low
    models = f"{f.count(asked['shadow_models'])} shadow and {f.count(asked['test_models'])} test models"
    pools = asked.get("pools") or {}
    drawn = f"drawn from {f.count(pools.get('shadow'))} and {f.count(pools.get('test'))} records that do not overlap by design"
    spiked = detail.get("poison")
    shown: list[tuple[str, str, Any]] = [
        ("Risk", "group level: about the training set as a whole, not personal data of one person", "group"),
        ("Property", f.tidy(str(asked["name"]), 200), asked["name"]),
        ("Worlds", f"{kept} or {high} of the training records have the property", asked["worlds"]),
        ("Models trained for it", f"{models} of {f.count(asked['records'])} training records each, {drawn}", asked),
        *(
            [("Rows the attacker adds", f"{f.percent(spiked['share'])} of the training records", spiked)]
            if spiked
            else []
        ),
        ("Queries to each model", f.count(asked["queries"]), asked["queries"]),
        ("Conclusion", f.sentence(str(detail.get("conclusion", "")), 300), detail.get("conclusion")),
        *([] if void else [("The target looks like", _pointed(target), target)]),
    ]
    return tuple(Fact(name, text, value, source) for name, text, value in shown)


def reading(figure: Estimate, shares: list[float]) -> str:
    """How to read the share of models whose world is named correctly."""
    low, high = (f.percent(share) for share in shares)
    return (
        f"{figure.n:,} models were trained for the test, half with {low} and half with {high} of the training records having the property. "
        f"The attacker named the right half for {f.percent(figure.value, fixed=True)} of them; a coin gets 50{f.NB}%. It tells something about "
        "the group as a whole, such as a customer base, and nothing about whether any one person was in it."
    )


def _pointed(target: dict[str, Any]) -> str:
    looks = f.percent(target["looks_like"])
    start = looks if target["chance"] >= _CLEARLY else f"neither clearly, rather {looks}"
    text = f"{start}; at even prior odds this is right with a chance of {f.percent(round(target['chance'], 3))} ({target['odds']:.3g} to 1)"
    true = target.get("true_fraction")
    known = (
        ""
        if true is None
        else f". The share among its members, which the auditor knows, is {f.percent(round(true, 4))}"
    )
    return text + known
