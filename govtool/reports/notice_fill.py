"""Fills the form from what is recorded. Facts and counts only; judgements stay open until a person records them.

A statement recorded by a person (an incident event of kind 'field') always wins over what the tool derives.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

from govtool.digest import rfc3339
from govtool.errors import InputError
from govtool.evidence.models import EvidenceRow
from govtool.reports import format as f
from govtool.reports.deadlines import Clock
from govtool.reports.notice_case import Case
from govtool.reports.notice_field import Field, Status
from govtool.reports.notice_form import FORM
from govtool.reports.registry_view import level
from govtool.reports.withhold import withhold
from govtool.settings import Organisation

TOOL = "govtool"
SETTINGS = "govtool.toml"
_CLASSIFIED = 2


def fill(case: Case, organisation: Organisation, clock: Clock, now: datetime) -> tuple[Field, ...]:
    """Every field of the form, in order."""
    found: dict[str, dict[str, Any]] = {
        **_organisation(organisation),
        **_notification(case, now),
        **_timeline(case, organisation, clock, now),
        **_nature(case, organisation),
        **_people(case),
        **_attachments(case),
        **_statements(case),
    }
    return tuple(replace(field, **found.get(field.key, {})) for field in FORM)


def _by(row: EvidenceRow) -> dict[str, Any]:
    return {"source": row.id, "author": f.tidy(row.recorded_by, 120), "at": rfc3339(row.recorded_at)}


def _is(text: str, value: Any, *, status: Status = Status.KNOWN, **source: Any) -> dict[str, Any]:
    return {"status": status, "text": text, "value": value, **source}


def _organisation(organisation: Organisation) -> dict[str, dict[str, Any]]:
    """What the settings say. An empty setting stays open."""
    who = organisation.contact
    contact = ", ".join(part for part in (who.name, who.role, who.email, who.phone) if part)
    kind = "DPO" if organisation.contact_is_dpo else "other contact point"
    place = ", ".join(part for part in (organisation.address, organisation.country) if part)
    given = {
        "authority": (organisation.authority, organisation.authority),
        "controller_name": (organisation.name, organisation.name),
        "controller_registration": (organisation.registration, organisation.registration),
        "controller_address": (place, {"address": organisation.address, "country": organisation.country}),
        "controller_sector": (organisation.sector, organisation.sector),
        "contact_point": (
            f"{kind}: {contact}" if who.name or who.email or who.phone else "",
            {"kind": kind, **who.model_dump()},
        ),
    }
    source: dict[str, Any] = {"source": SETTINGS, "author": "workspace settings"}
    return {key: _is(f.tidy(text), value, **source) for key, (text, value) in given.items() if text}


def _notification(case: Case, now: datetime) -> dict[str, dict[str, Any]]:
    drafted: dict[str, Any] = {"source": case.incident.id, "author": TOOL, "at": rfc3339(now)}
    if case.submitted is not None:
        kind = _is("Follow-up", "follow_up", **_by(case.submitted))
        return {"notification_type": kind, "internal_ref": _is(case.incident.id, case.incident.id, **drafted)}
    return {
        "notification_type": _is("New (initial) notification", "new", **drafted),
        "authority_case_id": _is("None yet: this is the first notice.", None, status=Status.NOT_APPLICABLE, **drafted),
        "internal_ref": _is(case.incident.id, case.incident.id, **drafted),
    }


def _timeline(case: Case, organisation: Organisation, clock: Clock, now: datetime) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    zone = organisation.timezone
    for kind in ("first_alert", "aware"):
        if (event := case.in_force.get(kind)) is not None:
            reason = f". {f.sentence(withhold(event.reason))}" if event.reason else ""
            said = f"{f.instant(event.at, zone)}, said by {withhold(event.by)}{reason}"
            found[kind] = _is(said, rfc3339(event.at), **_by(event))
    if (occurred := _occurred(case, zone)) is not None:
        found["occurred"] = occurred
    if (delay := _delay(case, clock, now)) is not None:
        found["reasons_for_delay"] = delay
    return found


def _occurred(case: Case, zone: str) -> dict[str, Any] | None:
    start, end = case.in_force.get("occurred_start"), case.in_force.get("occurred_end")
    if start is not None:
        until = f"until {f.instant(end.at, zone)}" if end else "its end is to be determined"
        value = {"start": rfc3339(start.at), "end": rfc3339(end.at) if end else None}
        return _is(f"From {f.instant(start.at, zone)}; {until}", value, **_by(end or start))
    starts = [row.window_start for row in case.findings if row.window_start is not None]
    ends = [row.window_end for row in case.findings if row.window_end is not None]
    if not starts or not ends or case.run is None:
        return None
    text = (
        f"Between {f.instant(min(starts), zone)} and {f.instant(max(ends), zone)}: first and last event of the findings in the "
        "preserved logs. It may have begun earlier than the logs reach."
    )
    return _is(
        text, {"start": rfc3339(min(starts)), "end": rfc3339(max(ends))}, status=Status.ESTIMATE, **_by(case.run)
    )


def _delay(case: Case, clock: Clock, now: datetime) -> dict[str, Any] | None:
    """Only the first notice can be late; a follow-up never is (Art. 33(4))."""
    drafted: dict[str, Any] = {"source": clock.rule.id, "author": TOOL, "at": rfc3339(now)}
    if case.submitted is not None:
        return _is(
            "Not asked of a follow-up; lateness is judged on the first notice.",
            None,
            status=Status.NOT_APPLICABLE,
            **drafted,
        )
    if clock.anchor_at is None or clock.due_utc is None:
        return None
    if now > clock.due_utc:
        late = f"Required: the limit of {f.instant(clock.due_utc)} had passed by {f.duration(now - clock.due_utc)} when this was drafted."
        return {"text": late}
    return _is(
        "None so far: drafted within the limit. Needed if it is sent later.",
        None,
        status=Status.NOT_APPLICABLE,
        **drafted,
    )


def _nature(case: Case, organisation: Organisation) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    incident = case.incident
    draft = [f.sentence(withhold(incident.title)), f.sentence(withhold(incident.summary))]
    if case.run is not None:
        draft.append(
            f"{f.count(case.run.n_events)} logged requests of {f.count(case.run.n_principals)} clients were examined, answered or not; "
            f"{f.count(len(case.findings))} findings."
        )
    text = " ".join(part for part in draft if part)
    found["narrative"] = _is(
        text + " Draft; read it for personal data before it is sent.", text, status=Status.ESTIMATE, **_by(incident)
    )
    if case.version is not None:
        artifact = f", SHA-256 {f.short(case.version.artifact_sha256)}" if case.version.artifact_sha256 else ""
        where = (
            f"; deployment {f.tidy(case.deployment.name)} ({case.deployment.environment}, {case.deployment.audience})"
            if case.deployment
            else ""
        )
        value = {"model_version": case.version.id, "deployment": case.deployment.id if case.deployment else None}
        text = f"Machine-learning model {f.tidy(case.version.ref)}{artifact}{where}; controller in {organisation.country or 'a country to be determined'}"
        found["systems"] = _is(text, value, **_by(case.deployment or case.version))
    if not any(row.kind == "exposure" for row in case.findings):
        found["cia_nature"] = {"suggestion": ""}
        found["incident_type"] = {"suggestion": ""}
    return found


def _people(case: Case) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    concerned = [row for row in case.datasets if case.scope is None or row.id == case.scope.dataset_version_id]
    for key, name in (("subject_categories", "subject_categories"), ("data_types", "data_types")):
        values = sorted({value for row in concerned for value in getattr(row, name)})
        if values:
            text = f"{f.words(values)} (as registered; to be confirmed)"
            if key == "data_types":
                text = f"{_special(case)}{text}"
            found[key] = _is(text[0].upper() + text[1:], values, status=Status.ESTIMATE, **_by(concerned[0]))
    bound = _bound(case)
    for key, number in (
        ("subjects_count", case.scope.subjects_count if case.scope else None),
        ("records_count", case.scope.records_count if case.scope else None),
    ):
        if case.scope is not None and number is not None:
            text = f"At least {f.count(number)}, as far as the preserved logs show. Method: {f.sentence(withhold(case.scope.method))}"
            found[key] = _is(
                text, {"at_least": number, "method": case.scope.method}, status=Status.ESTIMATE, **_by(case.scope)
            )
        elif key == "subjects_count" and bound:
            found[key] = {"text": bound}
    return found


def _special(case: Case) -> str:
    special = sorted({value for row in case.datasets for value in row.sensitive_categories})
    levels = [row.classification_level for row in case.datasets]
    highest = None if None in levels or not levels else max(value for value in levels if value is not None)
    named = f"special categories: {f.words(special)}; " if special else ""
    return f"classification {level(highest)}; {named}"


def _bound(case: Case) -> str:
    """What is known before anybody has counted: no more people than the training data hold."""
    counts = [row.subject_count for row in case.datasets]
    if not counts or any(number is None for number in counts):
        return ""
    total = sum(number for number in counts if number is not None)
    return f"Not counted yet; at most the {f.count(total)} people in the training data. Next: govtool incident scope"


def _attachments(case: Case) -> dict[str, dict[str, Any]]:
    if not case.items:
        return {}
    value = [{"record": row.id, "sha256": row.sha256, "size": row.size} for row in case.items]
    text = f"Preserved exhibits: {f.count(len(case.items))}, named by digest in annex D. Which of them are sent is a person's choice."
    return {"attachments": _is(text, value, status=Status.ESTIMATE, **_by(case.items[-1]))}


def _statements(case: Case) -> dict[str, dict[str, Any]]:
    """What people recorded for single fields, the latest of each; its author and its instant stand beside it.

    Raises:
        InputError: a statement has a status that does not exist.
    """
    found: dict[str, dict[str, Any]] = {}
    for event in case.events:
        key = event.detail.get("field")
        if event.kind != "field" or not isinstance(key, str):
            continue
        try:
            status = Status(event.detail.get("status", Status.KNOWN))
        except ValueError as error:
            raise InputError(
                f"the statement {event.id} has an unknown status", hint=f"one of {', '.join(Status)}"
            ) from error
        value = event.detail.get("value")
        text = withhold(", ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value))
        found[key] = _is(text, text, status=status, source=event.id, author=f.tidy(event.by, 120), at=rfc3339(event.at))
    return found
