"""Drawings of a model's classes as the report shows them: who judges, what the judges are read against, and what it took.

No figure stands alone: judges beside rows whose answer is known, likeness beside what needs no model, line-ups beside chance.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from govtool.audits.models import AttackRecord
from govtool.estimate import Estimate
from govtool.reports import format as f
from govtool.reports.view import Fact, Grid

_DASH = "\N{EN DASH}"
_FIVE = 5
_SMALLEST_P = 1e-4
PRIORS = {
    "pca": "principal components",
    "local": "components cut short over distance",
    "autoencoder": "an autoencoder",
    "gan": "a generator trained for it (GAN)",
}
"""What learnt from public records; a supplied generator reads by its own name."""
_SEARCHES = {
    "surrogate": "a stand-in model learnt from the answers",
    "nes": "natural evolution strategies (NES)",
    "cma": "covariance matrix adaptation (CMA-ES)",
    "votes": "votes of noisy copies at the boundary",
}
_OWN_LABEL = "The reconstruction itself"


def facts(detail: Mapping[str, Any], source: str) -> list[Fact]:
    """How it searched, what it cost, and how much contrast came of it."""
    found = []
    if detail.get("search"):
        found.append(Fact("Search", _search(detail), detail["search"], source))
    if isinstance(detail.get("prior"), str):
        starts = f.count(detail.get("public_starts"))
        text = f"{PRIORS.get(detail['prior'], f.tidy(detail['prior'], 120))}, {f.count(detail.get('latent_size'))} values, {starts} public records to start from"
        found.append(Fact("Prior", text, detail["prior"], source))
    if isinstance(bill := detail.get("query_ledger"), dict):
        found += [Fact("Queries", queries(bill), bill, source), Fact("Price of the queries", price(bill), bill, source)]
    if isinstance(contrast := detail.get("contrast"), dict):
        found.append(Fact("Contrast of the drawings", _contrast(contrast, detail), contrast, source))
    if isinstance(fewest := detail.get("fewest_hits"), int):
        text = f"{fewest} of {len(detail.get('classes', []))} classes named"
        found.append(Fact("Fewest that surely beat chance", text, fewest, source))
    return found


def queries(bill: Mapping[str, Any]) -> str:
    return (
        f"{f.count(bill['total'])} different ones for {f.count(bill['classes'])} classes, {bill['per_class']:,.0f} for each (at most "
        f"{f.count(bill['budget_per_class'])}); {f.count(bill['repeated'])} repeated questions are not counted"
    )


def price(bill: Mapping[str, Any]) -> str:
    """As the user stated it; nobody else knows the currency or the tariff."""
    if bill.get("price_per_1000") is None:
        return "unknown: none was stated"
    return f"{bill['cost']:,.2f}, at the stated {bill['price_per_1000']:g} for a thousand"


def grids(detail: Mapping[str, Any]) -> list[Grid]:
    return [*_panel(detail), *_calibration(detail), *_line_ups(detail), *_likeness(detail)]


def _panel(detail: Mapping[str, Any]) -> list[Grid]:
    judges = detail.get("evaluators")
    if not judges:
        return []
    wide = any(one.get("top_five") for one in judges)
    rows = [
        (
            f"{f.tidy(str(one.get('name', f.UNKNOWN)), 40)}: {f.tidy(str(one.get('family', f.UNKNOWN)), 60)}",
            share(one.get("real_accuracy")),
            share(one.get("rate")),
            *([share(one.get("top_five"))] if wide else []),
            _heard(one),
        )
        for one in judges
    ]
    if isinstance(chance := detail.get("chance"), float):
        top = (detail.get("panel") or {}).get("top_five_chance")
        five = [_DASH if top is None else f.percent(top)] if wide else []
        rows.append(("By chance", f.percent(chance), f.percent(chance), *five, _DASH))
    note = (
        f"{f.tidy(str(detail.get('why_judges', '')), 300)} Each learnt from records that the audited model never saw, and never saw "
        f"that model. Over {_n(judges, 'rate')} classes and {_n(judges, 'real_accuracy')} real records, with intervals of 95{f.NB}%."
    ).strip()
    columns = (
        "Judge",
        "Right on real records",
        "Names the drawing",
        *(["Has it among its first five"] if wide else []),
        "Heard",
    )
    return [Grid("Who judges, and what they say", note, columns, tuple(rows), "judges")]


def _heard(judge: Mapping[str, Any]) -> str:
    if judge.get("excluded"):
        return f"no: {f.tidy(str(judge['excluded']), 200)}"
    return "yes, but it does not look at contrast" if judge.get("contrast_blind") else "yes"


def _calibration(detail: Mapping[str, Any]) -> list[Grid]:
    rows = detail.get("calibration")
    if not rows:
        return []
    names = list(dict.fromkeys(name for row in rows for name in row.get("rates", {})))
    given = [*_drawn(detail.get("evaluators") or ()), *rows]
    chance = f", by chance {f.percent(detail['chance'])}" if isinstance(detail.get("chance"), float) else ""
    note = (
        "What the same judges say of rows whose answer is known. Real records and class means should mostly be named; under the "
        f"wrong label, and for the mean of everybody or plain grey, no more than chance should{chance}. n and intervals as above."
    )
    shown = tuple(
        (
            f.sentence(str(row.get("row", f.UNKNOWN)), 80).rstrip("."),
            *(share(row.get("rates", {}).get(name)) for name in names),
        )
        for row in given
    )
    columns = ("Shown to the judges", *(f.tidy(name, 40) for name in names))
    return [Grid("Rows whose answer is known", note, columns, shown, "first-wide")]


def _drawn(judges: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The reconstruction as it is, and with the contrast that anyone can give it, as rows beside the known ones."""
    found = [{"row": _OWN_LABEL, "rates": {one.get("name"): one.get("rate") for one in judges}}]
    if any(one.get("rate_stretched") for one in judges):
        rates = {one.get("name"): one.get("rate_stretched") for one in judges}
        found.append({"row": f"{_OWN_LABEL}, its contrast stretched to a real record's", "rates": rates})
    return found


