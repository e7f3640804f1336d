"""Attribute inference as the report shows it: every guesser beside the attack, value by value, and what else gives it away."""

from collections.abc import Mapping
from typing import Any

from govtool.audits.models import AttackRecord
from govtool.estimate import Estimate
from govtool.reports import format as f
from govtool.reports.view import Grid

_HUNDRED = 100
_GUESSERS = {
    "majority": "Always the commonest value",
    "imputation": "Imputation from the other columns, without the model",
    "attack": "This attack",
    "imputation_with_target": "Imputation with the model's answers",
}


def headline_attribute(record: AttackRecord) -> Mapping[str, Any] | None:
    """The attribute that the figures of the record are about."""
    named = record.detail.get("headline")
    return next((one for one in record.detail.get("attributes", []) if one.get("name") == named), None)


def finding(record: AttackRecord, excess: Estimate) -> tuple[str, bool] | None:
    """What the attack found, in one sentence, and whether it is a leak; None when the record does not say of which attribute."""
    about = headline_attribute(record)
    if about is None:
        return None
    name, access = f.tidy(about["name"], 60), f.access(record.access, "an access that was not recorded")
    sure = f"{f.percent(excess.confidence_level)} confidence, n{f.NB}={f.NB}{excess.n:,}"
    if excess.low > 0:
        own = Estimate.from_dict(about["excess"])  # the record's own figure is the largest of all attributes
        return (
            f"The model gives away {name} of people in its training data: under access to {access}, about "
            f"{hundred(own.value)} more of 100 are inferred rightly than without the model, beyond what it helps with people "
            f"outside (at least {hundred(own.low)}; {sure})."
        ), True
    tried = [f.tidy(one["name"], 60) for one in record.detail["attributes"]]
    all_of = name if len(tried) == 1 else f"{', '.join(tried[:-1])} or {tried[-1]}"
    of_one = "" if len(tried) == 1 else f" {name} of"
    inside, without = (_value(row(about, guesser), "members") for guesser in ("attack", "imputation"))
    return (
        f"No leak of {all_of} was shown: under access to {access} the attack is right about{of_one} {inside} of 100 people in the "
        f"training data, a guess from the other columns without the model about {without}. An excess of up to "
        f"{hundred(max(excess.high, 0.0))} of 100 is not ruled out{'' if len(tried) == 1 else ' for any of them'} ({sure}), nor is "
        f"anything said about other attacks or other access."
    ), False


def hundred(value: float) -> str:
    """A share as so many of 100, with one decimal."""
    return f"{_HUNDRED * value:.1f}".removesuffix(".0").replace("-", "\N{MINUS SIGN}")


def row(about: Mapping[str, Any], guesser: str) -> Mapping[str, Any]:
    return next((one for one in about.get("rows", []) if one.get("guesser") == guesser), {})


def _value(found: Mapping[str, Any], group: str) -> str:
    data = found.get(group)
    return "an unrecorded number" if data is None else hundred(Estimate.from_dict(data).value)


def grids(detail: Mapping[str, Any]) -> list[Grid]:
    attributes = detail.get("attributes")
    if not isinstance(attributes, list):
        return []
    return [
        table
        for about in attributes
        for table in (_guessers(about), _decisions(about), _values(about), _proxies(about))
        if table.rows
    ]


def _guessers(about: Mapping[str, Any]) -> Grid:
    rows = tuple(
        (
            _GUESSERS.get(one["guesser"], f.tidy(one["guesser"], 60)),
            _share(one.get("members")),
            _share(one.get("nonmembers")),
            points(one.get("gain_members")),
            points(one.get("gain_nonmembers")),
        )
        for one in about.get("rows", [])
    )
    note = (
        f"Right answers about {f.count(about.get('members'))} people or records in the training data and "
        f"{f.count(about.get('nonmembers'))} outside, by guessers who learnt from {f.count(about.get('auxiliary'))} others. "
        "Gains are in percentage points over the imputation without the model; 95 % intervals."
    )
    columns = ("Guesser", "Right in the training data", "Right outside", "Gain in the training data", "Gain outside")
    return Grid(f"Who guesses {f.tidy(about['name'], 60)} rightly", note, columns, rows)


