"""What must not reach a notice: whatever looks like it points at one person, in texts that people typed.

A notice goes to an authority and is copied from there. It carries counts and categories, never a record, a prompt or the
name of an account. The tool's own texts are built from numbers; only what a person typed (title, summary, reasons) has
to be searched. A search finds patterns, not meaning: a name in a sentence stays. The draft says so.
"""

import re

from govtool.reports import format as f

_PATTERNS = (
    ("e-mail address", re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+")),
    ("network address", re.compile(r"\b\d{1,3}(\.\d{1,3}){3}\b|\b[0-9a-fA-F]{1,4}(:[0-9a-fA-F]{0,4}){3,7}\b(?!\d)")),
    ("number of a person or account", re.compile(r"(?<![\w.-])\+?\d[\d ./-]{6,}\d(?![\w-])")),
)
_KEYED = re.compile(r"[a-z]+:[0-9a-f]{8,64}")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d\S*)?")


def withhold(text: str) -> str:
    """The text, tidy, with e-mail and network addresses and long numbers replaced. Dates are left alone."""
    kept: list[str] = []

    def keep(match: re.Match[str]) -> str:
        kept.append(match.group())
        return f"\x00{chr(0xE000 + len(kept) - 1)}\x00"

    shown = _INSTANT.sub(keep, text.replace("\x00", " "))
    for name, pattern in _PATTERNS:
        shown = pattern.sub(f"[withheld: {name}]", shown)
    for index, original in enumerate(kept):
        shown = shown.replace(f"\x00{chr(0xE000 + index)}\x00", original)
    return f.tidy(shown)


def principal(identifier: str, number: int) -> str:
    """A client by the keyed digest that the log holds; anything else is numbered, because it may be a person's name."""
    return identifier if _KEYED.fullmatch(identifier) else f"client {number} (identifier withheld)"