def _line_ups(detail: Mapping[str, Any]) -> list[Grid]:
    given = detail.get("line_ups")
    if not given:
        return []
    n = given[0]["whole_gallery"]["n"]
    five = any(one.get("of_five") for one in given)
    rows = [
        (
            f.sentence(str(one["space"]), 80).rstrip("."),
            share(one["whole_gallery"]),
            p_value(one["p_value"]),
            *([share(one["of_five"])] if five else []),
        )
        for one in given
    ]
    rows.append(("By chance", f.percent(1 / n), _DASH, *([f.percent(1 / _FIVE)] if five else [])))
    note = (
        f"Is the real record most like the drawing one of the right class? Of {n} classes, among records that the model never saw, "
        "equally many of each; then among five, one of the right class and four others. p: so many or more, were the labels dealt "
        f"out at random. Intervals of 95{f.NB}%."
    )
    columns = ("Likeness by", "Right in the whole gallery", "p", *(["Right among five"] if five else []))
    return [Grid("Picked from a line-up", note, columns, tuple(rows), "first-wide")]


def _likeness(detail: Mapping[str, Any]) -> list[Grid]:
    rows = detail.get("resemblance")
    if not rows:
        return []
    felt = any(row.get("feature_distance") for row in rows)
    shown = tuple(
        (
            ("" if index == 0 else "No attack: ") + f.tidy(str(row["row"]), 80),
            plain(row["psnr"], 1),
            plain(row["ssim"], 3),
            *([plain(row.get("feature_distance"), 3)] if felt else []),
        )
        for index, row in enumerate(rows)
    )
    shown = ((shown[0][0].capitalize(), *shown[0][1:]), *shown[1:])
    features = " and the distance in a judge's features (0 alike, 1 unrelated)" if felt else ""
    note = (
        "Against training records of the class, in range units (0 to 1): decibels (PSNR) and structural similarity (SSIM, 1 is "
        f"identical), of which more is more alike{features}. The lines marked 'No attack' cost nothing: a drawing that is no nearer than they "
        f"are gives no single record away. Means over {rows[0]['psnr']['n']} classes, bootstrap intervals of 95{f.NB}%."
    )
    if isinstance(gain := detail.get("ssim_gain"), dict):
        note += f" SSIM of the drawing less that of the mean of everybody, class by class: {plain(gain, 3)}."
    columns = ("Compared", "PSNR in dB", "SSIM", *(["Feature distance"] if felt else []))
    return [Grid("How like the training records", note, columns, shown, "first-wide")]


def reading(record: AttackRecord) -> str:
    """The identification rate as counted heads; '' where there is none."""
    if "identification_rate" not in record.metrics:
        return ""
    found = Estimate.from_dict(record.metrics["identification_rate"])
    chance = record.baselines.get("identification_rate")
    hits = round(found.value * found.n)
    guess = "" if chance is None else f" Naming at random would get about {chance * found.n:.3g} of {found.n:,} right."
    return (
        f"The attack drew one image for each of {found.n:,} classes from the model alone. Independent judges, who know real records but "
        f"not the model, named the right class for {hits:,} of them (the median judge).{guess} With {found.n:,} classes the true rate may "
        f"be as low as {f.percent(found.low)} or as high as {f.percent(found.high)}. A recovered class "
        "is a person only where a class stands for one person; a likeness of the class average is not a copy of a record."
    )


def share(data: Any) -> str:
    """``97.5 % (87.1–99.9 %)``; absent is said."""
    if not isinstance(data, dict):
        return "not measured"
    found = Estimate.from_dict(data)
    return f"{f.percent(found.value, fixed=True)} ({f.interval(found)})"


def plain(data: Any, digits: int) -> str:
    """``18.7 (17.9 to 19.5)``."""
    if not isinstance(data, dict):
        return "not measured"
    found = Estimate.from_dict(data)
    text = f"{found.value:.{digits}f} ({found.low:.{digits}f} to {found.high:.{digits}f})"
    return text.replace("-", "\N{MINUS SIGN}")


def p_value(value: float) -> str:
    """Dealing out labels some thousand times can show no smaller p than one in as many."""
    return f"{value:.2g}" if value >= _SMALLEST_P else f"< {_SMALLEST_P:g}"


def _n(judges: Sequence[Mapping[str, Any]], key: str) -> str:
    counts = sorted({one[key]["n"] for one in judges if isinstance(one.get(key), dict)})
    return " or ".join(f.count(n) for n in counts) or f.UNKNOWN


def _contrast(contrast: Mapping[str, Any], detail: Mapping[str, Any]) -> str:
    return (
        f"{f.percent(contrast['median'])} of a real record's (median); {f.count(contrast['faint'])} of {len(detail.get('classes', []))} "
        f"are all but grey to the eye (under {f.percent(contrast['limit'])})"
    )


def _search(detail: Mapping[str, Any]) -> str:
    given = detail["search"]
    if not isinstance(given, dict):
        among = f", among {f.tidy(str(detail['searched']), 120)}" if detail.get("searched") else ""
        return f"{_SEARCHES.get(str(given), f.tidy(str(given).replace('_', ' '), 60))}{among}"
    used = {key.replace("_", " "): value for key, value in given.items() if value}  # zero: not used
    return "; ".join(
        f"{key} {value:g}" if isinstance(value, float) else f"{key} {value}" for key, value in used.items()
    )