def _decisions(about: Mapping[str, Any]) -> Grid:
    """Records of audits from before this was measured have no such table."""
    found = about.get("decision", {})
    rows = tuple(
        (
            where,
            _share(one.get("decided")),
            *("too few to say" if one.get(key) is None else _share(one[key]) for key in ("precision", "imputation")),
        )
        for group, where in (("members", "In the training data"), ("nonmembers", "Outside"))
        if (one := found.get(group)) is not None
    )
    gap = found.get("gap")
    difference = f" The precision inside less that outside is {points(gap)} percentage points." if gap else ""
    note = (
        "The model decides about a record where one value explains the known label better than every other. It may do so for a "
        "few only, and be right about those who were in its training data. Beside it, how often a guess without the model is "
        f"right about the very same records.{difference}"
    )
    columns = ("Records", "Decided about", "Right when it decides", "Right without the model, same records")
    return Grid(f"Where the model decides: {f.tidy(about['name'], 60)}", note, columns, rows)


def _values(about: Mapping[str, Any]) -> Grid:
    rows = tuple(
        (
            f.tidy(one["value"], 40),
            f"{f.count(one.get('members'))} and {f.count(one.get('nonmembers'))}",
            *(
                _share(one.get(key)) if "excess" in one else "too few to say"
                for key in ("recall_members", "imputation_recall_members", "recall_nonmembers", "precision_members")
            ),
        )
        for one in about.get("by_value", [])
    )
    note = (
        "Of those in the training data who have the value, how many the attack and the imputation find; of those outside, how "
        "many the attack finds; and of those in the training data whom the attack gives the value, how many have it."
    )
    columns = (
        "Value",
        "Have it, inside and outside",
        "Found inside",
        "Found without the model",
        "Found outside",
        "Right when named, inside",
    )
    return Grid(f"Value by value: {f.tidy(about['name'], 60)}", note, columns, rows)


def _proxies(about: Mapping[str, Any]) -> Grid:
    rows = tuple((f.tidy(one["column"], 60), f.number(one["association"])) for one in about.get("proxies", []))
    note = "Columns that give it away without any model. Association is Cramér's V: 0 unrelated, 1 the same."
    return Grid(f"What goes with {f.tidy(about['name'], 60)}", note, ("Column", "Association"), rows)


def points(data: Any) -> str:
    """A gain in percentage points with its interval: ``+3.4 (+1.1 to +5.8)``; a dash where the row is what others are compared with."""
    if data is None:
        return "\N{EN DASH}"
    found = Estimate.from_dict(data)
    return f"{_signed(found.value)} ({_signed(found.low)} to {_signed(found.high)})"


def _signed(value: float) -> str:
    text = f"{_HUNDRED * value:+.1f}"
    return "0.0" if float(text) == 0 else text.replace("-", "\N{MINUS SIGN}")


def _share(data: Any) -> str:
    if data is None:
        return "nobody"
    found = Estimate.from_dict(data)
    return f"{f.percent(found.value, fixed=True)} ({f.interval(found)})"


def excess_reading(record: AttackRecord) -> str:
    """The worked example of the excess, in this record's numbers; '' where it has none."""
    about = headline_attribute(record)
    if about is None or "excess" not in record.metrics:
        return ""
    name, found = f.tidy(about["name"], 60), Estimate.from_dict(about["excess"])
    attack, imputation = row(about, "attack"), row(about, "imputation")
    proxies = [f.tidy(one["column"], 40) for one in about.get("proxies", [])[:2]]
    hints = f", mostly from {' and '.join(proxies)}" if proxies else ""
    return (
        f"Take 100 people whose records trained the model. Somebody who never saw it guesses {name} rightly for about "
        f"{_value(imputation, 'members')} of them from the other columns{hints}. With the model, this attack is right about "
        f"{_value(attack, 'members')}. Of 100 people outside the training data the same two are right about "
        f"{_value(imputation, 'nonmembers')} and {_value(attack, 'nonmembers')}. Only what the model adds inside, beyond what it adds "
        f"outside, is a leak of the training data: here {hundred(found.value)} of 100 ({hundred(found.low)} to {hundred(found.high)}). "
        "A high share of right answers alone is no leak, it is how these columns go together; and an attack that does worse "
        "than guessing without the model has found nothing."
    )


def precision_reading(record: AttackRecord) -> str:
    about = headline_attribute(record)
    for one in about.get("by_value", []) if about else []:
        if one.get("precision_members") and one.get("recall_members"):
            named, found = (Estimate.from_dict(one[key]).value for key in ("precision_members", "recall_members"))
            return (
                f"Of 100 people in the training data who have the value “{f.tidy(one['value'], 40)}”, the attack finds about "
                f"{hundred(found)}; of 100 whom it gives that value, about {hundred(named)} have it. Where a value is rare, even "
                "a good attack is mostly wrong about those it names."
            )
    return ""
