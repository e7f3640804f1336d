"""What an update of federated learning gives away, on paper: each attack beside what nobody had to attack for, and what defences buy."""

from collections.abc import Mapping, Sequence
from typing import Any

from govtool.estimate import Estimate
from govtool.reports import format as f
from govtool.reports.view import Fact, Grid

HOW = {
    "first_layer": "read off the first layer",
    "idlg": "searched for, labels read first",
    "dlg": "searched for, labels too",
    "cosine_tv": "searched for as smooth pictures",
}
NOTHING = {
    "global_mean": "the mean of all records",
    "class_mean": "the mean of the class without the record",
    "nearest_other": "the most alike record of somebody else",
}
_DASH = "\N{EN DASH}"


def facts(detail: Mapping[str, Any], source: str) -> list[Fact]:
    about = detail.get("gradients")
    if not isinstance(about, dict):
        return []
    each = about["records_per_update"]
    found = [
        Fact(
            "Updates",
            f"{f.count(about['updates'])} of {f.count(each)} record{'s' if each != 1 else ''} each",
            about["updates"],
            source,
        )
    ]
    if "labels_right" in about:
        found.append(
            Fact("Labels the attacker had right", f.percent(about["labels_right"]), about["labels_right"], source)
        )
    if isinstance(norms := about.get("norms"), dict) and "median" in norms:
        text = f"{norms['median']:.3g} (median; {norms['smallest']:.3g} to {norms['largest']:.3g}); near 0, little can be read"
        found.append(Fact("Length of a record's own gradient", text, norms, source))
    return found


def grids(detail: Mapping[str, Any]) -> list[Grid]:
    about = detail.get("gradients")
    if not isinstance(about, dict):
        return []
    marked = [_attacks(about)] if "baselines" in about else [_unmarked(about)]
    return [grid for grid in (*marked, _untried(about), _defences(about.get("defences") or ())) if grid.rows]


def _attacks(about: Mapping[str, Any]) -> Grid:
    rows = [
        (
            how(one["name"]).capitalize(),
            f"{f.count(one['recovered'])} of {f.count(one['records'])}",
            decibels(one["psnr"]),
            _alike(one["ssim"]),
            f"{f.count(one['named'])} (by chance {one['named_by_chance']:.1f})",
            far(one["residual"]),
        )
        for one in about["attacks"]
    ]
    rows += [
        (f"No attack: {NOTHING.get(name, name.replace('_', ' '))}", _DASH, decibels(found), _DASH, _DASH, _DASH)
        for name, found in about["baselines"].items()
    ]
    limits = about["thresholds"]
    note = (
        f"A record counts as recovered over {limits['recovered_db']:g} dB and {limits['above_others_db']:g} dB nearer than anybody else's. "
        "Likeness is the median in dB over records, with its 95{f.NB}% interval; the lines marked 'No attack' cost nothing. The miss is how far "
        "the update that the drawing would give lies from the one that was seen, as a share of its length."
    )
    columns = ("How", "Recovered", "Likeness in dB", "SSIM", f"Picked out of {f.count(about['line_up'])}", "Miss")
    return Grid("What was reconstructed", note, columns, tuple(rows), "drawn")


def _unmarked(about: Mapping[str, Any]) -> Grid:
    rows = tuple(
        (how(one["name"]).capitalize(), f.count(one["drawn"]), f.count(one["sure"]), far(one["residual"]))
        for one in about["attacks"]
    )
    note = "Nobody said which records made the update, so no success is claimed. A miss near 0 means: these records, and hardly any others, give it."
    return Grid("What was drawn", note, ("How", "Records drawn", "Surely no mixture", "Miss"), rows, "first-wide")


def _untried(about: Mapping[str, Any]) -> Grid:
    rows = tuple(
        (how(name).capitalize(), f"{f.count(count)} of {f.count(about['updates'])}", f.sentence(why, 240))
        for name, reasons in about.get("untried", {}).items()
        for why, count in reasons.items()
    )
    return Grid(
        "What was not tried",
        "An attack that was not made has found nothing.",
        ("How", "Updates", "Why"),
        rows,
        "untried",
    )


def _defences(given: Sequence[Mapping[str, Any]]) -> Grid:
    """Measured with an attacker who knows of it; what one who does not gets stands beside it, since that flatters."""
    rows = tuple(
        (one["title"].capitalize(), f"not measured: {f.tidy(one['reason'], 160)}", _DASH, _DASH)
        if "reason" in one
        else (
            one["title"].capitalize() + ("; not searched" if one["unsearched"] else ""),
            f.rate(Estimate.from_dict(one["exposed"])),
            decibels(one["adaptive_db"]),
            _DASH if one["naive_db"] is None else decibels(one["naive_db"]),
        )
        for one in given
    )
    unsearched = (
        " Where it says 'not searched', an update had more records than the spec allows to search for, so those figures may flatter."
        if any(one.get("unsearched") for one in given)
        else ""
    )
    note = (
        "The same updates again, defended. What counts is the attacker who knows the defence and adapts to it; beside it one who does "
        f"not, by whom defences look better than they are. Likeness in dB, median with its 95{f.NB}% interval.{unsearched}"
    )
    columns = ("Defence", "Updates that still give a record away", "dB, attacker adapts", "dB, attacker does not")
    return Grid("What each defence would buy you", note, columns, rows, "second-wide")


def how(name: str) -> str:
    return HOW.get(name, f.tidy(name.replace("_", " "), 60))


def decibels(found: Mapping[str, Any] | None) -> str:
    return "none drawn" if found is None else f"{found['median']:.1f} ({found['low']:.1f} to {found['high']:.1f})"


def _alike(found: Mapping[str, Any] | None) -> str:
    return _DASH if found is None else f"{found['median']:.2f} ({found['low']:.2f} to {found['high']:.2f})"


def far(residual: float | None) -> str:
    return _DASH if residual is None else f"{residual:.2g}"
