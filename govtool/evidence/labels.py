"""Names that a person knows: which record, and which of its bytes."""

from collections.abc import Mapping
from typing import Any

_NAMES = (
    "original_name",
    "name",
    "attack",
    "detector",
    "artifact_name",
    "title",
    "kind",
    "version",
    "outcome",
    "action",
)
_BELONGS = {"case_id": "incident", "incident_id": "incident", "run_id": "run", "item_id": "exhibit"}
_BYTES = {
    "sha256": "original bytes",
    "evidence_sha256": "scores and labels",
    "references_sha256": "answers of the reference models",
    "figures": "figure",
    "rows_sha256": "anchors of its events",
    "list_sha256": "list of exposed records",
    "produced_sha256": "derived bytes",
}


def record_label(kind: str, body: Mapping[str, Any]) -> str:
    """For example ``evidence item ev-7k3m (server.log, incident inc-9q2x)``."""
    name = next((str(body[key]) for key in _NAMES if body.get(key)), "")
    owner = next((f"{word} {body[key]}" for key, word in _BELONGS.items() if body.get(key)), "")
    inside = ", ".join(part for part in (name, owner) if part)
    return f"{kind.replace('_', ' ')} {body.get('id', '(no id)')}" + (f" ({inside})" if inside else "")


def bytes_label(body: Mapping[str, Any], digest: str) -> str:
    """What the record uses these bytes for."""
    for key, value in body.items():
        if value == digest or (isinstance(value, list) and digest in value):
            return _BYTES.get(key, key.removesuffix("_sha256").replace("_", " "))
    return "bytes"
