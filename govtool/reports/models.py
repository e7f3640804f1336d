"""Documents that were built, by digest."""

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from govtool.digest import Sha256
from govtool.evidence.models import IN_VAULT, EvidenceRow


class Report(EvidenceRow):
    __tablename__ = "report"

    kind: Mapped[str] = mapped_column(sa.String(40))
    subject_kind: Mapped[str] = mapped_column(sa.String(20))
    subject_id: Mapped[str] = mapped_column(sa.String(40), index=True)
    media_type: Mapped[str] = mapped_column(sa.String(100))
    document_sha256: Mapped[Sha256] = mapped_column(sa.String(64), info=IN_VAULT)
    data_sha256: Mapped[Sha256] = mapped_column(sa.String(64), info=IN_VAULT)
    """The machine-readable JSON that is attached to the document."""
    renderer: Mapped[str] = mapped_column(sa.Text)


class Notice(EvidenceRow):
    """A draft or sent notification. The fields are in the vault; each carries value, status, source, author, at."""

    __tablename__ = "notice"

    incident_id: Mapped[str] = mapped_column(sa.ForeignKey("incident.id"), index=True)
    kind: Mapped[str] = mapped_column(sa.String(40))
    state: Mapped[str] = mapped_column(sa.String(20))
    """draft; submission comes with sign-off and is not built yet."""
    completeness: Mapped[str] = mapped_column(sa.String(20))
    """complete or incomplete (GDPR Art. 33(4): information in phases)."""
    fields_sha256: Mapped[Sha256] = mapped_column(sa.String(64), info=IN_VAULT)
    report_id: Mapped[str] = mapped_column(sa.ForeignKey("report.id"))
