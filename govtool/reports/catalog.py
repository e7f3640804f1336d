"""Every kind of report. A new one is a view, a template and a line here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from govtool.reports import assessment, notice

Build = Callable[..., tuple[Any, Any]]
"""(session, vault, subject, *, report_id, now, by, organisation) -> (subject row, view)."""


@dataclass(frozen=True)
class ReportKind:
    name: str
    title: str
    subject_kind: str
    template: str
    data_name: str
    """The name under which the machine-readable values are attached."""
    build: Build
    pictures: bool = False
    """Whether it can hold pictures of people; its view is then also told whether to show them."""


REPORTS: dict[str, ReportKind] = {
    assessment.KIND: ReportKind(
        name=assessment.KIND,
        title="Privacy assessment of a model version",
        subject_kind="model_version",
        template="assessment.html",
        data_name="assessment.json",
        build=assessment.build,
        pictures=True,
    ),
    notice.KIND: ReportKind(
        name=notice.KIND,
        title="Draft of a notification under Article 33 GDPR",
        subject_kind="incident",
        template="gdpr_article33.html",
        data_name="notice.json",
        build=notice.build,
    ),
}
"""Reports about a model version are built by ``govtool report build``, notices about an incident by ``govtool notify draft``."""
