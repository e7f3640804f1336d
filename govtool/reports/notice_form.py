"""The questions of an Article 33 notice in the order of the EDPB's common template, all open. Pure data.

References: Art. 33(3) elements numbered a1 to d2 as the law counts them; T = row of the EDPB template, version 1.0 of
June 2026 (consultation text; no final version was published when this was written).
"""

from govtool.errors import InputError
from govtool.reports.notice_field import Field, Status

TEMPLATE = "EDPB common template for Art. 33 notifications, version 1.0 (June 2026, consultation text)"
SECTIONS = (
    "About this notification",
    "Controller and contact",
    "Timeline",
    "What happened",
    "People and data",
    "Consequences and measures",
    "Other authorities and attachments",
)


def _open(key: str, section: int, ref: str, label: str, asks: str, suggestion: str = "") -> Field:
    return Field(key, SECTIONS[section], ref, label, Status.TO_BE_DETERMINED, asks, suggestion=suggestion)


_CONFIRM = "Suggested by tool, to be confirmed: "

FORM: tuple[Field, ...] = (
    _open("notification_type", 0, "33(4) · T3", "Type", "New notification, or a follow-up to an earlier one."),
    _open("authority", 0, "33(1)", "Competent authority", "The authority of the main establishment."),
    _open("authority_case_id", 0, "T6", "Authority's case number", "Given by the authority after the first notice."),
    _open("internal_ref", 0, "T7", "Our reference", "The incident's id."),
    _open("controller_name", 1, "33(1) · T10", "Controller", "Name of the controller."),
    _open("controller_registration", 1, "T11–12", "Registration", "Company or public register number."),
    _open("controller_address", 1, "T13–15", "Address and country", "Postal address and country of establishment."),
    _open("controller_sector", 1, "T16–17", "Sector", "Sector of activity."),
    _open(
        "reporting_person", 1, "T21–26", "Person who reports", "Name, function and contact of who files this notice."
    ),
    _open("contact_point", 1, "33(3)(b) · T29–36", "DPO or other contact point", "Name, role, e-mail and telephone."),
    _open(
        "other_parties",
        1,
        "33(2), 26, 28 · T38–41",
        "Processors and joint controllers",
        "Who else was involved, and in which role.",
    ),
    _open("occurred", 2, "T44–47, T53", "When it occurred", "Start and end, or that it goes on."),
    _open("first_alert", 2, "EDPB 9/2022", "First alert", "When the first sign was noticed, by whom."),
    _open("aware", 2, "33(1) · T48", "Aware since", "When a person was reasonably certain, and why."),
    _open(
        "reasons_for_delay",
        2,
        "33(1) · T49",
        "Reasons for the delay",
        "Required when the first notice is later than 72 hours after awareness.",
    ),
    _open(
        "discovery_mode",
        2,
        "T50–52",
        "How it was detected",
        "By the controller, a processor, a person concerned, a third party, the press.",
    ),
    _open(
        "cia_nature",
        3,
        "33(3)(a) a1 · T55",
        "Nature of the breach",
        "Confidentiality, integrity, availability.",
        _CONFIRM + "confidentiality (answers about training records went to clients that should not have had them)",
    ),
    _open(
        "incident_type",
        3,
        "33(3)(a) a1 · T60",
        "Type of incident",
        "One of the template's 25 types.",
        _CONFIRM + "data exfiltration / unauthorised extraction (the template has no type for attacks on models)",
    ),
    _open("cause", 3, "T61", "Cause", "Internal or external, malicious or not."),
    _open(
        "narrative", 3, "33(3)(a) a1 · T62", "Description", "What happened, without personal data of those concerned."
    ),
    _open("systems", 3, "T63", "Systems concerned", "Model, version, deployment, location."),
    _open(
        "subject_categories",
        4,
        "33(3)(a) a2 · T65–66",
        "Categories of people",
        "For example patients, employees, children.",
    ),
    _open(
        "subjects_count",
        4,
        "33(3)(a) a3 · T67–68",
        "Number of people, approximately",
        "A number with the way it was found, or why it cannot be determined.",
    ),
    _open(
        "data_types",
        4,
        "33(3)(a) a4 · T70–71",
        "Categories of data records",
        "Types of data, special categories named.",
    ),
    _open(
        "records_count",
        4,
        "33(3)(a) a5 · T72–73",
        "Number of records, approximately",
        "A number with the way it was found, or why it cannot be determined.",
    ),
    _open(
        "measures_before",
        4,
        "32 · T75–76",
        "Measures in place before",
        "Technical and organisational measures at the time.",
    ),
    _open("consequences", 5, "33(3)(c) · T79–84", "Likely consequences", "For the people concerned."),
    _open("impacts", 5, "33(3)(c) · T85–86", "Impacts on people", "Of the template's list (recital 85)."),
    _open("severity", 5, "T87", "Severity", "Minor, moderate or severe. A person's judgement."),
    _open(
        "risk_outcome",
        5,
        "33(1), 34(1) · T89–90",
        "Risk to people, with reasons",
        "Unlikely, risk or high risk; the DPO's advice is recorded with it. A person's judgement.",
    ),
    _open("measures_taken", 5, "33(3)(d) d1 · T92–93", "Measures taken or proposed", "To address the breach."),
    _open("measures_mitigating", 5, "33(3)(d) d2 · T94–95", "Measures against adverse effects", "Where appropriate."),
    _open(
        "art34_status",
        5,
        "34 · T97–106",
        "Communication to people",
        "Done, planned, or not required and on which ground. A person's judgement.",
    ),
    _open("other_regulators", 6, "T109–111", "Police and other regulators", "Who else was or will be told."),
    _open(
        "cross_border",
        6,
        "55, 56 · T113–123",
        "Cross-border processing",
        "Affected countries, numbers per country, lead authority.",
    ),
    _open("attachments", 6, "T125", "Attachments", "By name and digest."),
)


def check_answer(key: str, status: str) -> None:
    """Refuse an answer that no field of the form would show.

    Raises:
        InputError: unknown field or status.
    """
    keys = [field.key for field in FORM]
    if key not in keys:
        raise InputError(f"the notice has no field {key[:60]!r}", hint=f"one of {', '.join(keys)}")
    if status not in list(Status):
        raise InputError(f"unknown status {status[:60]!r}", hint=f"one of {', '.join(Status)}")
