"""What must not reach a notice: whatever looks like it points at one person, in texts that people typed.

A notice goes to an authority and is copied from there. It carries counts and categories, never a record, a prompt or the
name of an account. The tool's own texts are built from numbers; only what a person typed (title, summary, reasons) has
to be searched. A search finds patterns, not meaning: a name in a sentence stays. The draft says so.
"""

import ipaddress
import re

from govtool.reports import format as f

_PATTERNS = (
    ("e-mail address", re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[\w-]+(\.[\w-]+)+")),
    ("network address", re.compile(r"\b\d{1,3}(\.\d{1,3}){3}\b|\b[0-9a-fA-F]{1,4}(:[0-9a-fA-F]{0,4}){3,7}\b(?!\d)")),
    ("number of a person or account", re.compile(r"(?<![\w.-])\+?\d[\d ./-]{6,}\d(?![\w-])")),
    # MRN12345678, MRN-7654321, NHS_9434765919: letters that say whose number it is, and the number.
    (
        "number of a person or account",
        re.compile(r"(?<![\w-])(?!CVE-)[^\W\d_]{1,20}[_#:/-]?\d[\d-]{4,}\d[^\W\d_]?(?![\w-])"),
    ),
)
_COLONS = re.compile(r"(?<![\w:])[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){2,7}(?![\w])")
_KEYED = re.compile(r"key:(?=[0-9]*[a-f])[0-9a-f]{12,64}")
"""A keyed digest as our server logs it. Twelve digits without a letter are as well a number of somebody: not shown."""
_INSTANT = re.compile(r"(?<![\w-])\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?)?(?![\w-])")


def withhold(text: str) -> str:
    """The text, tidy, with e-mail and network addresses and long numbers replaced. Dates are left alone."""
    kept: list[str] = []

    def keep(match: re.Match[str]) -> str:
        kept.append(match.group())
        return f"\x00{chr(0xE000 + len(kept) - 1)}\x00"

    shown = _INSTANT.sub(keep, text.replace("\x00", " "))
    shown = _COLONS.sub(_unless_no_address, shown)
    for name, pattern in _PATTERNS:
        shown = pattern.sub(f"[withheld: {name}]", shown)
    for index, original in enumerate(kept):
        shown = shown.replace(f"\x00{chr(0xE000 + index)}\x00", original)
    return f.tidy(shown)


def _unless_no_address(match: re.Match[str]) -> str:
    """An IPv6 address in any of its short forms is withheld; a time of day, which looks alike, is none and stays."""
    found = match.group()
    for text, rest in ((found, ""), (found.rstrip(":"), found[len(found.rstrip(":")) :])):
        try:
            ipaddress.IPv6Address(text)
        except ValueError:
            continue
        return f"[withheld: network address]{rest}" if text != "::" else found
    return found


def principal(identifier: str, number: int) -> str:
    """A client by the keyed digest that the log holds; anything else is numbered, because it may be a person's name."""
    return identifier if _KEYED.fullmatch(identifier) else f"client {number} (identifier withheld)"
