"""Knows every module that defines tables, so that migrations and verification see the whole schema."""

import importlib

from govtool.evidence.models import EvidenceRow

_MODULES = ("evidence", "registry", "audits", "incidents", "policy", "reports")


def import_models() -> None:
    """Make every table known to `Base.metadata`. By name, because evidence lies below the layers that own them."""
    for domain in _MODULES:
        importlib.import_module(f"govtool.{domain}.models")


def evidence_tables() -> dict[str, type[EvidenceRow]]:
    """Table name to class, for every table whose rows are ledger entries."""
    import_models()
    return {cls.__tablename__: cls for cls in sorted(EvidenceRow.__subclasses__(), key=lambda cls: cls.__tablename__)}
