"""How values look on paper: numbers with their intervals, instants with their zone, text that cannot misbehave."""

import re
import unicodedata
from collections.abc import Iterable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from govtool.digest import Sha256
from govtool.estimate import Estimate

UNKNOWN = "unknown"
NB = "\N{NO-BREAK SPACE}"
_LIMIT = 600
_SHORT_DIGEST = 12
_MARKS = 3  # more combining marks than this on one letter write over the neighbouring lines


def tidy(text: str, limit: int = _LIMIT) -> str:
    """Text from outside, harmless on paper: what could hide or reorder text is shown, what is too long is cut, visibly.

    HTML is left to the template's escaping. Control and format characters (which include the direction overrides that
    make 'exe.pdf' look like 'fdp.exe') become their code, ``U+202E``; runs of white space become one space.
    """
    shown: list[str] = []
    marks = 0
    for character in text[:limit]:
        category = unicodedata.category(character)
        marks = marks + 1 if category == "Mn" else 0
        if character in "\t\n\r\v\f" or category == "Zs":
            shown.append(" " if character != NB else NB)
        elif category[0] == "C" or category in ("Zl", "Zp"):
            shown.append(f"[U+{ord(character):04X}]")
        elif marks <= _MARKS:
            shown.append(character)
    tidied = " ".join("".join(shown).split(" ")).strip()
    while "  " in tidied:
        tidied = tidied.replace("  ", " ")
    tidied = re.sub(r"(?<=\d) %", f"{NB}%", tidied)  # a figure keeps its unit on the same line
    return tidied + (f" … [cut: {count(len(text))} characters]" if len(text) > limit else "")


def count(number: int | None) -> str:
    """1,234,567; an absent count is 'unknown', never 0."""
    return UNKNOWN if number is None else f"{number:,}"


def percent(value: float, *, fixed: bool = False) -> str:
    """A share with one decimal, and more where rounding would claim too much: 78 %, 74.1 %, 0.03 %, 99.97 %.

    Nothing but zero is printed as 0 %, and nothing but one as 100 %. `fixed` keeps the decimal of measured figures, so
    that columns of them line up: 78.0 %.
    """
    return f"{_share(value, fixed=fixed)}{NB}%"


def _share(value: float, *, fixed: bool) -> str:
    share = 100 * value
    text = ""
    for digits in range(1, 9):
        text = f"{share:.{digits}f}"
        if float(text) == share or float(text) not in (0.0, 100.0):
            break
    else:
        return "< 0.00000001" if float(text) == 0 else text
    text = text.replace("-", "\N{MINUS SIGN}")
    return text if fixed else text.rstrip("0").rstrip(".")


def interval(estimate: Estimate) -> str:
    """``74.1–82.0 %``; ``−3.9 to 0.1 %`` where a dash would be read as a minus."""
    joint = "–" if estimate.low >= 0 else " to "
    return f"{_share(estimate.low, fixed=True)}{joint}{percent(estimate.high, fixed=True)}"


def rate(estimate: Estimate) -> str:
    """``78.0 % (74.1–82.0 %, n = 1,200)``."""
    return f"{percent(estimate.value, fixed=True)} ({interval(estimate)}, n{NB}={NB}{estimate.n:,})"


def number(value: float) -> str:
    """Three decimals for figures between 0 and 1 such as an AUC; four significant digits otherwise."""
    return f"{value:.3f}" if 0 <= value <= 1 else f"{value:.4g}"


def figure(name: str, estimate: Estimate) -> str:
    """The estimate in the unit its metric is read in: an area as a number, everything else in percent."""
    return number(estimate.value) if _is_area(name) else percent(estimate.value, fixed=True)


def bounds(name: str, estimate: Estimate) -> str:
    return f"{number(estimate.low)}–{number(estimate.high)}" if _is_area(name) else interval(estimate)


def value_of(name: str, value: float) -> str:
    """A limit or a baseline in the unit of its metric."""
    return number(value) if _is_area(name) else percent(value)


def _is_area(name: str) -> bool:
    return name == "auc" or name.endswith("_auc") or name.startswith("epsilon_")


def instant(moment: datetime | None, zone: str = "UTC") -> str:
    """``10 March 2026, 09:00:00 UTC`` or ``10 March 2026, 10:00:00 Europe/Paris (UTC+01:00)``; absent is 'unknown'."""
    if moment is None:
        return UNKNOWN
    local = moment.astimezone(ZoneInfo(zone))
    text = f"{local.day}{NB}{local:%B}{NB}{local.year}, {local:%H:%M:%S}"
    if zone == "UTC":
        return f"{text}{NB}UTC"
    return f"{text}{NB}{zone} (UTC{_offset(local)})"


def _offset(local: datetime) -> str:
    text = local.strftime("%z")
    return f"{text[:3]}:{text[3:5]}"


def day(moment: datetime) -> str:
    return f"{moment.day}{NB}{moment:%B}{NB}{moment.year}"


def duration(span: timedelta) -> str:
    """``71 h 12 min``; hours are not folded into days, because the law counts hours."""
    minutes = int(abs(span).total_seconds()) // 60
    return f"{minutes // 60}{NB}h {minutes % 60}{NB}min"


def short(digest: Sha256 | str | None) -> str:
    """The first twelve characters; the full digest stands in the evidence table."""
    return UNKNOWN if not digest else digest[:_SHORT_DIGEST] + "…"


def size(number_of_bytes: int) -> str:
    """Bytes in decimal units, as file managers of today show them."""
    amount, unit = float(number_of_bytes), "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if amount < 1000:  # noqa: PLR2004 - SI
            break
        amount, unit = amount / 1000, larger
    return f"{number_of_bytes}{NB}bytes" if unit == "bytes" else f"{amount:.1f}{NB}{unit}"


def words(items: list[str] | tuple[str, ...], empty: str = UNKNOWN) -> str:
    """A list as prose: 'health data, genetic data'; an empty one says so."""
    return ", ".join(tidy(item, 120) for item in items) if items else empty


def access(values: Iterable[str], empty: str = UNKNOWN) -> str:
    """What answers expose, in words: 'top-k, labels'."""
    return words([str(value).replace("_", "-") for value in values], empty)


def sentence(text: str, limit: int = _LIMIT) -> str:
    """The text with a capital and a full stop; empty stays empty."""
    tidied = tidy(text, limit)
    if not tidied:
        return ""
    return tidied[0].upper() + tidied[1:] + ("" if tidied[-1] in ".!?…]" else ".")
