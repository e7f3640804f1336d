"""From a view to a document: one self-contained HTML file, and from the same HTML a tagged PDF/A-3a with its data attached.

Everything is inlined (type faces, style, images), and the renderer may fetch nothing but ``data:`` URLs, so a name taken
from a log cannot make it read a file or call a server. The same view gives the same bytes on one machine: the dates in
the file come from the view, not from the clock.
"""

import base64
import warnings
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from govtool import resources, runtime
from govtool.errors import WorkError

if TYPE_CHECKING:
    from jinja2 import Environment

HTML = "text/html"
PDF = "application/pdf"
_FACES = (
    ("Plex Sans", 400, "normal", "IBMPlexSans-Regular.woff"),
    ("Plex Sans", 400, "italic", "IBMPlexSans-Italic.woff"),
    ("Plex Sans", 500, "normal", "IBMPlexSans-Medium.woff"),
    ("Plex Sans", 600, "normal", "IBMPlexSans-SemiBold.woff"),
    ("Plex Mono", 400, "normal", "IBMPlexMono-Regular.woff"),
)
_PANGO_HINT = (
    "Debian or Ubuntu: apt install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 · macOS: brew install pango · "
    "Windows: MSYS2, pacman -S mingw-w64-x86_64-pango · or write HTML: --format html"
)


@dataclass(frozen=True)
class Attachment:
    """The machine-readable values of a document."""

    name: str
    description: str
    data: bytes
    sha256: str


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(resources.find("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _style() -> tuple[str, str]:
    """The @font-face rules with the faces inlined, and the style sheet. Both are our own files."""
    folder = resources.find("templates")
    faces = [
        f'@font-face {{ font-family: "{family}"; font-weight: {weight}; font-style: {style}; '
        f"src: url(data:font/woff;base64,{_base64(folder / 'fonts' / name)}) format('woff'); }}"
        for family, weight, style, name in _FACES
    ]
    return "\n".join(faces), (folder / "print.css").read_text(encoding="utf-8")


def _base64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def render_html(template: str, view: Any, attachment: Attachment, *, link_data: bool, styled: bool = True) -> str:
    """One HTML file that needs nothing beside it.

    Args:
        template: file in ``templates/``.
        view: what the template prints.
        attachment: its digest is printed in the footer.
        link_data: put the attachment into the page behind a link, for HTML that is handed out as such.
        styled: False leaves type faces and style out, where only the content matters.
    """
    from markupsafe import Markup

    fonts, css = _style()
    uri = "data:application/json;base64," + base64.b64encode(attachment.data).decode() if link_data else ""
    return (
        _environment()
        .get_template(template)
        .render(
            view=view,
            fonts=Markup(fonts if styled else ""),  # noqa: S704 - our own files
            css=Markup(css if styled else ""),  # noqa: S704 - our own file
            data_sha256=attachment.sha256,
            attachment_name=attachment.name,
            attachment_uri=uri,
        )
    )


def pdf_available() -> str | None:
    """Why PDFs cannot be written here, with what to install; None when they can."""
    try:
        import weasyprint  # noqa: F401 - the import itself fails where its C libraries are missing
    except (OSError, ImportError) as error:
        return f"the PDF renderer cannot be loaded ({str(error).splitlines()[0][:160]}). {_PANGO_HINT}"
    return None


def renderer(media_type: str) -> str:
    """What wrote the document, with versions, for the record."""
    from importlib.metadata import version

    if media_type == HTML:
        return f"jinja2 {version('jinja2')}"
    from weasyprint.text.ffi import pango

    return f"weasyprint {version('weasyprint')}, pango {pango.pango_version()}, pydyf {version('pydyf')}"


def render_pdf(html: str, attachment: Attachment, *, created: datetime) -> bytes:
    """A tagged PDF/A-3a (claimed by its metadata; no validator is run) with the data attached.

    Raises:
        WorkError: the PDF renderer's C libraries are missing here.
    """
    if (reason := pdf_available()) is not None:
        raise WorkError("no PDF can be written on this machine", hint=reason)
    import weasyprint
    from weasyprint.text.fonts import FontConfiguration
    from weasyprint.urls import URLFetcher

    attached = weasyprint.Attachment(
        string=attachment.data,
        name=attachment.name,
        description=attachment.description,
        relationship="Data",
        created=created,
        modified=created,
    )
    with runtime.source_date_epoch(created), warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", ResourceWarning
        )  # WeasyPrint 70 leaves its colour profile open (pdf/__init__.py)
        document = weasyprint.HTML(
            string=html, url_fetcher=URLFetcher(allowed_protocols=("data",), allow_redirects=False)
        )
        data: bytes = document.write_pdf(
            font_config=FontConfiguration(), attachments=[attached], pdf_variant="pdf/a-3a", pdf_tags=True
        )
    return data
